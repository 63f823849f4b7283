"""Which models are small, and how long an answer may be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.words import Payment
from reviewer.models.model import Candidate
from reviewer.steps.model_size import SMALL_OUTPUT, SMALL_WINDOW, answer_room, is_small
from tests.steps.parts import POLICY, SMALL, candidate

PAID = candidate(context_window=8_192)


@pytest.mark.parametrize(
    ("model", "small"),
    [
        (SMALL, True),
        (replace(SMALL, context_window=SMALL_WINDOW), True),
        (replace(SMALL, context_window=SMALL_WINDOW + 1), False),
        (PAID, False),
        (None, False),
    ],
)
def test_a_model_is_small_where_it_is_local_and_its_window_is(model: Candidate | None, small: bool) -> None:
    assert is_small(model) is small


def test_the_windows_that_count_as_small_are_those_of_models_with_a_page_to_read() -> None:
    assert (SMALL_WINDOW, SMALL_OUTPUT) == (16_384, 200)


@pytest.mark.parametrize(
    ("model", "room"),
    [
        (None, 4096),
        (candidate(), 4096),
        (candidate(max_output_tokens=1000), 1000),
        (SMALL, SMALL_OUTPUT),
        (replace(SMALL, max_output_tokens=150), 150),
        (candidate(payment=Payment.LOCAL), 4096),
    ],
)
def test_an_answer_has_the_room_of_policy_or_of_the_model_whichever_is_less(
    model: Candidate | None, room: int
) -> None:
    assert answer_room(model, replace(POLICY, max_output_tokens=4096)) == room
