"""Build the Review, the result of the pipeline, from what its steps gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from policies.words import Payment, Tier
from reviewer.context.lookup import counted
from reviewer.extras import install
from reviewer.findings.model import Coverage, PlacedFinding
from reviewer.git.limits import sentences, that_matter
from reviewer.models.model import Call, Stage
from reviewer.prompts.redact import PLACEHOLDER
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.context import ReviewContext
from reviewer.steps.coverage import cover
from reviewer.steps.earlier import settle_earlier
from reviewer.steps.outputs import StepOutputs
from reviewer.steps.prepare import Prepared
from reviewer.steps.redact_review import redact_review
from reviewer.steps.result import MAX_CONTEXT, Review, ReviewStatus, UnitRoute
from reviewer.syntax.languages import without_grammar

if TYPE_CHECKING:
    from reviewer.models.prices import Price


def build_review(
    prepared: Prepared, outputs: StepOutputs, findings: tuple[PlacedFinding, ...], context: ReviewContext
) -> Review:
    """Return the review: its findings, what was covered, what it cost and what the reader has to know."""
    answers, verified = outputs.answers, outputs.verified
    has_model = context.models.usable
    coverage = cover(prepared, outputs, has_model=has_model)
    calls = (*(call for answer in answers for call in answer.calls), *verified.calls, *outputs.statements.calls)
    settled = settle_earlier(prepared, findings, coverage, outputs.evidence.runs)
    review = Review(
        change=prepared.as_sent(),
        status=_status(prepared, outputs, coverage, has_model=has_model),
        findings=(*findings, *settled.still_open),
        coverage=coverage,
        routes=tuple(_route(answer) for answer in answers),
        escalations=(*(step for answer in answers for step in answer.escalations), *verified.escalations),
        calls=calls,
        evidence=outputs.evidence.runs,
        statements=outputs.statements.answered,
        criteria=outputs.statements.criteria,
        notices=_notices(prepared, outputs),
        context_limits=tuple(sentences(that_matter(outputs.limits))),
        lookups=counted(item for answer in answers for item in answer.looked_up),
        all_frontier_cost=_all_frontier(calls, context.frontier_price),
        units_from_cache=sum(answer.from_store for answer in answers),
        duration_ms=context.run.elapsed_ms(),
        fixed=settled.fixed,
    )
    return _without(outputs.evidence.secrets, review)


def _route(answer: UnitAnswer) -> UnitRoute:
    """Return a unit's route with what was shown beside its lines."""
    plan = answer.plan
    items = [f"{item.path}:{item.start_line}-{item.end_line} ({item.kind})" for item in (*plan.items, *plan.shared)]
    return replace(plan.route, context=tuple(dict.fromkeys(items))[:MAX_CONTEXT])


def _without(secrets: Sequence[str], review: Review) -> Review:
    """Take out of every text what gitleaks found to be a secret, also where a model repeated it."""
    if not secrets:
        return review
    longest_first = sorted(secrets, key=len, reverse=True)

    def redact(text: str) -> str:
        for value in longest_first:
            text = text.replace(value, PLACEHOLDER)
        return text

    return redact_review(review, redact)


def _status(prepared: Prepared, outputs: StepOutputs, coverage: Coverage, *, has_model: bool) -> ReviewStatus:
    """Return how far the review came."""
    found = outputs.evidence.findings
    if any(answer.limit for answer in outputs.answers):
        return ReviewStatus.STOPPED_BY_LIMIT
    if not prepared.units and coverage.complete:
        return ReviewStatus.COMPLETE if found or prepared.carried.hunks else ReviewStatus.EMPTY
    if not prepared.units:
        return ReviewStatus.INCOMPLETE
    if not has_model:
        return ReviewStatus.ANALYSERS_ONLY
    return ReviewStatus.COMPLETE if coverage.complete else ReviewStatus.INCOMPLETE


def _notices(prepared: Prepared, outputs: StepOutputs) -> tuple[str, ...]:
    """Return what the reader has to know, each sentence once."""
    secrets = prepared.redacted + sum(answer.plan.redacted for answer in outputs.answers)
    taken = f"{secrets} secret{'s were' if secrets > 1 else ' was'} taken out before anything was sent"
    return tuple(
        dict.fromkeys(
            (
                *prepared.request.notices,
                *((taken,) if secrets else ()),
                *(notice for answer in outputs.answers for notice in answer.notices),
                *outputs.verified.notices,
                *_unread(outputs.evidence.left_out),
                *_unparsed(prepared),
            )
        )
    )


def _unparsed(prepared: Prepared) -> tuple[str, ...]:
    """Return the sentence about languages of the change that nothing parses."""
    names = without_grammar(file.path for file in prepared.change.files)
    if not names:
        return ()
    grammars = "the grammar is" if len(names) == 1 else "the grammars are"
    read = f"not parsed, only read line by line: {', '.join(names)}"
    return (f"{read}; {grammars} not installed ({install('languages')})",)


def _unread(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the sentence about files that no analyser read."""
    if not paths:
        return ()
    shown = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    return (f"too large for the analysers, and so not searched for secrets: {shown}",)


# Stages that a review has whatever the tier.
AT_ANY_TIER: Final = frozenset({Stage.REVIEW, Stage.LOOKUP, Stage.VERIFICATION, Stage.SECOND_PASS})


def _all_frontier(calls: Sequence[Call], price: Price | None) -> Decimal | None:
    """Return what the same questions would have cost with every unit at the frontier tier.

    Look-ups and verification are asked at any tier; repairs and escalations are not counted, for a stronger model
    may not need them.
    """
    if price is None:
        return None
    total = Decimal(0)
    for call in calls:
        if call.stage not in AT_ANY_TIER or not call.ok:
            continue
        paid = call.tier is Tier.FRONTIER and call.payment is not Payment.LOCAL
        cost = call.cost if paid else price.cost(call.usage)
        if cost is None:
            return None
        total += cost
    return total
