"""A side question: one call beside the review of the units, with a schema, a reservation and a stage of its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from policies.policy import Policy
from policies.words import Strategy, Tier
from reviewer.errors import BudgetRefused
from reviewer.models.model import Call, Prompt, Stage
from reviewer.steps.context import ReviewContext


@dataclass(frozen=True, slots=True)
class SideAnswer:
    """What became of a side question: its text, None with the reason `missing` where there is none."""

    text: str | None
    calls: tuple[Call, ...] = ()
    missing: str = ""


def side_tier(policy: Policy) -> Tier:
    """Return the cheapest tier that side questions are put to: EFFICIENT, within policy's bounds and strategy."""
    wanted = Tier.EFFICIENT if policy.strategy is Strategy.AUTO else min(Tier.EFFICIENT, Tier[policy.strategy.name])
    return min(max(wanted, policy.min_tier), policy.max_tier)


def ask_aside(prompt: Prompt, stage: Stage, context: ReviewContext, *, tier: Tier | None = None) -> SideAnswer:
    """Put a side question to a tier, by default the cheapest suitable one, or read what was paid for before.

    Never raises for what a model does; LedgerUnavailable where money cannot be accounted for.
    """
    tier = side_tier(context.policy) if tier is None else tier
    key = hashlib.sha256(f"{stage}\0{tier.label}\0{prompt.text}".encode("utf-8", "surrogatepass")).hexdigest()
    kept = context.store.get(key) if context.store else None
    if kept is not None:
        return SideAnswer(kept)
    if not context.models.usable:
        return SideAnswer(None, missing="no model may be asked")
    if late := context.run.out_of_time():
        return SideAnswer(None, missing=late)
    result = context.models.ask(prompt, tier=tier, unit="", stage=stage)
    calls = tuple(result.calls)
    if result.completion is None:
        if isinstance(result.error, BudgetRefused):
            return SideAnswer(None, calls, f"a spending limit left no room ({result.error.rule})")
        return SideAnswer(None, calls, str(result.error) if result.error else "no model answered")
    if context.store is not None:
        context.store.put(key, result.completion.text)
    return SideAnswer(result.completion.text, calls)
