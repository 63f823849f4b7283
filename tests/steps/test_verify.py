"""Verification: what is put to a model, in which batches, and what becomes of its verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from policies.policy import Policy
from policies.words import Check, Severity, Tier, Verify
from reviewer.context.lookup import LookUps
from reviewer.context.lookup_request import LookupRequest
from reviewer.errors import LedgerUnavailable, ModelUnavailable
from reviewer.findings.model import Disposition, Finding
from reviewer.models.ask import Answer
from reviewer.models.model import Stage
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.progress import Progress
from reviewer.steps.run_limits import RunLimits
from reviewer.steps.verify import BATCH_TOKENS, Verified, batches_of, verify_findings
from tests.findings.builders import finding
from tests.steps.parts import (
    HEAD,
    OVER_LIMIT,
    POLICY,
    SMALL,
    ScriptedModels,
    Store,
    candidate,
    context_of,
    edit,
    plan_of,
    unit_of,
)

PROOF = "    found = 0"
NOTHING = '{"verdicts": []}'


def verdict(number: int = 1, word: str = "false", **fields: Any) -> dict[str, Any]:
    return {"number": number, "proof": PROOF, "same_as": None, "reason": "it is set", "verdict": word, **fields}


def verdicts(*rows: Mapping[str, Any]) -> str:
    return json.dumps({"verdicts": list(rows)})


def answered(*findings: Finding, tier: Tier = Tier.EFFICIENT, **plan: Any) -> UnitAnswer:
    made = plan_of(tier=tier, **plan)
    return UnitAnswer(made, tier, model="m", findings=tuple(replace(f, unit=made.unit.identity) for f in findings))


def verify(
    *answers: UnitAnswer, said: Any = NOTHING, policy: Policy = POLICY, **fields: Any
) -> tuple[Verified, ScriptedModels]:
    script = said if isinstance(said, list) else [said]
    models = ScriptedModels(script, highest=fields.pop("highest", Tier.FRONTIER))
    return verify_findings(answers, context_of(models, policy, **fields)), models


# --- what is verified ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verify_", "severity", "tier", "wanted"),
    [
        (Verify.POLICY, Severity.LOW, Tier.BALANCED, True),
        (Verify.POLICY, Severity.LOW, Tier.FRONTIER, False),
        (Verify.POLICY, Severity.LOW, Tier.FREE, True),
        (Verify.POLICY, Severity.MEDIUM, Tier.FRONTIER, False),
        (Verify.POLICY, Severity.HIGH, Tier.FRONTIER, True),
        (Verify.POLICY, Severity.CRITICAL, Tier.FRONTIER, True),
        (Verify.ALWAYS, Severity.LOW, Tier.FRONTIER, True),
        (Verify.NEVER, Severity.CRITICAL, Tier.FREE, False),
    ],
)
def test_policy_severity_and_tier_decide_what_is_verified(
    verify_: Verify, severity: Severity, tier: Tier, wanted: bool
) -> None:
    batches = batches_of([answered(finding(severity=severity), tier=tier)], replace(POLICY, verify=verify_))
    assert bool(batches) is wanted


@pytest.mark.parametrize(
    ("fail_on", "severity", "confidence", "wanted"),
    [
        (Severity.HIGH, Severity.LOW, 0.4, True),
        (Severity.HIGH, Severity.LOW, 0.5, False),
        (Severity.HIGH, Severity.LOW, None, False),
        (Severity.MEDIUM, Severity.MEDIUM, 0.9, True),
        (None, Severity.HIGH, 0.9, True),
        (None, Severity.MEDIUM, 0.9, False),
    ],
)
def test_of_a_frontier_model_what_would_fail_a_check_and_what_it_is_unsure_of_is_verified(
    fail_on: Severity | None, severity: Severity, confidence: float | None, wanted: bool
) -> None:
    found = finding(severity=severity, confidence=confidence)
    policy = replace(POLICY, fail_on=fail_on)
    assert bool(batches_of([answered(found, tier=Tier.FRONTIER)], policy)) is wanted


def test_a_small_models_findings_are_not_verified() -> None:
    assert batches_of([answered(finding(), tier=Tier.FREE, candidate=SMALL)], POLICY) == ()


def test_findings_of_one_tier_share_a_batch_and_those_of_another_have_their_own() -> None:
    answers = [
        answered(finding("One"), tier=Tier.EFFICIENT),
        answered(finding("Two"), unit=unit_of(edit("b.py")), tier=Tier.EFFICIENT),
        answered(finding("Three"), finding("Four"), unit=unit_of(edit("c.py")), tier=Tier.BALANCED),
    ]
    batches = batches_of(answers, POLICY)
    assert [(batch.tier, [found.title for found in batch.findings]) for batch in batches] == [
        (Tier.EFFICIENT, ["One", "Two"]),
        (Tier.BALANCED, ["Three", "Four"]),
    ]
    assert [list(batch.shown) for batch in batches] == [
        [answers[0].plan.unit.identity, answers[1].plan.unit.identity],
        [answers[2].plan.unit.identity],
    ]


def long(name: str, lines: int) -> UnitAnswer:
    text = "".join(f"+word_{name}_{number} = {number}\n" for number in range(lines))
    diff = f"--- a/{name}.py\n+++ b/{name}.py\n@@ -0,0 +1,{lines} @@\n{text}"
    found = finding(name, path=f"{name}.py", line=1, evidence=(f"{name}.py:1-{lines}",))
    return answered(found, unit=unit_of(diff))


def test_a_batch_ends_where_the_next_unit_would_be_too_much_to_read() -> None:
    batches = batches_of([long("a", 900), long("b", 900), long("c", 10)], POLICY)
    assert [[found.title for found in batch.findings] for batch in batches] == [["a"], ["b", "c"]]
    assert all(batch.tokens <= BATCH_TOKENS for batch in batches)
    assert BATCH_TOKENS == 12_000


def test_a_unit_too_long_for_any_batch_has_one_of_its_own() -> None:
    batches = batches_of([long("a", 2000), long("b", 10)], POLICY)
    assert [[found.title for found in batch.findings] for batch in batches] == [["a"], ["b"]]


def test_the_one_who_verifies_sees_the_diff_with_numbers_and_what_was_looked_up() -> None:
    item = LookUps(HEAD).answer(LookupRequest("file", "", "shop/price.py", 2, 2))
    planned = LookUps(HEAD).answer(LookupRequest("file", "", "shop/price.py", 1, 1))
    asked = replace(answered(finding(evidence=("shop/price.py:1-2",)), items=(planned,)), looked_up=(item,))
    _done, models = verify(asked)
    text = models.questions[0].prompt.text
    assert "4 +        found += row.price * row.count" in text
    assert "return row.price or 0" in text
    assert "def price_of(row):" in text
    assert "<diff " in text
    assert "Count may be missing" in text


def test_the_one_who_verifies_sees_no_more_than_what_can_refute_the_finding() -> None:
    parts = [edit("a.py", "count = 1", "count = 2"), edit("b.py", "other = 1", "other = 2")]
    look = LookUps(HEAD)
    named, unnamed = (
        replace(look.answer(LookupRequest("file", "", "shop/price.py", 1, 2)), symbol=symbol)
        for symbol in ("price_of", "discount_of")
    )
    found = finding("price_of may be None", path="a.py", line=1)
    asked = replace(answered(found, unit=unit_of("".join(parts))), looked_up=(named,))
    _done, models = verify(asked)
    text = models.questions[0].prompt.text
    assert "count = 2" in text
    assert "other = 2" not in text
    assert "def price_of" in text
    _done, models = verify(replace(asked, looked_up=(unnamed,)))
    assert "def price_of" not in models.questions[0].prompt.text


# --- what becomes of the verdicts ----------------------------------------------------------------------------


def test_a_finding_that_a_line_refutes_is_set_aside_with_that_line() -> None:
    done, models = verify(answered(finding(), finding("Another")), said=verdicts(verdict()))
    (placed,) = done.refuted
    assert placed.finding.title == "Count may be missing"
    assert placed.disposition is Disposition.UNVERIFIED
    assert "found = 0" in placed.reason
    assert [call.stage for call in done.calls] == [Stage.VERIFICATION]
    (question,) = models.questions
    assert (question.tier, question.stage, question.attempt) == (Tier.EFFICIENT, Stage.VERIFICATION, 1)
    assert (done.escalations, done.notices) == ((), ())


def test_grave_findings_that_are_called_wrong_without_a_proof_are_judged_one_tier_up() -> None:
    said = [verdicts(verdict(1, proof="no such line"), verdict(2, proof="none"), verdict(3)), verdicts(verdict(1))]
    grave, minor = finding("Grave"), finding("Minor", severity=Severity.MEDIUM)
    asked = answered(grave, minor, finding("Refuted"))
    done, models = verify(asked, said=said)
    assert [placed.finding.title for placed in done.refuted] == ["Refuted", "Grave"]
    assert [question.tier for question in models.questions] == [Tier.EFFICIENT, Tier.BALANCED]
    assert "Grave" in models.questions[1].prompt.unit
    assert "Minor" not in models.questions[1].prompt.unit
    (step,) = done.escalations
    assert (step.unit, step.check) == (asked.plan.unit.identity, Check.VERIFICATION_SPLIT)
    assert (step.from_tier, step.to_tier) == (Tier.EFFICIENT, Tier.BALANCED)
    assert step.detail == "called wrong without a line that proves it"
    assert [call.failed_check for call in done.calls] == [Check.VERIFICATION_SPLIT, None]


def test_the_call_whose_verdicts_were_split_is_the_last_one_and_no_call_is_lost() -> None:
    class Retrying(ScriptedModels):
        def ask(self, *given: Any, **named: Any) -> Answer:
            answer = super().ask(*given, **named)
            return replace(answer, calls=(replace(answer.calls[0], ok=False), *answer.calls))

    models = Retrying([verdicts(verdict(proof="no such line")), NOTHING])
    done = verify_findings([answered(finding())], context_of(models))
    split = Check.VERIFICATION_SPLIT
    assert [(call.ok, call.failed_check) for call in done.calls] == [
        (False, None),
        (True, split),
        (False, None),
        (True, None),
    ]


@pytest.mark.parametrize(
    ("policy", "highest", "tier"),
    [
        (POLICY, Tier.EFFICIENT, Tier.EFFICIENT),
        (replace(POLICY, max_tier=Tier.EFFICIENT), Tier.FRONTIER, Tier.EFFICIENT),
        (replace(POLICY, model="acme/one"), Tier.FRONTIER, Tier.EFFICIENT),
        (replace(POLICY, max_escalations=0), Tier.FRONTIER, Tier.EFFICIENT),
        (POLICY, Tier.FRONTIER, Tier.FRONTIER),
    ],
)
def test_nothing_is_judged_again_beyond_what_policy_and_models_allow(
    policy: Policy, highest: Tier, tier: Tier
) -> None:
    wrong = verdicts(verdict(proof="no such line"))
    done, models = verify(answered(finding(), tier=tier), said=wrong, policy=policy, highest=highest)
    assert len(models.questions) == 1
    assert (done.refuted, done.escalations) == ((), ())
    assert [call.failed_check for call in done.calls] == [None]


def test_the_highest_tier_that_is_allowed_may_judge_again() -> None:
    wrong = verdicts(verdict(proof="no such line"))
    policy = replace(POLICY, max_tier=Tier.BALANCED)
    _done, models = verify(answered(finding()), said=wrong, policy=policy, highest=Tier.BALANCED)
    assert [question.tier for question in models.questions] == [Tier.EFFICIENT, Tier.BALANCED]


def test_a_minor_finding_that_is_called_wrong_without_a_proof_stands() -> None:
    asked = answered(finding(severity=Severity.MEDIUM))
    done, models = verify(asked, said=verdicts(verdict(proof="no such line")))
    assert (len(models.questions), done.refuted, done.escalations) == (1, (), ())


def test_an_overstated_finding_keeps_its_place_and_takes_the_lower_severity() -> None:
    done, _models = verify(answered(finding()), said=verdicts(verdict(1, "overstated", severity="low")))
    ((before, after),) = done.revised
    assert (before.severity, after.severity) == (Severity.HIGH, Severity.LOW)
    assert replace(after, severity=before.severity) == before
    assert (done.refuted, done.confirmed) == ((), (before,))


# --- what can go wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (ModelUnavailable("the provider is away"), "2 finding(s) were not verified: the provider is away"),
        (OVER_LIMIT, "2 finding(s) were not verified: a spending limit left no room (run-limit)"),
        ("no JSON", "a verification answer could not be read: its findings stand unverified"),
    ],
)
def test_findings_that_could_not_be_verified_stand_and_the_reader_is_told(said: Any, why: str) -> None:
    done, _models = verify(answered(finding(), finding("Another")), said=said)
    assert (done.refuted, done.notices) == ((), (why,))
    assert len(done.calls) == 1


def test_the_same_notice_is_told_once() -> None:
    answers = [answered(finding(), tier=Tier.EFFICIENT), answered(finding(), tier=Tier.BALANCED)]
    done, models = verify(*answers, said=ModelUnavailable("away"))
    assert len(models.questions) == 2
    assert done.notices == ("1 finding(s) were not verified: away",)


def test_a_notice_of_the_second_judgement_is_told_too() -> None:
    said = [verdicts(verdict(proof="no such line")), "no JSON"]
    done, _models = verify(answered(finding()), said=said)
    assert done.notices == ("a verification answer could not be read: its findings stand unverified",)
    assert len(done.calls) == 2


def test_nothing_is_verified_when_the_time_is_over() -> None:
    done, models = verify(answered(finding()), run=RunLimits(seconds=0))
    assert models.questions == []
    assert done.notices[0].startswith("1 finding(s) were not verified: not asked within the 0 s")


def test_a_ledger_that_is_away_ends_the_review_and_stops_the_models() -> None:
    models = ScriptedModels([LedgerUnavailable("away")])
    with pytest.raises(LedgerUnavailable):
        verify_findings([answered(finding())], context_of(models))
    assert models.stopped == 1


def test_a_review_without_findings_is_not_verified_and_nobody_is_told_that_it_is() -> None:
    seen: list[Progress] = []
    done, models = verify(answered(), watch=seen.append)
    assert (done, models.questions, seen) == (Verified(), [], [])


def test_the_watcher_is_told_that_verification_begins() -> None:
    seen: list[Progress] = []
    verify(answered(finding()), answered(), watch=seen.append)
    assert [(step.stage, step.done, step.total) for step in seen] == [("verification", 2, 2)]


def test_a_verdict_that_was_paid_for_is_not_asked_for_again_and_another_tiers_is() -> None:
    store = Store()
    first, _ = verify(answered(finding()), said=verdicts(verdict()), store=store)
    again, models = verify(answered(finding()), store=store)
    assert models.questions == []
    assert (again.refuted, again.calls) == (first.refuted, ())
    _other, asked = verify(answered(finding(), tier=Tier.BALANCED), store=store)
    assert len(asked.questions) == 1
    _changed, asked = verify(answered(finding("Something else")), store=store)
    assert len(asked.questions) == 1


def test_an_answer_that_cannot_be_read_is_not_stored_and_a_stored_one_is_asked_for_again() -> None:
    store = Store()
    done, _ = verify(answered(finding()), said="no verdicts here", store=store, highest=Tier.EFFICIENT)
    assert (done.refuted, dict(store)) == ((), {})
    verify(answered(finding()), said=verdicts(verdict()), store=store)
    for key in store:
        store[key] = "what an older version kept"
    again, models = verify(answered(finding()), said=verdicts(verdict()), store=store)
    assert len(models.questions) == 1
    assert len(again.refuted) == 1
    assert set(store.values()) == {verdicts(verdict())}


def test_what_was_judged_from_the_store_is_judged_again_without_a_call_to_mark() -> None:
    store = Store()
    wrong = verdicts(verdict(proof="no such line"))
    verify(answered(finding()), said=wrong, store=store, highest=Tier.EFFICIENT)
    done, models = verify(answered(finding()), said=verdicts(verdict()), store=store)
    assert [question.tier for question in models.questions] == [Tier.BALANCED]
    assert len(done.refuted) == 1
    assert [call.failed_check for call in done.calls] == [None]


def test_a_larger_model_of_ones_own_is_verified() -> None:
    own = candidate(Tier.FREE, payment=SMALL.payment)
    _done, models = verify(answered(finding(), tier=Tier.FREE, candidate=own))
    assert len(models.questions) == 1


def test_a_finding_that_a_verdict_lets_stand_is_confirmed_and_one_without_a_verdict_is_not() -> None:
    said = [verdicts(verdict(1, "stands"), verdict(2, proof="no such line")), verdicts(verdict(1, "stands"))]
    done, _models = verify(answered(finding("One"), finding("Two"), finding("Three")), said=said)
    assert [found.title for found in done.confirmed] == ["One", "Two"]


def test_a_long_unit_is_shown_near_the_finding_alone() -> None:
    asked = long("a", 900)
    near = replace(asked, findings=(replace(asked.findings[0], line=450, evidence=()),))
    (whole,), (part,) = batches_of([asked], POLICY), batches_of([near], POLICY)
    assert part.tokens < whole.tokens / 5
    (text,) = part.shown.values()
    assert "450 +word_a_449 = 449" in text
    assert "1 +word_a_0 = 0" not in text
