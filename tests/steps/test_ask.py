"""Asking about units: look-ups, checks, repair, escalation, limits, and what comes of a unit in the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from inspect import Parameter, signature

import pytest

from policies.words import AtLimit, Check, Tier
from reviewer.errors import LedgerUnavailable, ModelUnavailable
from reviewer.models.ask import ModelClient
from reviewer.models.model import FinishReason, Stage
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.ask import answer_unit, ask_unit, ask_units
from reviewer.steps.plan import Plan
from reviewer.steps.progress import Progress
from reviewer.steps.run_limits import RunLimits
from tests.findings.builders import answer, finding, stated
from tests.steps.parts import (
    COST,
    OVER_LIMIT,
    POLICY,
    USAGE,
    Question,
    Script,
    ScriptedModels,
    Store,
    checks_of,
    completed,
    context_of,
    edit,
    plan_of,
    threads,
    unit_of,
)

NOWHERE = answer(stated(quote="this line is nowhere in the diff at all", line=0))
ASKS = answer(lookups=[{"kind": "file", "name": "", "path": "shop/price.py", "start_line": 1, "end_line": 2}])
RIGHT = answer(stated())


def ask(*script: Script, tier: Tier = Tier.EFFICIENT, policy=POLICY, **fields) -> tuple[UnitAnswer, ScriptedModels]:
    models = ScriptedModels(script, **fields)
    return ask_unit(plan_of(tier=tier), checks_of(), context_of(models, policy)), models


@pytest.mark.parametrize("name", ["ask", "candidate", "price", "stop"])
def test_the_scripted_models_are_called_as_the_real_ones(name: str) -> None:
    def shape(owner: type) -> list[tuple[str, object, object]]:
        given = list(signature(getattr(owner, name)).parameters.values())
        return [
            (one.name.lstrip("_"), one.kind, one.default) for one in given if one.kind is not Parameter.VAR_KEYWORD
        ]

    assert shape(ScriptedModels) == shape(ModelClient)


def test_an_answer_that_passes_stands_and_was_asked_once() -> None:
    done, models = ask(RIGHT)
    assert [found.title for found in done.findings] == ["Count may be missing"]
    assert (done.problem, done.model, done.text, done.limit) == ("", "a-efficient-model", RIGHT, False)
    assert [call.stage for call in done.calls] == [Stage.REVIEW]
    (question,) = models.questions
    assert (question.tier, question.stage, question.attempt) == (Tier.EFFICIENT, Stage.REVIEW, 1)
    assert question.unit == done.plan.unit.identity


def test_a_wrong_answer_is_repaired_then_escalated_and_each_call_says_what_failed() -> None:
    done, models = ask(NOWHERE, NOWHERE, RIGHT)
    assert [call.stage for call in done.calls] == [Stage.REVIEW, Stage.REPAIR, Stage.ESCALATION]
    assert [call.failed_check for call in done.calls] == [Check.QUOTE, Check.QUOTE, None]
    assert [question.attempt for question in models.questions] == [1, 2, 3]
    assert [question.tier for question in models.questions] == [Tier.EFFICIENT, Tier.EFFICIENT, Tier.BALANCED]
    assert [step.check for step in done.escalations] == [Check.QUOTE]
    assert (done.tier, done.model, done.problem) == (Tier.BALANCED, "a-balanced-model", "")
    assert len(done.findings) == 1


def test_a_unit_whose_answers_all_fail_is_not_reviewed_and_says_why_nothing_more_was_asked() -> None:
    done, _models = ask("no JSON at all")
    assert done.findings == ()
    assert done.problem.startswith("its answers failed the schema check: ")
    assert done.problem.endswith("(the unit has had its 3 calls)")
    assert len(done.calls) == 3


def test_the_best_of_the_answers_that_failed_stands() -> None:
    lost = stated(title="Lost", quote="this line is nowhere in the diff at all", line=0)
    done, _models = ask(answer(lost), answer(stated(), lost), answer(lost))
    assert [found.title for found in done.findings] == ["Count may be missing"]
    assert done.problem == ""
    assert len(done.calls) == 3


def test_an_answer_that_is_unusable_is_never_the_best() -> None:
    done, _models = ask(completed(RIGHT, finish=FinishReason.REFUSAL))
    assert done.findings == ()
    assert done.problem.startswith("its answers failed the refused check")


def test_a_model_may_look_up_once_and_what_it_saw_is_on_record() -> None:
    done, models = ask(ASKS, RIGHT)
    assert [call.stage for call in done.calls] == [Stage.REVIEW, Stage.LOOKUP]
    assert "return row.price or 0" in models.questions[1].prompt.text
    assert "return row.price or 0" in done.looked_up[0].text
    assert [request.path for request in done.lookups] == ["shop/price.py"]
    assert models.questions[1].attempt == 1


def test_a_model_that_looks_up_for_ever_is_answered_as_often_as_policy_allows() -> None:
    done, models = ask(ASKS)
    assert len(models.questions) == 1 + POLICY.lookups
    assert done.problem == ""


def test_what_is_certain_is_kept_while_the_rest_is_looked_up_and_each_question_continues_the_last() -> None:
    needs = [{"kind": "file", "name": "", "path": "shop/price.py", "start_line": 1, "end_line": 2, "why": "none?"}]
    late = stated(title="Rows are logged twice", quote="        log(row)", line=5, body="The caller logs too.")
    store = Store()
    models = ScriptedModels([answer(stated(), lookups=needs), answer(late)])
    context = context_of(models, store=store)
    done = answer_unit(plan_of(), checks_of(), context)
    assert [found.title for found in done.findings] == ["Count may be missing", "Rows are logged twice"]
    first, second = (question.prompt.text for question in models.questions)
    assert second.startswith(first)
    assert "Count may be missing" in second
    again = answer_unit(plan_of(), checks_of(), context)
    assert len(models.questions) == 2
    assert again.from_store
    assert again.findings == done.findings


def test_a_repair_still_has_what_was_looked_up() -> None:
    _done, models = ask(ASKS, NOWHERE, RIGHT)
    assert models.questions[2].stage is Stage.REPAIR
    assert "return row.price or 0" in models.questions[2].prompt.text


def test_what_a_cheaper_model_says_in_place_of_another_is_the_cheaper_ones() -> None:
    done, _models = ask(RIGHT, tier=Tier.FRONTIER, serving=Tier.FREE)
    assert done.tier is Tier.FREE


def test_a_limit_without_room_takes_the_question_a_tier_down() -> None:
    policy = replace(POLICY, at_limit=AtLimit.DEGRADE)
    done, models = ask(OVER_LIMIT, RIGHT, tier=Tier.BALANCED, policy=policy)
    assert [question.tier for question in models.questions] == [Tier.BALANCED, Tier.EFFICIENT]
    assert done.problem == ""
    assert done.notices == (
        "balanced failed",
        "run-limit: balanced would pass the limit, efficient was used instead",
    )


def test_a_limit_under_stop_ends_the_unit_and_every_one_after_it() -> None:
    models = ScriptedModels([OVER_LIMIT])
    context = context_of(models, replace(POLICY, at_limit=AtLimit.STOP))
    for _ in range(2):
        done = ask_unit(plan_of(), checks_of(), context)
        assert (done.problem, done.limit) == ("the limit of the run leaves no room", True)
    assert len(models.questions) == 1


def test_a_limit_under_degrade_ends_the_unit_alone() -> None:
    models = ScriptedModels([OVER_LIMIT])
    context = context_of(models, replace(POLICY, at_limit=AtLimit.DEGRADE))
    done = ask_unit(plan_of(tier=Tier.FREE), checks_of(), context)
    assert (done.limit, context.run.stopped) == (True, "")


def test_a_provider_that_is_away_ends_the_unit_and_no_limit_is_named() -> None:
    done, _models = ask(ModelUnavailable("the provider is away"), policy=replace(POLICY, at_limit=AtLimit.STOP))
    assert (done.problem, done.limit) == ("the provider is away", False)
    assert [call.ok for call in done.calls] == [False]
    assert done.notices == ("efficient failed",)


def test_a_unit_is_not_asked_about_when_the_time_is_over() -> None:
    models = ScriptedModels([RIGHT])
    done = ask_unit(plan_of(), checks_of(), context_of(models, run=RunLimits(seconds=0)))
    assert "not asked within the 0 s" in done.problem
    assert not done.limit
    assert models.questions == []


def test_a_ledger_that_is_away_ends_the_review() -> None:
    with pytest.raises(LedgerUnavailable):
        ask(LedgerUnavailable("away"))


def test_a_second_pass_adds_its_findings_and_its_calls() -> None:
    other = answer(stated(title="Another", quote="        log(row)", line=5))
    done, _models = ask(RIGHT, other, policy=replace(POLICY, second_pass=True))
    assert [found.title for found in done.findings] == ["Count may be missing", "Another"]
    assert [call.stage for call in done.calls] == [Stage.REVIEW, Stage.SECOND_PASS]


def test_analysers_are_waited_for_and_an_answer_that_passes_them_over_is_repaired() -> None:
    models = ScriptedModels([answer(), RIGHT])
    grave = finding("A shell runs it", source="ruff:S602", confidence=None)
    done = ask_unit(plan_of(), checks_of(grave), context_of(models))
    assert [call.failed_check for call in done.calls] == [Check.EMPTY_ON_EVIDENCE, None]
    assert "A shell runs it" in models.questions[1].prompt.text


def test_what_was_paid_for_is_not_asked_again() -> None:
    store, models = Store(), ScriptedModels([RIGHT])
    context = context_of(models, store=store)
    first = answer_unit(plan_of(), checks_of(), context)
    again = answer_unit(plan_of(), checks_of(), context)
    assert len(models.questions) == 1
    assert (first.from_store, again.from_store) == (False, True)
    assert again.findings == first.findings


# --- all units of a review -----------------------------------------------------------------------------------


def plans(*names: str) -> list[Plan]:
    return [plan_of(unit_of(edit(f"{name}.py"))) for name in names]


def test_answers_come_in_the_order_of_the_plans_and_the_watcher_sees_them_add_up() -> None:
    seen: list[Progress] = []
    slow, quick = threading.Event(), threading.Event()

    def say(question: Question) -> str:
        if question.unit == asked[0].unit.identity:
            slow.wait(5)
        else:
            quick.set()
            slow.set()
        return answer()

    asked = plans("a", "b", "c")
    with threads() as pool:
        answers = ask_units(asked, checks_of(), pool, context_of(ScriptedModels([say]), watch=seen.append))
    assert [done.plan for done in answers] == asked
    assert quick.is_set()
    assert [(step.stage, step.done, step.total) for step in seen] == [("units", n, 3) for n in (1, 2, 3)]
    assert [step.cost for step in seen] == [COST, 2 * COST, 3 * COST]
    assert seen[-1].usage.input == 3 * USAGE.input


def test_an_unknown_price_makes_the_cost_so_far_unknown() -> None:
    seen: list[Progress] = []
    models = ScriptedModels([answer()], cost=None)
    with threads() as pool:
        ask_units(plans("a"), checks_of(), pool, context_of(models, watch=seen.append))
    assert [step.cost for step in seen] == [None]


def test_the_first_unit_is_asked_and_the_analysers_start_while_the_rest_is_planned() -> None:
    asked, checks = threading.Event(), checks_of()
    started: list[int] = []

    def planned() -> Iterator[Plan]:
        first, second = plans("a", "b")
        yield first
        assert asked.wait(5), "the first unit waits for the plan of the second"
        started.append(checks.analysers.started)
        yield second

    def say(_question: Question) -> str:
        asked.set()
        return answer()

    with threads() as pool:
        answers = ask_units(planned(), checks, pool, context_of(ScriptedModels([say])))
    assert len(answers) == 2
    assert started == [1]


def test_nothing_is_planned_where_no_model_is_usable() -> None:
    def planned() -> Iterator[Plan]:
        raise AssertionError("planned")
        yield

    with threads() as pool:
        assert ask_units(planned(), checks_of(), pool, context_of(ScriptedModels(usable=False))) == ()


def test_a_change_without_units_has_no_answers() -> None:
    seen: list[Progress] = []
    with threads() as pool:
        assert ask_units([], checks_of(), pool, context_of(watch=seen.append)) == ()
    assert seen == []


def test_the_cost_of_a_failed_call_is_part_of_the_sum() -> None:
    seen: list[Progress] = []
    models = ScriptedModels(["no JSON"])
    with threads() as pool:
        ask_units(plans("a"), checks_of(), pool, context_of(models, watch=seen.append))
    assert seen[-1].cost == Decimal("0.03")
