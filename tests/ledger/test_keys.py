from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from reviewer.ledger.keys import BACKOFF_LONGEST, FINAL, UNFINISHED, ReviewKey, ReviewState, backoff


def test_every_state_is_either_unfinished_or_final() -> None:
    assert set(UNFINISHED) | set(FINAL) == set(ReviewState)
    assert not set(UNFINISHED) & set(FINAL)
    assert all(state.final for state in FINAL)


def test_a_pull_request_is_counted_by_the_repositorys_id() -> None:
    assert ReviewKey(1, 2, 3, "sha").pull_request == "2#3"


@given(st.integers(-5, 10**6), st.floats(0, 1))
def test_a_backoff_is_never_short_and_never_long(attempt: int, jitter: float) -> None:
    assert timedelta(seconds=7.5) <= backoff(attempt, jitter) <= BACKOFF_LONGEST


@given(st.integers(1, 40), st.floats(0, 1))
def test_a_backoff_grows(attempt: int, jitter: float) -> None:
    assert backoff(attempt, jitter) <= backoff(attempt + 1, jitter)
