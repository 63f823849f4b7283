"""The decisions in the life of a review's key, each by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.ledger.keys import AGAIN, AUTOMATIC, FINAL, ReviewKey, ReviewState
from reviewer.ledger.life import LAG, Known, Next, Seen, joined, judge

HEAD, OTHER = "a" * 40, "b" * 40
EARLY, TOLD, LATE = "2026-11-21T12:00:00Z", "2026-11-21T12:00:01Z", "2026-11-21T12:00:02Z"
FRESH, OLD = timedelta(seconds=1), LAG + timedelta(seconds=1)

known = st.builds(
    Known,
    review_id=st.integers(1, 9),
    base_sha=st.sampled_from(["", "1", "2"]),
    state=st.sampled_from(ReviewState),
    delivery=st.sampled_from(["", "d1", "d2"]),
    shown=st.booleans(),
)


@given(st.lists(known, max_size=5), st.sampled_from(["1", "2"]), st.sampled_from(["d1", "d3"]))
def test_a_delivery_joins_itself_work_that_goes_on_or_a_verdict_that_is_shown(
    rows: list[Known], base: str, delivery: str
) -> None:
    join = joined(base, delivery, rows)
    if join is None:
        assert all(row.delivery != delivery for row in rows)
        assert not any(row.base_sha == base and not row.state.final for row in rows)
        assert not any(row.base_sha == base and row.state is ReviewState.PUBLISHED and row.shown for row in rows)
    elif join.delivery != delivery:
        assert join.base_sha in (base, "")
        assert not join.state.final or (join.state is ReviewState.PUBLISHED and join.shown)


@pytest.mark.parametrize("state", [state for state in FINAL if state is not ReviewState.PUBLISHED])
def test_an_end_without_a_verdict_is_not_final_for_another_delivery(state: ReviewState) -> None:
    row = Known(1, "1", state, "d1", shown=True)
    assert joined("1", "d2", [row]) is None
    assert joined("1", "d1", [row]) is row


def key(head: str = HEAD, trigger: str = AUTOMATIC) -> ReviewKey:
    return ReviewKey(1, 2, 3, head, trigger)


def judged(seen: Seen, of: ReviewKey | None = None, age: timedelta = FRESH, *, newer: bool = False) -> Next:
    return judge(of or key(), seen, told_at=TOLD, age=age, newer=newer, drafts=False)


def seen(head: str = HEAD, at: str = LATE, *, is_open: bool = True, draft: bool = False) -> Seen:
    return Seen(head, is_open, draft, at)


def test_the_live_head_goes_on_unless_a_later_delivery_asked_for_it_too() -> None:
    assert judged(seen()) is Next.REVIEW
    assert judged(seen(), newer=True) is Next.SUPERSEDED
    # What somebody asked for by name gives way to no push.
    assert judged(seen(), key(trigger="comment:1"), newer=True) is Next.REVIEW
    assert judged(seen(OTHER), key(head="", trigger="comment:1")) is Next.REVIEW
    assert judged(seen(), key(trigger=f"{AGAIN}x"), newer=True) is Next.SUPERSEDED


def test_another_head_ends_a_review_only_where_the_answer_is_newer_than_the_delivery() -> None:
    assert judged(seen(OTHER, LATE)) is Next.SUPERSEDED
    assert judged(seen(OTHER, TOLD)) is Next.LOOK_AGAIN
    assert judged(seen(OTHER, EARLY)) is Next.LOOK_AGAIN
    assert judged(seen(OTHER, TOLD), newer=True) is Next.SUPERSEDED
    # Replicas do not lag for ever.
    assert judged(seen(OTHER, EARLY), age=OLD) is Next.SUPERSEDED


def test_an_answer_from_before_the_delivery_says_nothing_of_closed_or_draft() -> None:
    assert judged(seen(at=EARLY, is_open=False)) is Next.LOOK_AGAIN
    assert judged(seen(at=EARLY, draft=True)) is Next.LOOK_AGAIN
    assert judged(seen(is_open=False)) is Next.CLOSED
    assert judged(seen(draft=True)) is Next.DRAFT
    assert judged(seen(draft=True), key(trigger="rerun:x")) is Next.REVIEW
    assert judge(key(), seen(draft=True), told_at="", age=FRESH, newer=False, drafts=True) is Next.REVIEW


@given(
    st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["", EARLY, TOLD]), st.sampled_from([HEAD, OTHER])
)
def test_every_review_comes_to_an_end(is_open: bool, draft: bool, newer: bool, told: str, head: str) -> None:
    answer = judge(key(), Seen(head, is_open, draft, EARLY), told_at=told, age=OLD, newer=newer, drafts=False)
    assert answer is not Next.LOOK_AGAIN
