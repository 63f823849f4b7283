"""After a failed quality check: one repair, then one tier up, within caps; else stop, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from policies.policy import Policy
from policies.words import Check, Strategy, Tier

# A repair shows the model its own answer and what was wrong with it: of no use where there is no answer to repair.
NOT_REPAIRABLE: Final = frozenset({Check.REFUSED, Check.SELF_REPORTED_UNCERTAIN, Check.VERIFICATION_SPLIT})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answered call of a unit: its stage ("review", "repair", "escalation"), tier, and the check it failed."""

    stage: str
    tier: Tier
    failed: Check | None


@dataclass(frozen=True, slots=True)
class Repair:
    """Ask the same tier once more, with what was wrong."""


@dataclass(frozen=True, slots=True)
class Escalate:
    """Ask a stronger tier."""

    tier: Tier


@dataclass(frozen=True, slots=True)
class Stop:
    """Keep what there is; `reason` says in the summary why nothing more is asked.

    `cap` is the key of policy that allows no further call, "" where none does.
    """

    reason: str
    cap: str = field(default="", compare=False)


def next_step(
    attempts: Sequence[Attempt], policy: Policy, *, escalations_used: int, highest: Tier
) -> Repair | Escalate | Stop:
    """Decide the next call of a unit from the calls so far, oldest first.

    Only a named failed check buys another call. `escalations_used` counts the run's escalations over all units;
    `highest` is the highest tier with a usable model.
    """
    if not attempts:
        return Stop("nothing was asked yet")
    last = attempts[-1]
    if last.failed is None:
        return Stop("the answer passed its checks")
    if len(attempts) >= policy.max_calls_per_unit:
        return Stop(f"the unit has had its {policy.max_calls_per_unit} calls", "caps.max_calls_per_unit")
    if last.failed not in NOT_REPAIRABLE and not any(attempt.stage == "repair" for attempt in attempts):
        return Repair()
    return _one_up(last, policy, escalations_used=escalations_used, highest=highest)


def _one_up(last: Attempt, policy: Policy, *, escalations_used: int, highest: Tier) -> Escalate | Stop:
    if policy.model:
        return Stop(f"the policy names one model ({policy.model}), so there is no stronger tier")
    ceiling = min(highest, policy.max_tier)
    if policy.strategy is not Strategy.AUTO:
        # A chosen tier is a promise about price; sensitive units of another tier keep the tier they have.
        ceiling = min(ceiling, max(Tier[policy.strategy.name], last.tier))
    tier = last.tier.next_up
    if tier is None or tier > ceiling:
        why = (
            f"{last.tier.label} is the highest tier"
            if tier is None
            else f"{ceiling.label} is the highest tier allowed and usable"
        )
        bound = tier is not None and policy.max_tier < min(tier, highest)
        return Stop(why, "max_tier" if bound else "")
    if escalations_used >= policy.max_escalations:
        return escalations_are_used(policy)
    return Escalate(tier)


def escalations_are_used(policy: Policy) -> Stop:
    """Return the end of a unit in a run that has used its escalations."""
    return Stop(f"the run has used its {policy.max_escalations} escalations", "caps.max_escalations")
