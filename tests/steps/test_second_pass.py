"""The second pass: a cheap tier is asked the same question again, where policy buys that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.escalation import Attempt
from policies.words import Tier
from reviewer.errors import ModelUnavailable
from reviewer.models.model import Candidate, Stage
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.run_limits import RunLimits
from reviewer.steps.second_pass import add_second_pass
from reviewer.steps.unit_state import UnitState
from tests.findings.builders import answer, finding, stated
from tests.steps.parts import POLICY, SMALL, Script, ScriptedModels, checks_of, context_of, plan_of

TWICE = replace(POLICY, second_pass=True)
ASKS = {"kind": "file", "name": "", "path": "shop/price.py", "start_line": 1, "end_line": 2}


def second(said: Script, tier: Tier = Tier.FRONTIER) -> tuple[UnitAnswer, UnitState, ScriptedModels]:
    models = ScriptedModels([said])
    state = UnitState.of(plan_of(tier=tier))
    state.attempts = [Attempt("review", tier, None)]
    first = UnitAnswer(state.plan, tier, model="m", findings=(finding("The first"),))
    return add_second_pass(first, state, checks_of(), context_of(models, TWICE)), state, models


def test_the_findings_of_both_passes_count_as_two_voices() -> None:
    both, state, models = second(answer(stated(), stated(title="Lost", quote="this line is nowhere", line=0)))
    assert [found.title for found in both.findings] == ["The first", "Count may be missing"]
    assert both.findings[1].source == "model:a-efficient-model, second pass"
    assert [placed.finding.title for placed in both.rejected] == ["Lost"]
    assert [call.stage for call in state.calls] == [Stage.SECOND_PASS]
    (question,) = models.questions
    assert (question.unit, question.prompt) == (state.plan.unit.identity, state.question)
    assert (question.stage, question.attempt) == (Stage.SECOND_PASS, 2)


@pytest.mark.parametrize(
    ("first", "asked"),
    [(Tier.FRONTIER, Tier.EFFICIENT), (Tier.EFFICIENT, Tier.EFFICIENT), (Tier.FREE, Tier.FREE)],
)
def test_the_second_pass_is_cheap_and_never_dearer_than_the_first(first: Tier, asked: Tier) -> None:
    _both, _state, models = second(answer(), first)
    assert models.questions[0].tier is asked


def test_a_second_pass_that_fails_leaves_the_first_and_a_notice() -> None:
    both, state, _models = second(ModelUnavailable("the provider is away"))
    assert [found.title for found in both.findings] == ["The first"]
    assert state.notices == ["the second pass was left out: the provider is away"]
    assert len(state.calls) == 1


def test_a_second_pass_that_asks_to_look_up_is_taken_as_it_is_and_not_asked_again() -> None:
    said = answer(stated(), lookups=[ASKS])
    both, _state, models = second(said)
    assert [found.title for found in both.findings] == ["The first", "Count may be missing"]
    assert (both.second, both.second_model) == (said, "a-efficient-model")
    assert len(models.questions) == 1


def test_the_second_pass_is_not_cheaper_than_policy_allows() -> None:
    models = ScriptedModels([answer()])
    state = UnitState.of(plan_of(tier=Tier.FRONTIER))
    context = context_of(models, replace(TWICE, min_tier=Tier.BALANCED))
    add_second_pass(UnitAnswer(state.plan, Tier.FRONTIER, model="m"), state, checks_of(), context)
    assert models.questions[0].tier is Tier.BALANCED


@pytest.mark.parametrize(
    ("bought", "model", "run"),
    [
        (False, "planned", RunLimits()),
        (True, None, RunLimits()),
        (True, SMALL, RunLimits()),
        (True, "planned", RunLimits(seconds=0)),
    ],
)
def test_there_is_no_second_pass_unless_policy_buys_it_a_model_can_and_there_is_time(
    bought: bool, model: Candidate | str | None, run: RunLimits
) -> None:
    plan = plan_of() if model == "planned" else plan_of(candidate=model)
    first = UnitAnswer(plan, Tier.EFFICIENT, model="m")
    models = ScriptedModels([answer(stated())])
    context = context_of(models, replace(POLICY, second_pass=bought), run=run)
    assert add_second_pass(first, UnitState.of(plan), checks_of(), context) is first
    assert models.questions == []
