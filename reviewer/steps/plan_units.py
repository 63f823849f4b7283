"""Plan the units of a review one after the other, so that the first is asked while the rest is planned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.attributes import attributes_of
from policies.policy import Policy
from reviewer.context.gather import ContextGatherer, proportional_budget
from reviewer.context.guidelines import guideline_budget
from reviewer.context.model import ContextItem
from reviewer.context.tokens import count_tokens
from reviewer.findings.schema import FINDINGS_SCHEMA
from reviewer.git.snapshot import Snapshot
from reviewer.prompts.snippets import AsPrompted
from reviewer.steps.plan import Plan, elsewhere, plan_unit, units_of_paths
from reviewer.steps.prepare import HasModels, Prepared
from reviewer.steps.request import ReviewRequest

# From so many units on, what they share is worth a part of each one's context: it is read from the cache.
UNITS_THAT_SHARE: Final = 3


def gatherer_of(prepared: Prepared, head: Snapshot | None, base: Snapshot | None) -> ContextGatherer | None:
    """Return what gathers context for the units, by the prices of the prompt; None without a commit to read."""
    if head is None:
        return None
    return ContextGatherer(head=head, base=base, change=prepared.change, tariff=AsPrompted)


def plan_units(
    request: ReviewRequest,
    prepared: Prepared,
    *,
    policy: Policy,
    gatherer: ContextGatherer | None,
    models: HasModels,
) -> Iterator[Plan]:
    """Yield a plan for each unit in turn, so that the first question is on its way while the rest is planned.

    The first unit, the riskiest, has its own context alone. What units share is looked for while it is being
    answered and stands before every other one.
    """
    shared: tuple[ContextItem, ...] = ()
    if gatherer:
        gatherer.plan(prepared.units)
        shared = gatherer.guidelines(_guideline_budget(prepared, policy))
    holding = units_of_paths((*prepared.units, *prepared.left_over))
    for number, unit in enumerate(prepared.units):
        if number == 1 and gatherer and len(prepared.units) >= UNITS_THAT_SHARE:
            shared = (*shared, *gatherer.shared_items(_shared_budget(prepared, policy)))
        yield plan_unit(
            unit,
            request=request,
            policy=policy,
            models=models,
            gatherer=gatherer,
            shared=shared,
            schema=FINDINGS_SCHEMA,
            count=count_tokens,
            attributes=lambda path: attributes_of(path, prepared.scope.attributes),
            elsewhere=elsewhere(unit, holding),
        )


def _guideline_budget(prepared: Prepared, policy: Policy) -> int:
    """Return how many tokens of guidelines each prompt may have, by the size of an average unit."""
    # Estimated: it moves in large steps, and the first question waits for it.
    diff = sum(len(line.text) for unit in prepared.units for hunk in unit.hunks for line in hunk.lines) // 4
    diff //= max(1, len(prepared.units))
    return guideline_budget(proportional_budget(diff, ceiling=policy.context_tokens))


def _shared_budget(prepared: Prepared, policy: Policy) -> int:
    """Return how many tokens what the units share may cost: half of an average unit's context."""
    lines = sum(
        count_tokens(line.text) + 1 for unit in prepared.units for hunk in unit.hunks for line in hunk.lines
    )
    return proportional_budget(lines // len(prepared.units), ceiling=policy.context_tokens) // 2
