"""UnitAnswer: what came of asking about one unit."""

from __future__ import annotations

from dataclasses import dataclass

from policies.words import Tier
from reviewer.context.lookup_request import LookupRequest
from reviewer.context.model import ContextItem
from reviewer.findings.model import Finding, PlacedFinding
from reviewer.models.model import Call
from reviewer.steps.plan import Plan
from reviewer.steps.result import Escalation


@dataclass(frozen=True, slots=True)
class UnitAnswer:
    """What came of asking about one unit. `problem` is why the unit counts as not reviewed, "" where it was.

    `tier` is that of the model that answered, also where another was asked for. `model` names it. `text` is its
    answer, for the store of results. `looked_up` is what the model was shown beside the plan, and `lookups` the
    requests for that. `rejected` are findings that failed a check, with the check as their reason. `limit` says
    that a spending limit ended it. `second` is the text of a second pass by `second_model`,
    `earlier` those of the answers that asked for look-ups.
    """

    plan: Plan
    tier: Tier
    model: str = ""
    text: str = ""
    findings: tuple[Finding, ...] = ()
    rejected: tuple[PlacedFinding, ...] = ()
    looked_up: tuple[ContextItem, ...] = ()
    lookups: tuple[LookupRequest, ...] = ()
    calls: tuple[Call, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    notices: tuple[str, ...] = ()
    problem: str = ""
    limit: bool = False
    from_store: bool = False
    earlier: tuple[str, ...] = ()
    second: str = ""
    second_model: str = ""

    @property
    def is_stand_in(self) -> bool:
        """True where a weaker tier than the planned one answered, for want of money or of a model."""
        candidate, planned = self.plan.candidate, self.plan.route.tier
        return self.tier < (planned if candidate is None else min(planned, candidate.tier))
