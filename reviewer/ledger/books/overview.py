"""The five numbers of a stretch of time, and how they went from day to day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from reviewer.ledger.books.spend import in_days
from reviewer.ledger.books.sums import CallSums, call_sums, share, sums_of
from reviewer.ledger.books.visible import Visible
from reviewer.ledger.books.window import Window, day_text
from reviewer.ledger.database import Database
from reviewer.ledger.rollup import DAY_MICROS
from reviewer.ledger.tables import call_days as d
from reviewer.ledger.tables import call_reviews as s
from reviewer.ledger.tables import findings as g
from reviewer.ledger.tables import review_facts as f
from reviewer.ledger.tables import reviews as r
from reviewer.ledger.units import from_picos


@dataclass(frozen=True, slots=True)
class FindingCounts:
    """Findings that were raised in the time, by what people did with them."""

    raised: int = 0
    accepted: int = 0
    dismissed: int = 0
    ignored: int = 0
    undecided: int = 0


@dataclass(frozen=True, slots=True)
class Trend:
    """One day or week; `start` is its first day. `usd_per_accepted` is None without an accepted finding."""

    start: str
    sums: CallSums
    reviews: int
    accepted: int

    @property
    def usd_per_accepted(self) -> Decimal | None:
        """What a finding that people acted on cost."""
        return per(self.sums.cost_usd, self.accepted)


@dataclass(frozen=True, slots=True)
class Overview:
    """The five numbers. None where there is nothing to count, or where a price in it is unknown.

    1 `usd_per_accepted`: all spend of the time, failed and escalated calls in it, over its accepted findings.
    2 `median_usd` and `p90_usd` of a review that asked a model. 3 `retry_rate` and `escalation_rate`: calls that
    were tried again, and calls whose answer failed a quality check. 4 `sums.cost_usd`, the spend. 5
    `minutes_to_resolution`, the mean from a finding to what people did with it, with the dismissed findings in
    `findings`. Beside them: `frontier` is the share of calls that went to frontier models, `complete` the share of
    reviews that saw all that policy wanted reviewed.
    """

    sums: CallSums
    findings: FindingCounts
    reviews: int
    usd_per_accepted: Decimal | None
    median_usd: Decimal | None
    p90_usd: Decimal | None
    retry_rate: float | None
    escalation_rate: float | None
    minutes_to_resolution: float | None
    frontier: float | None
    complete: float | None
    days: tuple[Trend, ...]

    @classmethod
    def of_nothing(cls) -> Overview:
        """Return the numbers of a ledger that does not exist yet."""
        return cls(CallSums(), FindingCounts(), 0, *(None,) * 8, days=())

    @property
    def weeks(self) -> tuple[Trend, ...]:
        """The same by week, from Monday on; the first and the last may be cut by the time asked for."""
        return tuple(_weeks(self.days))


def per(cost: Decimal | None, count: int) -> Decimal | None:
    """Divide a cost, None where it is unknown or there is nothing to divide by."""
    return cost / count if cost is not None and count else None


def overview(db: Database, visible: Visible, window: Window) -> Overview:
    """Return the five numbers of a stretch of time."""
    return db.read(lambda connection: _overview(connection, visible, window))


def _overview(connection: Connection, visible: Visible, window: Window) -> Overview:
    sums = call_sums(connection.execute(select(*sums_of(d)).where(*in_days(visible, window))).one())
    counts, minutes = _findings(connection, visible, window)
    since, until = window.micros
    seen = (r.c.accepted_at >= since, r.c.accepted_at < until, visible.where(r.c.installation_id, r.c.repo_id))
    days = _days(connection, visible, window, seen)
    whole = select(func.count(), func.coalesce(func.sum(case((f.c.complete, 1), else_=0)), 0)).select_from(
        r.join(f, f.c.review_id == r.c.id)
    )
    told, complete = connection.execute(whole.where(*seen)).one()
    median, p90 = _costs(connection, seen)
    return Overview(
        sums=sums,
        findings=counts,
        reviews=sum(day.reviews for day in days),
        usd_per_accepted=per(sums.cost_usd, counts.accepted),
        median_usd=median,
        p90_usd=p90,
        retry_rate=share(sums.retries, sums.calls),
        escalation_rate=share(sums.checks_failed, sums.calls),
        minutes_to_resolution=minutes,
        frontier=share(sums.frontier, sums.calls),
        complete=share(int(complete), int(told)),
        days=days,
    )


def _costs(connection: Connection, seen: tuple[ColumnElement[bool], ...]) -> tuple[Decimal | None, Decimal | None]:
    """Return median and p90 of the reviews whose cost is known whole."""
    known = and_(s.c.calls > 0, s.c.unpriced == 0, s.c.unconfirmed_picos == 0)
    costs = select(s.c.cost_picos).select_from(r.join(s, s.c.review_id == r.c.id)).where(*seen, known)
    count = int(connection.execute(select(func.count()).select_from(costs.subquery())).scalar_one())
    if not count:
        return None, None

    def at(quantile: float) -> Decimal:
        place = min(count - 1, int(quantile * count))
        value = connection.execute(costs.order_by(s.c.cost_picos).limit(1).offset(place)).scalar_one()
        return from_picos(value)

    return at(0.5), at(0.9)


def findings_seen(visible: Visible, window: Window) -> tuple[Any, ...]:
    """Return the conditions on findings, each joined with the review that raised it."""
    since, until = window.micros
    return (
        g.c.raised_at >= since,
        g.c.raised_at < until,
        visible.where(func.coalesce(r.c.installation_id, 0), g.c.repo_id),
    )


def _findings(connection: Connection, visible: Visible, window: Window) -> tuple[FindingCounts, float | None]:
    ended = or_(g.c.outcome == "accepted", g.c.outcome == "dismissed")
    query = (
        select(
            g.c.outcome,
            func.count().label("findings"),
            func.sum(case((ended, g.c.outcome_at - g.c.raised_at), else_=0)).label("micros"),
        )
        .select_from(g.outerjoin(r, r.c.id == g.c.review_id))
        .where(*findings_seen(visible, window))
        .group_by(g.c.outcome)
    )
    rows = {row.outcome: row for row in connection.execute(query).all()}
    count = {name: int(row.findings) for name, row in rows.items()}
    accepted, dismissed = count.get("accepted", 0), count.get("dismissed", 0)
    micros = sum(int(row.micros or 0) for row in rows.values())
    return (
        FindingCounts(
            raised=sum(count.values()),
            accepted=accepted,
            dismissed=dismissed,
            ignored=count.get("ignored", 0),
            undecided=count.get("unknown", 0),
        ),
        micros / 60e6 / (accepted + dismissed) if accepted + dismissed else None,
    )


def _days(
    connection: Connection, visible: Visible, window: Window, seen: tuple[ColumnElement[bool], ...]
) -> tuple[Trend, ...]:
    per_day = select(d.c.day, *sums_of(d)).where(*in_days(visible, window)).group_by(d.c.day)
    sums = {int(row.day): call_sums(row) for row in connection.execute(per_day).all()}
    reviews = _count_days(connection, select(_day(r.c.accepted_at), func.count()).where(*seen))
    accepted = _count_days(
        connection,
        select(_day(g.c.raised_at), func.count())
        .select_from(g.outerjoin(r, r.c.id == g.c.review_id))
        .where(*findings_seen(visible, window), g.c.outcome == "accepted"),
    )
    first, last = window.days
    return tuple(
        Trend(day_text(day), sums.get(day, CallSums()), reviews.get(day, 0), accepted.get(day, 0))
        for day in range(first, last)
    )


def _day(column: Any) -> Any:
    # `//` is FLOOR of a numeric on PostgreSQL; both databases divide whole numbers whole by themselves.
    return column.op("/")(DAY_MICROS).label("day")


def _count_days(connection: Connection, query: Any) -> dict[int, int]:
    return {int(day): int(count) for day, count in connection.execute(query.group_by("day")).all()}


def _weeks(days: Iterable[Trend]) -> Iterable[Trend]:
    weeks: dict[str, list[Trend]] = {}
    for day in days:
        first = date.fromisoformat(day.start)
        weeks.setdefault((first - timedelta(days=first.weekday())).isoformat(), []).append(day)
    for start, members in weeks.items():
        sums = sum((day.sums for day in members), CallSums())
        yield Trend(start, sums, sum(day.reviews for day in members), sum(day.accepted for day in members))
