"""What came of asking about one unit."""

from __future__ import annotations

import pytest

from policies.words import Tier
from reviewer.models.model import Candidate
from reviewer.steps.answer import UnitAnswer
from tests.steps.parts import candidate, plan_of


@pytest.mark.parametrize(
    ("planned", "model", "answered", "stand_in"),
    [
        (Tier.BALANCED, candidate(Tier.BALANCED), Tier.BALANCED, False),
        (Tier.BALANCED, candidate(Tier.BALANCED), Tier.EFFICIENT, True),
        (Tier.BALANCED, candidate(Tier.EFFICIENT), Tier.EFFICIENT, False),
        (Tier.BALANCED, candidate(Tier.FRONTIER), Tier.BALANCED, False),
        (Tier.BALANCED, None, Tier.EFFICIENT, True),
        (Tier.BALANCED, None, Tier.BALANCED, False),
    ],
)
def test_an_answer_stands_in_where_it_is_weaker_than_what_was_planned(
    planned: Tier, model: Candidate | None, answered: Tier, stand_in: bool
) -> None:
    assert UnitAnswer(plan_of(tier=planned, candidate=model), answered).is_stand_in is stand_in


def test_a_unit_that_nothing_is_known_of_has_no_model_no_problem_and_no_findings() -> None:
    answer = UnitAnswer(plan_of(), Tier.EFFICIENT)
    assert (answer.model, answer.text, answer.problem) == ("", "", "")
    assert (answer.findings, answer.limit, answer.from_store) == ((), False, False)
