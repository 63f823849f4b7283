"""Verify findings: try to refute them in batches, with a model at least as strong as the one that found them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from policies.policy import Policy
from policies.words import Check, Severity, Tier, Verify
from reviewer.context.tokens import count_tokens
from reviewer.errors import BudgetRefused, KiloReviewError
from reviewer.findings.model import Finding, PlacedFinding
from reviewer.findings.verify import Verification, apply_verdicts, read_verdicts
from reviewer.models.model import Call, Prompt, Stage
from reviewer.prompts.refutation import refutation_text
from reviewer.prompts.verification import build_verification
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.context import ReviewContext
from reviewer.steps.model_size import is_small
from reviewer.steps.progress import Progress
from reviewer.steps.result import Escalation
from reviewer.steps.threads import review_threads

# Tokens of diff and context that one verification call reads.
BATCH_TOKENS: Final = 12_000
# What a strong model said falsely, it stated at .25, .33 and .4 (docs/explanation/prompts.md).
VERIFY_BELOW: Final = 0.41


@dataclass(frozen=True, slots=True)
class Verified:
    """What verification set aside, with the line that refutes it; what it cost; and what it could not do.

    `confirmed` are the findings that a verdict lets stand. `revised` are those that stand otherwise than stated,
    each before and after. `unjudged` are those that policy wanted verified and nobody judged.
    """

    refuted: tuple[PlacedFinding, ...] = ()
    calls: tuple[Call, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    notices: tuple[str, ...] = ()
    confirmed: tuple[Finding, ...] = ()
    revised: tuple[tuple[Finding, Finding], ...] = ()
    unjudged: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Findings of one tier that are verified in one call; `shown` is what can refute them, by unit."""

    tier: Tier
    findings: tuple[Finding, ...] = ()
    shown: Mapping[str, str] = field(default_factory=dict)
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class _Judged:
    """What became of one verification call; `verification` is None where its findings could not be verified."""

    verification: Verification | None = None
    calls: tuple[Call, ...] = ()
    notices: tuple[str, ...] = ()


def verify_findings(answers: Sequence[UnitAnswer], context: ReviewContext) -> Verified:
    """Try to refute what policy wants verified; a finding that no proof refutes stands.

    All that a tier below FRONTIER found; of the FRONTIER's what would fail a check, CRITICAL and HIGH, and what it
    states with a confidence under VERIFY_BELOW; everything under `verify = "always"`.
    """
    if not any(answer.findings for answer in answers):
        return Verified()
    context.watch(Progress("verification", len(answers), len(answers)))
    with review_threads(context.policy.concurrency, context.models) as threads:
        parts = list(threads.map(partial(_refute, context=context), batches_of(answers, context.policy)))
    return Verified(
        tuple(placed for part in parts for placed in part.refuted),
        tuple(call for part in parts for call in part.calls),
        tuple(escalation for part in parts for escalation in part.escalations),
        tuple(dict.fromkeys(notice for part in parts for notice in part.notices)),
        tuple(finding for part in parts for finding in part.confirmed),
        tuple(change for part in parts for change in part.revised),
        tuple(finding for part in parts for finding in part.unjudged),
    )


def batches_of(answers: Sequence[UnitAnswer], policy: Policy) -> tuple[Batch, ...]:
    """Put the findings of a tier together until a call has enough to read; each unit's text stands once."""
    filling: dict[Tier, Batch] = {}
    full: list[Batch] = []
    for answer in answers:
        wanted = tuple(found for found in answer.findings if _is_verified(found, answer.tier, policy))
        # A small model refutes nothing reliably, and what it finds alone is not shown beside a line anyway.
        if not wanted or is_small(answer.plan.candidate):
            continue
        shown = _shown(answer, wanted)
        tokens = count_tokens(shown)
        batch = filling.get(answer.tier, Batch(answer.tier))
        if batch.findings and batch.tokens + tokens > BATCH_TOKENS:
            full.append(batch)
            batch = Batch(answer.tier)
        filling[answer.tier] = Batch(
            answer.tier,
            (*batch.findings, *wanted),
            {**batch.shown, answer.plan.unit.identity: shown},
            batch.tokens + tokens,
        )
    return (*full, *filling.values())


def _is_verified(finding: Finding, tier: Tier, policy: Policy) -> bool:
    """Tell whether policy wants a finding verified that a model of this tier made."""
    if policy.verify is Verify.NEVER:
        return False
    if policy.verify is Verify.ALWAYS or tier < Tier.FRONTIER:
        return True
    grave = min(Severity.HIGH, policy.fail_on if policy.fail_on is not None else Severity.HIGH)
    return finding.severity >= grave or (finding.confidence is not None and finding.confidence < VERIFY_BELOW)


def _shown(answer: UnitAnswer, findings: Sequence[Finding]) -> str:
    """Return the part of what the finder saw that can refute these findings: what was looked up is there too."""
    plan = answer.plan
    items = (*answer.looked_up, *plan.items, *plan.shared)
    return refutation_text(plan.unit, plan.around, items, findings)


def _refute(batch: Batch, context: ReviewContext) -> Verified:
    """Return what of a batch is set aside; judge again what is grave and was called wrong without a proof."""
    if late := context.run.out_of_time():
        notice = f"{len(batch.findings)} finding(s) were not verified: {late}"
        return Verified(notices=(notice,), unjudged=batch.findings)
    judged = _judge(batch, context)
    first = Verified(
        _refuted(judged),
        judged.calls,
        (),
        judged.notices,
        _confirmed(judged),
        _revisions(judged),
        () if judged.verification else batch.findings,
    )
    unproven = judged.verification.unproven if judged.verification else ()
    split = tuple(finding for finding in unproven if finding.severity >= Severity.HIGH)
    higher = _tier_above(batch.tier, context) if split else None
    if higher is None or not context.run.take_escalation(context.policy.max_escalations):
        return first
    again = _judge(replace(batch, tier=higher, findings=split), context)
    return Verified(
        (*first.refuted, *_refuted(again)),
        (*_with_failed_check(first.calls), *again.calls),
        (
            Escalation(
                split[0].unit,
                Check.VERIFICATION_SPLIT,
                batch.tier,
                higher,
                "called wrong without a line that proves it",
            ),
        ),
        (*first.notices, *again.notices),
        (*first.confirmed, *_confirmed(again)),
        (*first.revised, *_revisions(again)),
        first.unjudged,
    )


def _refuted(judged: _Judged) -> tuple[PlacedFinding, ...]:
    return judged.verification.refuted if judged.verification else ()


def _confirmed(judged: _Judged) -> tuple[Finding, ...]:
    return judged.verification.confirmed if judged.verification else ()


def _revisions(judged: _Judged) -> tuple[tuple[Finding, Finding], ...]:
    return judged.verification.revised if judged.verification else ()


def _tier_above(tier: Tier, context: ReviewContext) -> Tier | None:
    """Return the tier that judges again, None where there is none that policy allows and that has a model."""
    higher = tier.next_up
    if higher is None or context.policy.model:
        return None
    return higher if higher <= min(context.models.highest, context.policy.max_tier) else None


def _with_failed_check(calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """Note on the last call that its verdicts were split."""
    return (*calls[:-1], *(replace(call, failed_check=Check.VERIFICATION_SPLIT) for call in calls[-1:]))


def _judge(batch: Batch, context: ReviewContext) -> _Judged:
    """Ask for a verdict on each finding of a batch, or read what was paid for before."""
    shown = "\n\n".join(batch.shown.values())
    prompt = build_verification(batch.findings, shown=shown)
    key = _key(prompt, batch.tier)
    kept = context.store.get(key) if context.store else None
    # What cannot be read is asked for again: an older version may have stored it.
    verdicts = read_verdicts(kept) if kept is not None else None
    calls: tuple[Call, ...] = ()
    if verdicts is None:
        unit = next(iter(batch.shown))
        result = context.models.ask(prompt, tier=batch.tier, unit=unit, stage=Stage.VERIFICATION, attempt=1)
        calls = tuple(result.calls)
        if result.completion is None:
            why = _why_not(result.error)
            return _Judged(None, calls, (f"{len(batch.findings)} finding(s) were not verified: {why}",))
        text = result.completion.text
        verdicts = read_verdicts(text)
        if verdicts is None:
            return _Judged(None, calls, ("a verification answer could not be read: its findings stand unverified",))
        answering = next((call.tier for call in reversed(calls) if call.ok), batch.tier)
        # A weaker tier's verdict under this key would later pass as the stronger one's.
        if context.store is not None and answering >= min(batch.tier, context.models.highest):
            context.store.put(key, text)
    return _Judged(apply_verdicts(batch.findings, verdicts, shown=shown), calls)


def _key(prompt: Prompt, tier: Tier) -> str:
    """Return the identity of a verification in the store of results."""
    return hashlib.sha256(f"verify\0{tier.label}\0{prompt.text}".encode("utf-8", "surrogatepass")).hexdigest()


def _why_not(error: KiloReviewError | None) -> str:
    """Say why no model verified a batch."""
    if isinstance(error, BudgetRefused):
        return f"a spending limit left no room ({error.rule})"
    return str(error) if error else "no model answered"
