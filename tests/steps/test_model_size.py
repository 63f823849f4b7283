"""Which models are small, and how long an answer may be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.words import Payment
from reviewer.models.model import Candidate
from reviewer.steps.model_size import ANSWER_SHARE, SMALL_OUTPUT, answer_room, is_small
from tests.steps.parts import POLICY, SMALL, candidate

OWN = candidate(payment=Payment.LOCAL)


@pytest.mark.parametrize(
    ("model", "small"),
    [
        (SMALL, True),
        (replace(SMALL, context_window=200_000), True),
        (replace(SMALL, payment=Payment.OWN_KEY), False),
        (replace(OWN, context_window=8_192), False),
        (None, False),
    ],
)
def test_a_model_is_small_by_its_own_size_and_not_by_its_window(model: Candidate | None, small: bool) -> None:
    assert is_small(model) is small


@pytest.mark.parametrize(
    ("model", "room"),
    [
        (None, 4096),
        (candidate(), 4096),
        (candidate(max_output_tokens=1000), 1000),
        (SMALL, SMALL_OUTPUT),
        (replace(SMALL, max_output_tokens=150), 150),
        (OWN, 4096),
        (replace(OWN, context_window=8_192), 2048),
        (replace(OWN, context_window=400), SMALL_OUTPUT),
        (candidate(context_window=8_192), 4096),
    ],
)
def test_an_answer_has_the_room_of_policy_or_of_the_model_whichever_is_less(
    model: Candidate | None, room: int
) -> None:
    assert answer_room(model, replace(POLICY, max_output_tokens=4096)) == room


def test_what_is_asked_of_a_small_model_is_a_sentence_and_a_local_one_answers_in_a_part_of_its_window() -> None:
    assert (SMALL_OUTPUT, ANSWER_SHARE) == (200, 4)
