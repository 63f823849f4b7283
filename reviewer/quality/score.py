"""The figures of a set of reviewed cases, each with its interval. Pure arithmetic."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

RESAMPLES: Final = 1000


@dataclass(frozen=True, slots=True)
class Counted:
    """One case, counted. `matched` findings say what an expert said, `rejected` repeat what experts rejected.

    `inline_matched` counts those of them that stand beside their line. `judged` False is a case whose judge gave no
    answer: it counts for cost, and not for precision and recall.
    """

    case: str
    goldens: int
    findings: int
    matched: int
    inline: int = 0
    inline_matched: int = 0
    anchored: int = 0
    rejected: int = 0
    complete: bool = True
    judged: bool = True
    cost: Decimal | None = Decimal(0)
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with the interval that 95 % of resampled sets of cases fall into; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """The figures of one label. Money is US dollars; None is an unknown price, never zero."""

    label: str
    cases: int
    completed: int
    judged: int
    goldens: int
    findings: int
    matched: int
    rejected: int
    precision: Figure
    recall: Figure
    f1: Figure
    inline_precision: Figure
    findings_per_case: Figure
    anchoring: Figure
    completion: Figure
    seconds: Figure
    cost: Decimal | None
    cost_per_case: Decimal | None
    cost_per_true: Decimal | None
    input_tokens: int
    output_tokens: int
    calls: int


def score(label: str, counted: Sequence[Counted], dice: random.Random, *, resamples: int = RESAMPLES) -> Score:
    """Return the figures of a label's cases; counts are added up over cases before they are divided."""
    judged = [row for row in counted if row.judged]
    cost = _sum_of_costs(counted)
    matched = sum(row.matched for row in judged)

    def figure(of: Callable[[Sequence[Counted]], float | None], rows: Sequence[Counted]) -> Figure:
        return _figure(of, rows, dice, resamples)

    return Score(
        label=label,
        cases=len(counted),
        completed=sum(row.complete for row in counted),
        judged=len(judged),
        goldens=sum(row.goldens for row in judged),
        findings=sum(row.findings for row in judged),
        matched=matched,
        rejected=sum(row.rejected for row in judged),
        precision=figure(precision, judged),
        recall=figure(recall, judged),
        f1=figure(f1, judged),
        inline_precision=figure(_inline_precision, judged),
        findings_per_case=figure(lambda rows: _share(sum(row.findings for row in rows), len(rows)), counted),
        anchoring=figure(_anchoring, counted),
        completion=figure(lambda rows: _share(sum(row.complete for row in rows), len(rows)), counted),
        seconds=figure(lambda rows: _share(sum(row.seconds for row in rows), len(rows)), counted),
        cost=cost,
        cost_per_case=cost / len(counted) if cost is not None and counted else None,
        cost_per_true=cost / matched if cost is not None and matched else None,
        input_tokens=sum(row.input_tokens for row in counted),
        output_tokens=sum(row.output_tokens for row in counted),
        calls=sum(row.calls for row in counted),
    )


def precision(rows: Sequence[Counted]) -> float | None:
    """Return the share of findings that an expert made too."""
    return _share(sum(row.matched for row in rows), sum(row.findings for row in rows))


def recall(rows: Sequence[Counted]) -> float | None:
    """Return the share of the experts' comments that were found."""
    return _share(sum(row.matched for row in rows), sum(row.goldens for row in rows))


def f1(rows: Sequence[Counted]) -> float | None:
    """Return the harmonic mean of precision and recall: 2 matched / (findings + comments)."""
    return _share(2 * sum(row.matched for row in rows), sum(row.findings + row.goldens for row in rows))


def _inline_precision(rows: Sequence[Counted]) -> float | None:
    return _share(sum(row.inline_matched for row in rows), sum(row.inline for row in rows))


def _anchoring(rows: Sequence[Counted]) -> float | None:
    return _share(sum(row.anchored for row in rows), sum(row.findings for row in rows))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _sum_of_costs(rows: Sequence[Counted]) -> Decimal | None:
    costs = [row.cost for row in rows]
    return None if any(cost is None for cost in costs) else sum((cost for cost in costs if cost), Decimal(0))


def _figure(
    of: Callable[[Sequence[Counted]], float | None], rows: Sequence[Counted], dice: random.Random, resamples: int
) -> Figure:
    value = of(rows)
    if value is None or len(rows) < 2:
        return Figure(value)
    drawn = (of(dice.choices(rows, k=len(rows))) for _ in range(resamples))
    found = sorted(each for each in drawn if each is not None)
    if not found:
        return Figure(value)
    return Figure(value, found[int(0.025 * len(found))], found[min(int(0.975 * len(found)), len(found) - 1)])
