"""CallSums: what a set of calls came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import func

from reviewer.ledger.rollup import BUCKET_ENDS, LATENCY_COLUMNS, SUM_COLUMNS
from reviewer.ledger.tables import call_days as d
from reviewer.ledger.units import from_picos

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class CallSums:
    """Calls added up. `known_usd` is the sum of the bills; `cost_usd` is None where any part is unknown.

    Failed calls, retries and verification are all among `calls` and in the cost. `checks_failed` are answers that
    failed a named quality check and so bought another call.
    """

    calls: int = 0
    ok: int = 0
    retries: int = 0
    checks_failed: int = 0
    frontier: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    known_usd: Decimal = Decimal(0)
    unconfirmed_usd: Decimal = Decimal(0)
    unpriced: int = 0

    def __add__(self, other: CallSums) -> CallSums:
        """Add up two sets of calls."""
        return CallSums(
            **{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        )

    @property
    def cost_usd(self) -> Decimal | None:
        """The exact cost, None where any part of it is unknown."""
        return None if self.unpriced or self.unconfirmed_usd else self.known_usd


def sums_of(table: Any, columns: Sequence[str] = SUM_COLUMNS) -> list[Any]:
    """Return the sums to select of a table of sums."""
    return [func.coalesce(func.sum(table.c[name]), 0).label(name) for name in columns]


LATENCIES: Final = sums_of(d, LATENCY_COLUMNS)


def call_sums(row: Any) -> CallSums:
    """Read a row of `sums_of`."""
    return CallSums(
        calls=int(row.calls or 0),
        ok=int(row.ok or 0),
        retries=int(row.retries or 0),
        checks_failed=int(row.checks_failed or 0),
        frontier=int(row.frontier or 0),
        input_tokens=int(row.input_tokens or 0),
        cache_read_tokens=int(row.cache_read_tokens or 0),
        cache_write_tokens=int(row.cache_write_tokens or 0),
        output_tokens=int(row.output_tokens or 0),
        reasoning_tokens=int(row.reasoning_tokens or 0),
        known_usd=from_picos(row.cost_picos or 0),
        unconfirmed_usd=from_picos(row.unconfirmed_picos or 0),
        unpriced=int(row.unpriced or 0),
    )


def share(part: int, whole: int) -> float | None:
    """Return a share from 0 to 1, None of nothing."""
    return part / whole if whole else None


def latency(row: Any, quantile: float) -> int | None:
    """Return a quantile of the latency in milliseconds, interpolated inside its bucket; None without calls."""
    counts = [int(row._mapping[name]) for name in LATENCY_COLUMNS]
    left = quantile * sum(counts)
    if not left:
        return None
    start = 0
    for count, end in zip(counts, (*BUCKET_ENDS, BUCKET_ENDS[-1]), strict=True):
        if count and left <= count:
            return round(start + (end - start) * left / count)
        left -= count
        start = end
    return BUCKET_ENDS[-1]
