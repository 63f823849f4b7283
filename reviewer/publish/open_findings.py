"""Which findings are open, in which order, in how many words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from reviewer.findings.model import Disposition, PlacedFinding
from reviewer.publish.figures import count
from reviewer.steps.result import Review

# How `reviewer.findings.merge` words the reason of a finding that an open thread of this pull request has.
OPEN_THREAD: Final = "already raised in an open thread"


def still_open(review: Review) -> tuple[PlacedFinding, ...]:
    """Return what was found again and stands in an open thread already: not said twice, and not gone either."""
    return tuple(
        placed for placed in review.by_disposition(Disposition.DUPLICATE) if placed.reason.startswith(OPEN_THREAD)
    )


def standing(review: Review) -> tuple[PlacedFinding, ...]:
    """Return every finding that asks something of somebody: shown now, or in a thread that is still open."""
    return (*review.shown(), *still_open(review))


def in_words(findings: Sequence[PlacedFinding]) -> str:
    """Return `3 findings (1 high, 2 low)`, "" for none."""
    if not findings:
        return ""
    levels = [placed.finding.severity for placed in findings]
    parts = [f"{levels.count(level)} {level.label}" for level in sorted(set(levels), reverse=True)]
    return f"{count(len(findings), 'finding')} ({', '.join(parts)})"


def ordered(findings: Iterable[PlacedFinding]) -> list[PlacedFinding]:
    """Return findings as a reader wants them: worst first, then by worth, then by place."""
    return sorted(
        findings,
        key=lambda placed: (-placed.finding.severity, -placed.score, placed.finding.path, placed.finding.line),
    )
