"""What came of asking about one unit."""

from __future__ import annotations

from policies.words import Tier
from reviewer.steps.answer import UnitAnswer
from tests.steps.parts import plan_of


def test_a_unit_that_nothing_is_known_of_has_no_model_no_problem_and_no_findings() -> None:
    answer = UnitAnswer(plan_of(), Tier.EFFICIENT)
    assert (answer.model, answer.text, answer.problem) == ("", "", "")
    assert (answer.findings, answer.limit, answer.from_store) == ((), False, False)
