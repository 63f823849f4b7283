"""Plan the units of a review one after the other, so that the first is asked while the rest is planned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.policy import Policy
from reviewer.context.gather import ContextGatherer, proportional_budget
from reviewer.context.guidelines import guideline_budget
from reviewer.context.model import ContextItem
from reviewer.context.tokens import count_tokens
from reviewer.prompts.snippets import AsPrompted
from reviewer.steps.context import ReviewContext
from reviewer.steps.plan import Plan, WorstEvidence, plan_unit, route_unit
from reviewer.steps.prepare import Prepared

# From so many units on, what they share is worth a part of each one's context: it is read from the cache.
UNITS_THAT_SHARE: Final = 3
# Guidelines stand in every prompt: a small unit gets no more of them than a step.
LEAST_FOR_GUIDELINES: Final = 200


def gatherer_of(prepared: Prepared, context: ReviewContext) -> ContextGatherer | None:
    """Return what gathers context for the units, by the prices of the prompt; None without a commit to read."""
    if context.head is None:
        return None
    return ContextGatherer(head=context.head, base=context.base, change=prepared.change, tariff=AsPrompted)


def plan_units(
    prepared: Prepared,
    gatherer: ContextGatherer | None,
    context: ReviewContext,
    evidence: WorstEvidence | None = None,
) -> Iterator[Plan]:
    """Yield a plan for each unit in turn, so that the first question is on its way while the rest is planned.

    The first unit, the riskiest, has its own context alone. What units share is looked for while it is being
    answered and stands before every other one. A unit whose tier `evidence` decides waits for the analysers. In a
    process of many reviews, what was read and parsed is dropped after the last plan.
    """
    shared: tuple[ContextItem, ...] = ()
    if gatherer:
        gatherer.plan(prepared.units)
        shared = gatherer.guidelines(_guideline_budget(prepared, context.policy))
    for number, unit in enumerate(prepared.units):
        if number == 1 and gatherer and len(prepared.units) >= UNITS_THAT_SHARE:
            shared = (*shared, *gatherer.shared_items(_shared_budget(prepared, context.policy)))
        routed = route_unit(unit, prepared, context.policy, evidence)
        yield plan_unit(routed, prepared, gatherer, shared, context)
    if gatherer and context.gates.crowded:
        gatherer.release()


def _guideline_budget(prepared: Prepared, policy: Policy) -> int:
    """Return how many tokens of guidelines each prompt may have, by the size of an average unit."""
    # Estimated: it moves in large steps, and the first question waits for it.
    diff = sum(len(line.text) for unit in prepared.units for hunk in unit.hunks for line in hunk.lines) // 4
    diff //= max(1, len(prepared.units))
    least = LEAST_FOR_GUIDELINES
    return guideline_budget(proportional_budget(diff, ceiling=policy.context_tokens, least=least))


def _shared_budget(prepared: Prepared, policy: Policy) -> int:
    """Return how many tokens what the units share may cost: half of an average unit's context."""
    lines = sum(
        count_tokens(line.text) + 1 for unit in prepared.units for hunk in unit.hunks for line in hunk.lines
    )
    return proportional_budget(lines // len(prepared.units), ceiling=policy.context_tokens) // 2
