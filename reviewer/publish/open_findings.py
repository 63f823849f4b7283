"""Which findings are open, in which order, in how many words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from policies.words import Severity
from reviewer.findings.model import Disposition, PlacedFinding
from reviewer.publish.figures import count
from reviewer.steps.result import Review

# How `reviewer.findings.merge` words the reason of a finding that an open thread of this pull request has.
OPEN_THREAD: Final = "already raised in an open thread"


def still_open(review: Review) -> tuple[PlacedFinding, ...]:
    """Return what was found again and stands in an open thread already: not said twice, and not gone either."""
    return tuple(placed for placed in review.findings if _open(placed))


def standing(review: Review) -> tuple[PlacedFinding, ...]:
    """Return every finding that is open: shown now, or in a thread that is still open."""
    return (*review.shown(), *still_open(review))


def decisive(review: Review) -> tuple[PlacedFinding, ...]:
    """Return the findings that the gates count: beside a line, verified, or in a thread that is still open."""
    return tuple(placed for placed in (*review.shown(), *still_open(review)) if placed.decides or _open(placed))


def unplaced(review: Review, level: Severity | None) -> tuple[PlacedFinding, ...]:
    """Return what could not be placed or graded and may be `level` or worse, nothing without a level."""
    if level is None:
        return ()
    return tuple(placed for placed in review.by_disposition(Disposition.UNPLACED) if placed.may_reach(level))


def _open(placed: PlacedFinding) -> bool:
    return placed.disposition is Disposition.DUPLICATE and placed.reason.startswith(OPEN_THREAD)


def in_words(findings: Sequence[PlacedFinding]) -> str:
    """Return `3 findings (1 high, 2 low)`, "" for none."""
    if not findings:
        return ""
    levels = [placed.finding.severity for placed in findings if placed.finding.graded]
    parts = [f"{levels.count(level)} {level.label}" for level in sorted(set(levels), reverse=True)]
    if len(levels) < len(findings):
        parts.append(f"{len(findings) - len(levels)} ungraded")
    return f"{count(len(findings), 'finding')} ({', '.join(parts)})"


def ordered(findings: Iterable[PlacedFinding]) -> list[PlacedFinding]:
    """Return findings as a reader wants them: worst first, then by worth, then by place."""
    return sorted(
        findings,
        key=lambda placed: (-placed.finding.severity, -placed.score, placed.finding.path, placed.finding.line),
    )
