"""Review: what the pipeline returns, before any publication."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from policies.words import Check, Severity, Tier
from reviewer.change.model import Change
from reviewer.context.model import LookUpCounts
from reviewer.evidence.model import EvidenceRun
from reviewer.findings.model import Coverage, Disposition, PlacedFinding
from reviewer.findings.statements import Statement
from reviewer.models.model import Call, Usage


def add_costs(total: Decimal | None, calls: Iterable[Call]) -> Decimal | None:
    """Add the US dollars of calls to a total; None as soon as one price is unknown."""
    for call in calls:
        if total is None or call.cost is None:
            return None
        total += call.cost
    return total


def total_usage(calls: Iterable[Call]) -> Usage:
    """Return the tokens of calls."""
    return sum((call.usage for call in calls), Usage())


class ReviewStatus(StrEnum):
    """How far the review came. Only COMPLETE may say "no issues"."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    ANALYSERS_ONLY = "analysers-only"
    STOPPED_BY_LIMIT = "stopped-by-limit"
    EMPTY = "empty"


# Snippets that a route names as shown.
MAX_CONTEXT: Final = 40


@dataclass(frozen=True, slots=True)
class UnitRoute:
    """What was decided for a unit: tier, model ("" where none is usable) and every reason.

    `context` says what was shown beside the unit's own lines: place and reason of each, at most MAX_CONTEXT.
    """

    unit: str
    paths: tuple[str, ...]
    tier: Tier
    model: str
    reasons: tuple[str, ...]
    sensitivity: float = 0.0
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Escalation:
    """A failed quality check that bought another call."""

    unit: str
    check: Check
    from_tier: Tier
    to_tier: Tier
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FixedFinding:
    """An earlier finding with an open thread whose code was mended; `commit` did it, "" where that is not known."""

    fingerprint: str
    path: str
    title: str
    line: int
    quote: str
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """The result of the pipeline. Costs are US dollars; None means that a price is unknown.

    `all_frontier_cost` is what the same calls would have cost with every unit at the frontier tier.
    `notices` are sentences for the reader: limits that bit, ignored policy keys, redacted secrets. `context_limits`
    say what the context engine was to read and did not. `statements` are the policy's checks in plain language that
    concern the change, each with its outcome; `criteria` likewise what the change itself is said to do. `fixed` are
    findings of earlier reviews that were mended.
    """

    change: Change
    status: ReviewStatus
    findings: tuple[PlacedFinding, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    routes: tuple[UnitRoute, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    calls: tuple[Call, ...] = ()
    evidence: tuple[EvidenceRun, ...] = ()
    notices: tuple[str, ...] = ()
    context_limits: tuple[str, ...] = ()
    lookups: LookUpCounts = field(default_factory=LookUpCounts)
    all_frontier_cost: Decimal | None = None
    units_from_cache: int = 0
    duration_ms: int = 0
    statements: tuple[Statement, ...] = ()
    criteria: tuple[Statement, ...] = ()
    fixed: tuple[FixedFinding, ...] = ()

    @property
    def cost(self) -> Decimal | None:
        """Sum over every call, None as soon as one price is unknown."""
        return add_costs(Decimal(0), self.calls)

    @property
    def usage(self) -> Usage:
        """Tokens over every call."""
        return total_usage(self.calls)

    def by_disposition(self, *dispositions: Disposition) -> tuple[PlacedFinding, ...]:
        """Return the findings with one of these fates, in order of presentation."""
        return tuple(placed for placed in self.findings if placed.disposition in dispositions)

    def shown(self) -> tuple[PlacedFinding, ...]:
        """Return the findings that a reader sees: inline, in the summary, or moved there for want of an anchor."""
        return self.by_disposition(
            Disposition.INLINE, Disposition.SUMMARY, Disposition.OUT_OF_DIFF, Disposition.UNPLACED
        )

    def worst(self) -> Severity | None:
        """Return the highest severity among the findings that decide, and those that could not be placed or graded.

        One without a grade counts as CRITICAL: it may be as bad as that.
        """
        unplaced = self.by_disposition(Disposition.UNPLACED)
        decisive = [placed.finding.severity for placed in (*self.shown(), *unplaced) if placed.decides]
        open_ended = [
            placed.finding.severity if placed.finding.graded else Severity.CRITICAL for placed in unplaced
        ]
        return max((*decisive, *open_ended), default=None)
