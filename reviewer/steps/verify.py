"""Verification: candidates are refuted in batches, by a model at least as strong as the one that found them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

from policies.policy import Policy
from policies.words import Check, Severity, Tier, Verify
from reviewer.change.render import render_unit
from reviewer.context.tokens import count_tokens
from reviewer.errors import BudgetRefused
from reviewer.findings.model import Finding, PlacedFinding
from reviewer.findings.verify import Verification, apply_verdicts, build_verification, read_verdicts
from reviewer.models.model import Call, Prompt, Stage
from reviewer.prompts.fence import fenced
from reviewer.prompts.snippets import context_texts
from reviewer.steps.ask import Answered, Ask, Run
from reviewer.steps.cache import ResultStore
from reviewer.steps.plan import Plan, is_small
from reviewer.steps.result import Escalation

# Tokens of diff and context that one verification call reads.
BATCH_TOKENS: Final = 12_000


@dataclass(frozen=True, slots=True)
class Verified:
    """What verification set aside, with the line that refutes it; what it cost; and what it could not do."""

    refuted: tuple[PlacedFinding, ...] = ()
    calls: tuple[Call, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(slots=True)
class _Batch:
    tier: Tier
    findings: list[Finding] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    tokens: int = 0


@dataclass(slots=True)
class _State:
    asker: Ask
    policy: Policy
    run: Run
    store: ResultStore | None
    calls: list[Call] = field(default_factory=list)
    escalations: list[Escalation] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def verify_findings(
    answers: Sequence[Answered],
    plans: Mapping[str, Plan],
    *,
    asker: Ask,
    policy: Policy,
    run: Run,
    store: ResultStore | None = None,
) -> Verified:
    """Try to refute what policy wants verified; what no proof refutes stands.

    CRITICAL and HIGH always, and all that a tier below FRONTIER found; everything under `verify = "always"`.
    """
    batches = _batches(answers, plans, policy)
    states = [_State(asker, policy, run, store) for _batch in batches]
    with ThreadPoolExecutor(max_workers=policy.concurrency) as pool:
        refuted = [found for one in pool.map(_refute, batches, states) for found in one]
    return Verified(
        tuple(refuted),
        tuple(call for state in states for call in state.calls),
        tuple(step for state in states for step in state.escalations),
        tuple(dict.fromkeys(note for state in states for note in state.notices)),
    )


def _refute(batch: _Batch, state: _State) -> tuple[PlacedFinding, ...]:
    """Return what of a batch is set aside."""
    if late := state.run.late():
        state.notices.append(f"{len(batch.findings)} finding(s) were not verified: {late}")
        return ()
    result = _judge(batch, batch.tier, state)
    if result is None:
        return ()
    split = [finding for finding in result.unproven if finding.severity >= Severity.HIGH]
    again = _again(batch, split, state) if split else None
    return (*result.refuted, *(again.refuted if again else ()))


def _wanted(finding: Finding, tier: Tier, policy: Policy) -> bool:
    if policy.verify is Verify.NEVER:
        return False
    return policy.verify is Verify.ALWAYS or finding.severity >= Severity.HIGH or tier < Tier.FRONTIER


def _batches(answers: Sequence[Answered], plans: Mapping[str, Plan], policy: Policy) -> list[_Batch]:
    """Put the candidates of a tier together until a call has enough to read; each unit's text stands once."""
    open_batches: dict[Tier, _Batch] = {}
    done: list[_Batch] = []
    for answered in answers:
        wanted = [found for found in answered.findings if _wanted(found, answered.tier, policy)]
        candidate = plans[answered.unit.identity].candidate
        # A small model refutes nothing reliably, and what it finds alone stays out of the lines anyway.
        if not wanted or (candidate is not None and is_small(candidate)):
            continue
        shown = _shown(answered, plans[answered.unit.identity])
        tokens = count_tokens(shown)
        batch = open_batches.setdefault(answered.tier, _Batch(answered.tier))
        if batch.findings and batch.tokens + tokens > BATCH_TOKENS:
            done.append(batch)
            batch = open_batches[answered.tier] = _Batch(answered.tier)
        batch.findings += wanted
        batch.units[answered.unit.identity] = shown
        batch.tokens += tokens
    return [*done, *open_batches.values()]


def _shown(answered: Answered, plan: Plan) -> str:
    # What was looked up too: the line that refutes a finding is most often in the callee that was asked for.
    parts, _found = context_texts((*answered.looked_up, *plan.items), paths=plan.unit.paths)
    # Numbered, so that a removed line keeps its number at the base and an added one cannot pass for an old one.
    return "\n\n".join((*parts, fenced("diff", render_unit(plan.unit))))


def _judge(batch: _Batch, tier: Tier, state: _State) -> Verification | None:
    shown = "\n\n".join(batch.units.values())
    prompt = build_verification(batch.findings, shown=shown)
    text = _answer(prompt, tier, batch, state)
    if text is None:
        return None
    verdicts = read_verdicts(text)
    if verdicts is None:
        state.notices.append("a verification answer could not be read: its findings stand unverified")
        return None
    return apply_verdicts(batch.findings, verdicts, shown=shown)


def _answer(prompt: Prompt, tier: Tier, batch: _Batch, state: _State) -> str | None:
    key = hashlib.sha256(f"verify\0{tier.label}\0{prompt.text}".encode("utf-8", "surrogatepass")).hexdigest()
    stored = state.store.get(key) if state.store else None
    if stored is not None:
        return stored
    unit = next(iter(batch.units))
    result = state.asker.ask(prompt, tier=tier, unit=unit, stage=Stage.VERIFICATION, attempt=1)
    state.calls += result.calls
    if result.completion is None:
        why = str(result.error) if result.error else "no model answered"
        if isinstance(result.error, BudgetRefused):
            why = f"a spending limit left no room ({result.error.rule})"
        state.notices.append(f"{len(batch.findings)} finding(s) were not verified: {why}")
        return None
    if state.store is not None:
        state.store.put(key, result.completion.text)
    return result.completion.text


def _again(batch: _Batch, split: Sequence[Finding], state: _State) -> Verification | None:
    """Ask one tier up about grave findings that were called wrong without a proof."""
    higher = batch.tier.next_up
    if higher is None or higher > min(state.asker.highest, state.policy.max_tier) or state.policy.model:
        return None
    if not state.run.take_escalation(state.policy.max_escalations):
        return None
    unit = split[0].unit
    state.escalations.append(
        Escalation(unit, Check.VERIFICATION_SPLIT, batch.tier, higher, "called wrong without a line that proves it")
    )
    if state.calls:
        state.calls[-1] = replace(state.calls[-1], failed_check=Check.VERIFICATION_SPLIT)
    return _judge(_Batch(higher, list(split), dict(batch.units), batch.tokens), higher, state)
