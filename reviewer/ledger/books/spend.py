"""Spend by model, repository, author, kind of change or day, and how the models do."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import String, cast, func, select

from reviewer.errors import ConfigurationError
from reviewer.ledger.books.sums import LATENCIES, MILLION, CallSums, call_sums, latency, share, sums_of
from reviewer.ledger.books.visible import Visible
from reviewer.ledger.books.window import MAX_ROWS, Window, day_text
from reviewer.ledger.database import Database
from reviewer.ledger.tables import call_days as d
from reviewer.ledger.tables import call_reviews as s
from reviewer.ledger.tables import review_facts as f
from reviewer.ledger.tables import reviews as r

GROUPS: Final = ("model", "repository", "author", "day", "kind")
_COLUMNS: Final[dict[str, Any]] = {
    "model": d.c.model,
    "repository": d.c.repository,
    "author": d.c.actor,
    "day": d.c.day,
}


@dataclass(frozen=True, slots=True)
class SpendRow:
    """What the calls of one model, repository, author, kind of change or day came to."""

    name: str
    sums: CallSums


@dataclass(frozen=True, slots=True)
class ModelRow:
    """How a model did. Shares are 0 to 1, None where there is nothing to take a share of.

    `usd_per_million` divides by all its tokens, of input and output. Latencies are of a histogram whose buckets
    grow by 41 %, interpolated.
    """

    provider: str
    model: str
    sums: CallSums
    traffic: float | None
    usd_per_request: Decimal | None
    usd_per_million: Decimal | None
    cache_hits: float | None
    success: float | None
    p50_ms: int | None
    p95_ms: int | None


def spend(
    db: Database, visible: Visible, window: Window, by: str = "model", rows: int = MAX_ROWS
) -> list[SpendRow]:
    """Add up calls by one of GROUPS, dearest first, days in their order; at most `rows` of them.

    A kind of change is that of the calls' review, and counted in the time in which the review was asked for.
    ConfigurationError for another group.
    """
    if by not in GROUPS:
        raise ConfigurationError(f"{by!r} is no group", remedy=f"Use one of {', '.join(GROUPS)}.")
    rows = max(1, min(rows, MAX_ROWS))
    if by == "kind":
        since, until = window.micros
        kind = func.coalesce(f.c.kind, "")
        query = (
            select(kind.label("name"), *sums_of(s))
            .select_from(r.join(s, s.c.review_id == r.c.id).outerjoin(f, f.c.review_id == r.c.id))
            .where(
                r.c.accepted_at >= since, r.c.accepted_at < until, visible.where(r.c.installation_id, r.c.repo_id)
            )
            .group_by(kind)
            .order_by(func.sum(s.c.cost_picos).desc(), kind)
        )
    else:
        column = _COLUMNS[by]
        order = (column,) if by == "day" else (func.sum(d.c.cost_picos).desc(), column)
        query = (
            select(cast(column, String).label("name"), *sums_of(d))
            .where(*in_days(visible, window))
            .group_by(column)
            .having(func.sum(d.c.calls) > 0)
            .order_by(*order)
        )
    found = db.read(lambda connection: connection.execute(query.limit(rows)).all())
    return [
        SpendRow(day_text(int(row.name)) if by == "day" else str(row.name or "unknown"), call_sums(row))
        for row in found
    ]


def models(db: Database, visible: Visible, window: Window, rows: int = MAX_ROWS) -> list[ModelRow]:
    """Return how each model did, the one with most calls first; at most `rows` of them."""
    query = (
        select(d.c.provider, d.c.model, *sums_of(d), *LATENCIES)
        .where(*in_days(visible, window))
        .group_by(d.c.provider, d.c.model)
        .having(func.sum(d.c.calls) > 0)
        .order_by(func.sum(d.c.calls).desc(), d.c.provider, d.c.model)
        .limit(max(1, min(rows, MAX_ROWS)))
    )
    found = db.read(lambda connection: connection.execute(query).all())
    total = sum(int(row.calls) for row in found)
    return [_model(row, total) for row in found]


def in_days(visible: Visible, window: Window) -> tuple[Any, ...]:
    """Return the conditions on the sums by day."""
    since, until = window.days
    return (d.c.day >= since, d.c.day < until, visible.where(d.c.installation_id, d.c.repository_id))


def _model(row: Any, total: int) -> ModelRow:
    sums = call_sums(row)
    tokens = sums.input_tokens + sums.output_tokens
    cost = sums.cost_usd
    return ModelRow(
        provider=row.provider,
        model=row.model,
        sums=sums,
        traffic=share(sums.calls, total),
        usd_per_request=None if cost is None else cost / sums.calls,
        usd_per_million=None if cost is None or not tokens else cost * MILLION / tokens,
        cache_hits=share(sums.cache_read_tokens, sums.input_tokens),
        success=share(sums.ok, sums.calls),
        p50_ms=latency(row, 0.5),
        p95_ms=latency(row, 0.95),
    )
