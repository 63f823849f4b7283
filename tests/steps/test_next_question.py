"""What is asked after an answer that cannot be used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.escalation import Attempt, Stop
from policies.policy import Policy
from policies.words import AtLimit, Check, Strategy, Tier
from reviewer.errors import KiloReviewError, ModelUnavailable
from reviewer.findings.check import CheckFailure
from reviewer.models.model import Stage
from reviewer.steps.check import CheckedAnswer
from reviewer.steps.context import ReviewContext
from reviewer.steps.next_question import ADVICE, next_question, step_down
from reviewer.steps.unit_state import UnitState
from tests.findings.builders import finding
from tests.steps.parts import OVER_LIMIT, POLICY, SMALL, ScriptedModels, context_of, plan_of

HINT = finding("A shell runs it", source="ruff:S602")


def failed(check: Check, detail: str = "the detail", *, hints: bool = False) -> CheckedAnswer:
    return CheckedAnswer((), (), CheckFailure(check, detail), (HINT,) if hints else ())


def after(state: UnitState, checked: CheckedAnswer, context: ReviewContext) -> Stop | None:
    assert checked.failure is not None
    state.attempts.append(Attempt(state.stage.value, state.tier, checked.failure.check))
    return next_question(state, "its own words", checked, checked.failure, context)


def test_the_first_failure_is_repaired_with_the_answer_its_fault_and_what_to_do() -> None:
    state = UnitState.of(plan_of())
    assert after(state, failed(Check.QUOTE), context_of()) is None
    assert (state.stage, state.tier, state.escalations) == (Stage.REPAIR, Tier.EFFICIENT, [])
    for words in ("the diff", "its own words", "the detail", ADVICE[Check.QUOTE]):
        assert words in state.prompt.text
    assert state.question.unit == "the diff"


@pytest.mark.parametrize("check", [Check.QUOTE, Check.ANCHOR, Check.TRUNCATED, Check.SELF_REPORTED_UNCERTAIN])
def test_each_advice_is_a_sentence(check: Check) -> None:
    assert ADVICE[check].endswith(".")
    assert len(ADVICE[check].split()) > 5


def test_a_check_without_advice_or_detail_is_repaired_all_the_same() -> None:
    state = UnitState.of(plan_of())
    assert after(state, failed(Check.SCHEMA, ""), context_of()) is None
    assert "a check failed" in state.prompt.text


def test_the_second_failure_is_put_to_the_next_tier_as_it_was_asked_first() -> None:
    state = UnitState.of(plan_of())
    state.stage = Stage.REPAIR
    context = context_of()
    assert after(state, failed(Check.QUOTE), context) is None
    assert (state.stage, state.tier) == (Stage.ESCALATION, Tier.BALANCED)
    assert state.prompt is state.question
    (step,) = state.escalations
    assert (step.unit, step.check, step.detail) == (state.plan.unit.identity, Check.QUOTE, "the detail")
    assert (step.from_tier, step.to_tier) == (Tier.EFFICIENT, Tier.BALANCED)
    assert context.run.escalations == 1


def test_the_stronger_tier_is_told_what_the_analysers_found() -> None:
    state = UnitState.of(plan_of())
    state.stage = Stage.REPAIR
    assert after(state, failed(Check.EMPTY_ON_EVIDENCE, hints=True), context_of()) is None
    assert "A shell runs it" in state.prompt.text
    assert "its own words" not in state.prompt.text


@pytest.mark.parametrize(
    ("policy", "highest", "reason"),
    [
        (replace(POLICY, max_calls_per_unit=1), Tier.FRONTIER, "the unit has had its 1 calls"),
        (POLICY, Tier.EFFICIENT, "efficient is the highest tier allowed and usable"),
        (replace(POLICY, model="acme/one"), Tier.FRONTIER, "the policy names one model (acme/one)"),
        (replace(POLICY, max_escalations=0), Tier.FRONTIER, "the run has used its 0 escalations"),
    ],
)
def test_the_reason_is_told_where_nothing_more_is_asked(policy: Policy, highest: Tier, reason: str) -> None:
    state = UnitState.of(plan_of())
    state.stage = Stage.REPAIR
    before = state.prompt
    stop = after(state, failed(Check.QUOTE), context_of(ScriptedModels(highest=highest), policy))
    assert stop is not None
    assert reason in stop.reason
    assert (state.prompt, state.escalations) == (before, [])


def test_another_unit_may_take_the_last_escalation_first() -> None:
    class TakenMeanwhile(type(context_of().run)):  # type: ignore[misc]
        def take_escalation(self, most: int) -> bool:
            return False

    state = UnitState.of(plan_of())
    state.stage = Stage.REPAIR
    stop = after(state, failed(Check.QUOTE), replace(context_of(), run=TakenMeanwhile()))
    assert stop == Stop("the run has used its 20 escalations")
    assert (state.tier, state.escalations) == (Tier.EFFICIENT, [])


def test_a_strategy_that_was_asked_for_bounds_escalation() -> None:
    state = UnitState.of(plan_of())
    state.stage = Stage.REPAIR
    stop = after(state, failed(Check.QUOTE), context_of().bounded_by(Strategy.EFFICIENT))
    assert stop is not None
    assert "efficient is the highest tier" in stop.reason


@pytest.mark.parametrize(("highest", "asked"), [(Tier.FREE, False), (Tier.EFFICIENT, True)])
def test_a_small_local_model_is_not_asked_to_repair_its_answer(highest: Tier, asked: bool) -> None:
    state = UnitState.of(plan_of(tier=Tier.FREE, candidate=SMALL))
    stop = after(state, failed(Check.QUOTE), context_of(ScriptedModels(highest=highest)))
    assert (stop is None) is asked
    if stop is not None:
        assert stop.reason == "a small local model is not asked to repair its answer"


def test_a_limit_that_leaves_no_room_is_met_one_tier_down_and_the_reader_is_told() -> None:
    state = UnitState.of(plan_of(tier=Tier.BALANCED))
    assert step_down(state, OVER_LIMIT, replace(POLICY, at_limit=AtLimit.DEGRADE))
    assert state.tier is Tier.EFFICIENT
    assert state.notices == ["run-limit: balanced would pass the limit, efficient was used instead"]


@pytest.mark.parametrize(
    ("error", "tier", "at_limit"),
    [
        (ModelUnavailable("away"), Tier.BALANCED, AtLimit.DEGRADE),
        (None, Tier.BALANCED, AtLimit.DEGRADE),
        (OVER_LIMIT, Tier.FREE, AtLimit.DEGRADE),
        (OVER_LIMIT, Tier.BALANCED, AtLimit.STOP),
    ],
)
def test_no_tier_is_stepped_down_for_anything_else(
    error: KiloReviewError | None, tier: Tier, at_limit: AtLimit
) -> None:
    state = UnitState.of(plan_of(tier=tier))
    assert step_down(state, error, replace(POLICY, at_limit=at_limit)) is False
    assert (state.tier, state.notices) == (tier, [])
