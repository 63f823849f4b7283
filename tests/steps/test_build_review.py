"""The review that the steps add up to."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from policies.words import Check, Payment, Tier
from reviewer.context.lookup import LookUps
from reviewer.context.lookup_request import LookupRequest
from reviewer.evidence.model import EvidenceRun
from reviewer.evidence.run import Evidence
from reviewer.findings.model import Disposition, PlacedFinding, Skipped
from reviewer.git.limits import Limit, Reached
from reviewer.models.model import Stage, Usage
from reviewer.models.prices import Price
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.build_review import build_review
from reviewer.steps.outputs import StepOutputs
from reviewer.steps.prepare import Prepared
from reviewer.steps.result import Escalation, Review, ReviewStatus
from reviewer.steps.run_limits import RunLimits
from reviewer.steps.scope import Scope
from reviewer.steps.verify import Verified
from tests.findings.builders import DIFF, finding
from tests.publish.samples import call
from tests.steps.parts import HEAD, ScriptedModels, context_of, edit, plan_of, prepared_of

PREPARED = prepared_of()
PLACED = (PlacedFinding(finding(), Disposition.SUMMARY),)
# A dollar for each token of input, two for each of output.
DEAR = Price.per_million(Decimal(1_000_000), Decimal(2_000_000))


def answered(**fields: Any) -> UnitAnswer:
    return UnitAnswer(plan_of(PREPARED.units[0]), Tier.EFFICIENT, **{"model": "m", **fields})


def built(*answers: UnitAnswer, prepared: Prepared = PREPARED, usable: bool = True, **fields: Any) -> Review:
    context = context_of(ScriptedModels(usable=usable), frontier_price=fields.pop("price", None))
    context = replace(context, run=RunLimits(clock=lambda: 12.5, started=10.0))
    return build_review(prepared, StepOutputs(answers, **fields), PLACED, context)


def test_a_review_has_the_findings_routes_calls_and_time_of_its_steps() -> None:
    review = built(answered(calls=(call(unit="first"),)), verified=Verified(calls=(call(unit="second"),)))
    assert review.findings == PLACED
    assert [route.unit for route in review.routes] == [PREPARED.units[0].identity]
    assert [made.unit for made in review.calls] == ["first", "second"]
    assert [row.path for row in review.coverage.reviewed] == ["shop/cart.py"]
    assert review.duration_ms == 2500


def test_what_gitleaks_found_to_be_a_secret_stands_in_no_text_of_the_review() -> None:
    secret, longer = "zq81-unusual-token", "zq81-unusual-token-and-more"
    told = replace(finding(), title=f"Leaks {secret}", body=f"The value {longer} is in the log.", suggestion=secret)
    outputs = StepOutputs(
        (answered(notices=(f"asked about {longer}",)),), evidence=Evidence(secrets=(secret, longer))
    )
    placed = (PlacedFinding(told, Disposition.SUMMARY),)
    review = build_review(PREPARED, outputs, placed, context_of(ScriptedModels()))
    assert "zq81" not in repr(review)
    assert "-and-more" not in repr(review)
    assert review.findings[0].finding.title == "Leaks [redacted]"


def test_escalations_of_asking_and_of_verifying_are_told() -> None:
    asked = Escalation("u", Check.QUOTE, Tier.FREE, Tier.EFFICIENT)
    judged = Escalation("u", Check.VERIFICATION_SPLIT, Tier.FREE, Tier.EFFICIENT)
    review = built(answered(escalations=(asked,)), verified=Verified(escalations=(judged,)))
    assert review.escalations == (asked, judged)


def test_analysers_and_reached_limits_are_told_where_they_matter() -> None:
    run = EvidenceRun("ruff", "1", 0, 5)
    reached = (Reached(Limit.CHANGE_LINES, 100, 20), Reached(Limit.PLACES, 5, 1))
    review = built(answered(), evidence=Evidence(runs=(run,)), limits=reached)
    assert review.evidence == (run,)
    assert len(review.context_limits) == 1
    assert review.context_limits[0].startswith(Limit.CHANGE_LINES.value)


def test_look_ups_and_stored_answers_are_counted() -> None:
    item = LookUps(HEAD).answer(LookupRequest("file", "", "shop/price.py", 1, 2))
    review = built(answered(looked_up=(item,), from_store=True), answered())
    assert (review.lookups.answered, review.units_from_cache) == (1, 1)


# --- the change ----------------------------------------------------------------------------------------------


def test_the_change_of_a_review_has_no_secret_and_no_line_of_a_file_out_of_scope() -> None:
    token = "gh" + "p_" + "a1B2" * 9
    diff = DIFF.replace("+        log(row)", f"+        log('{token}')") + edit("vendored.py", "one", "two")
    prepared = prepared_of(diff)
    only = replace(prepared.change, files=prepared.change.files[:1])
    review = built(prepared=replace(prepared, change=only))
    assert [file.path for file in review.change.files] == ["shop/cart.py", "vendored.py"]
    assert [bool(file.hunks) for file in review.change.files] == [True, False]
    assert token not in repr(review.change)


# --- the status ----------------------------------------------------------------------------------------------

NO_UNITS = replace(PREPARED, units=())
MISSED = replace(PREPARED, units=(), scope=Scope((), (Skipped("a.py", "", "too large", excluded=False),)))


@pytest.mark.parametrize(
    ("answers", "prepared", "usable", "status"),
    [
        ((answered(),), PREPARED, True, ReviewStatus.COMPLETE),
        ((answered(problem="away"),), PREPARED, True, ReviewStatus.INCOMPLETE),
        ((answered(), answered(problem="no room", limit=True)), PREPARED, True, ReviewStatus.STOPPED_BY_LIMIT),
        ((), NO_UNITS, True, ReviewStatus.EMPTY),
        ((), NO_UNITS, False, ReviewStatus.EMPTY),
        ((), MISSED, True, ReviewStatus.INCOMPLETE),
        ((), PREPARED, False, ReviewStatus.ANALYSERS_ONLY),
    ],
)
def test_a_review_says_how_far_it_came(
    answers: tuple[UnitAnswer, ...], prepared: Prepared, usable: bool, status: ReviewStatus
) -> None:
    assert built(*answers, prepared=prepared, usable=usable).status is status


# --- what the reader has to know -----------------------------------------------------------------------------


def test_notices_of_every_step_are_told_once_and_in_order() -> None:
    prepared = prepared_of(notices=("from the policy",))
    review = built(
        answered(notices=("a model was away", "another")),
        answered(notices=("a model was away",)),
        prepared=prepared,
        verified=Verified(notices=("not verified",)),
    )
    assert review.notices == ("from the policy", "a model was away", "another", "not verified")


@pytest.mark.parametrize(
    ("in_diff", "in_prompt", "said"),
    [
        (0, 0, ()),
        (1, 0, ("1 secret was taken out before anything was sent",)),
        (0, 1, ("1 secret was taken out before anything was sent",)),
        (2, 1, ("3 secrets were taken out before anything was sent",)),
    ],
)
def test_the_reader_is_told_how_many_secrets_were_taken_out(
    in_diff: int, in_prompt: int, said: tuple[str, ...]
) -> None:
    answer = answered()
    answer = replace(answer, plan=replace(answer.plan, redacted=in_prompt))
    assert built(answer, prepared=replace(PREPARED, redacted=in_diff)).notices == said


# --- what the frontier would have cost -----------------------------------------------------------------------

PAID = call(tier=Tier.FRONTIER, cost=Decimal("0.5"), usage=Usage(input=1))
CHEAP = call(tier=Tier.EFFICIENT, cost=Decimal("0.01"), usage=Usage(input=3, output=1))
OWN = call(tier=Tier.FRONTIER, payment=Payment.LOCAL, cost=Decimal(0), usage=Usage(input=4))


@pytest.mark.parametrize(
    ("calls", "cost"),
    [
        ((PAID,), Decimal("0.5")),
        ((CHEAP,), Decimal(5)),
        ((OWN,), Decimal(4)),
        ((PAID, CHEAP, OWN), Decimal("9.5")),
        ((replace(PAID, cost=None), CHEAP), None),
        ((replace(CHEAP, cost=None),), Decimal(5)),
        ((replace(CHEAP, ok=False), replace(CHEAP, stage=Stage.REPAIR), PAID), Decimal("0.5")),
        ((PAID, replace(CHEAP, stage=Stage.LOOKUP), replace(PAID, stage=Stage.VERIFICATION)), Decimal(6)),
        ((), Decimal(0)),
    ],
)
def test_the_comparison_prices_as_the_frontier_would_what_is_asked_at_any_tier(
    calls: tuple[Any, ...], cost: Any
) -> None:
    assert built(answered(calls=calls), price=DEAR).all_frontier_cost == cost


def test_there_is_no_comparison_without_a_price() -> None:
    assert built(answered(calls=(PAID,))).all_frontier_cost is None
