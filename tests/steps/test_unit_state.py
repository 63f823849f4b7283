"""One unit while it is asked about."""

from __future__ import annotations

from dataclasses import replace

from policies.words import Check, Tier
from reviewer.context.lookup_request import LookupRequest
from reviewer.findings.check import CheckFailure
from reviewer.findings.model import Category, Disposition, Finding, PlacedFinding
from reviewer.models.model import Stage
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.check import CheckedAnswer
from reviewer.steps.look_up import look_ups_at
from reviewer.steps.unit_state import UnitState
from tests.findings.builders import finding
from tests.publish.samples import call
from tests.steps.parts import HEAD, completed, plan_of

FILE = LookupRequest("file", "", "shop/price.py", 1, 2)
PLAN = plan_of(tier=Tier.BALANCED)


def answered(*findings: Finding, problem: str = "") -> UnitAnswer:
    return UnitAnswer(PLAN, Tier.BALANCED, model="m", findings=findings, problem=problem)


def test_a_unit_begins_with_the_plans_prompt_at_its_tier() -> None:
    state = UnitState.of(PLAN)
    assert (state.tier, state.question, state.prompt) == (Tier.BALANCED, PLAN.prompt, PLAN.prompt)
    assert (state.stage, state.lookup_rounds, state.best) == (Stage.REVIEW, 0, None)


def test_what_was_looked_up_is_in_the_question_from_then_on() -> None:
    state, look_up = UnitState.of(PLAN), look_ups_at(HEAD)
    other = LookupRequest("file", "", "shop/cart.py", 1, 2)
    for number, request in enumerate((FILE, other), start=1):
        state.prompt = replace(PLAN.prompt, unit="a repair")
        state.show([request], look_up([request]))
        assert state.lookup_rounds == number
        assert len(state.looked_up) == number
        assert (state.prompt, state.stage) == (state.question, Stage.LOOKUP)
    assert state.lookups == (FILE, other)
    for words in (PLAN.prompt.unit, "return row.price or 0", "def total(rows):"):
        assert words in state.question.text


def test_an_answer_names_its_model_its_tier_and_what_it_looked_up() -> None:
    state = UnitState.of(PLAN)
    state.lookups = (FILE,)
    cut_off = CheckFailure(Check.TRUNCATED, "at the limit")
    checked = CheckedAnswer((finding(),), (), cut_off)
    made = state.answer(completed("text", "m"), checked)
    assert (made.plan, made.tier, made.model, made.text) == (PLAN, Tier.BALANCED, "m", "text")
    assert (made.findings, made.rejected, made.lookups) == ((finding(),), (), (FILE,))
    assert made.problem == "its answer was cut off: at the limit"


def test_a_failed_check_is_noted_on_the_last_call_that_was_answered() -> None:
    state = UnitState.of(PLAN)
    state.calls = [call(ok=True), call(ok=True), call(ok=False)]
    state.note_failure(Check.QUOTE, None)
    assert [made.failed_check for made in state.calls] == [None, Check.QUOTE, None]
    assert state.best is None


def test_the_best_answer_is_a_complete_one_then_the_one_with_the_most_findings_then_the_last() -> None:
    order = [
        answered(finding(), finding("Another"), problem="cut off"),
        answered(),
        answered(finding()),
        answered(finding("As good")),
    ]
    state = UnitState.of(PLAN)
    for better in order:
        state.note_failure(Check.QUOTE, better)
        assert state.best is better
    for worse in order[:2]:
        state.note_failure(Check.QUOTE, worse)
        assert state.best is order[-1]


def test_the_answer_that_stands_has_everything_that_asking_took() -> None:
    state = UnitState.of(PLAN)
    state.calls, state.notices, state.escalations = [call()], ["a notice"], []
    state.looked_up = look_ups_at(HEAD)([FILE])
    closed = state.close(answered(finding()))
    assert (closed.calls, closed.notices) == ((call(),), ("a notice",))
    assert (closed.findings, closed.looked_up) == ((finding(),), state.looked_up)


def test_a_unit_is_given_up_with_its_best_answer_or_as_not_reviewed() -> None:
    state = UnitState.of(PLAN)
    state.calls = [call()]
    given_up = state.give_up("no model answered", limit=True)
    assert (given_up.problem, given_up.limit, given_up.calls) == ("no model answered", True, (call(),))
    assert (given_up.tier, given_up.model) == (Tier.BALANCED, "")
    assert not state.give_up("no model answered").limit
    state.best = answered(finding())
    assert state.give_up("no model answered", limit=True).problem == ""
    assert state.give_up("no model answered").findings == (finding(),)


def test_what_an_answer_found_before_it_looked_something_up_stands_beside_what_it_finds_then() -> None:
    state = UnitState.of(PLAN)
    gone = finding("Withdrawn later", line=5, quote="log(row)", body="Logs hold names.")
    new = finding("Rows may be none", line=3, quote="for row in rows:", body="It is called without any.")
    state.show([FILE], (), first=replace(answered(finding(), gone), text="first"))
    closed = state.close(answered(new, replace(gone, confidence=0.0)))
    assert [found.title for found in closed.findings] == ["Count may be missing", "Rows may be none"]
    assert closed.earlier == ("first",)


def test_a_finding_that_is_said_again_takes_the_place_of_the_earlier_one() -> None:
    state = UnitState.of(PLAN)
    state.show([FILE], (), first=answered(finding(confidence=0.4)))
    closed = state.close(answered(finding(confidence=0.9)))
    assert [found.confidence for found in closed.findings] == [0.9]


def test_where_what_was_looked_up_is_never_judged_the_first_answer_stands_and_the_unit_is_not_done() -> None:
    state = UnitState.of(PLAN)
    state.show([FILE], look_ups_at(HEAD)([FILE]), first=answered(finding()))
    given_up = state.give_up("no model answered", limit=True)
    assert (given_up.findings, given_up.limit) == ((finding(),), True)
    assert given_up.problem == "what was looked up for it was not judged: no model answered"


def test_another_opinion_is_not_told_what_was_answered() -> None:
    state = UnitState.of(PLAN)
    assert state.unanswered is PLAN.prompt
    state.show([FILE], look_ups_at(HEAD)([FILE]), first=replace(answered(), text="its own words"))
    assert "its own words" in state.prompt.text
    assert "its own words" not in state.unanswered.text
    assert "return row.price or 0" in state.unanswered.text


def test_a_finding_that_a_later_answer_does_not_repeat_is_named_in_a_notice() -> None:
    state = UnitState.of(PLAN)
    other = finding("Log is missing", quote="log(row)", line=5, body="There is no log.", category=Category.TESTS)
    lost = PlacedFinding(
        finding("Nowhere", quote="", body="It hangs."), Disposition.UNPLACED, "quote: no such line"
    )
    state.note_failure(Check.QUOTE, replace(answered(finding(), other), rejected=(lost,)))
    closed = state.close(answered(finding()))
    assert len(closed.notices) == 2
    assert closed.notices[0].startswith(
        "left out when the model was asked again: 'Log is missing' (high, shop/cart.py:5"
    )
    assert "Nowhere" in closed.notices[1]


def test_nothing_is_left_out_of_the_best_answer_itself() -> None:
    state = UnitState.of(PLAN)
    state.note_failure(Check.QUOTE, answered(finding()))
    assert state.give_up("the caps are reached").notices == ()
