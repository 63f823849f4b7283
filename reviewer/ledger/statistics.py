"""Count what the ledger knows for the metrics: every query reads what is unfinished, or what came since a mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, literal_column, or_, select

from reviewer.ledger.database import Database
from reviewer.ledger.keys import UNFINISHED
from reviewer.ledger.tables import alerts as a
from reviewer.ledger.tables import calls as c
from reviewer.ledger.tables import reviews as t
from reviewer.ledger.units import from_micros, from_picos, to_micros
from reviewer.models.model import Usage

# Newest alerts that are looked through for limits that refuse calls.
MOST_ALERTS: Final = 1000
# Written out, not bound: only so does SQLite know that the index of unfinished rows has all that are asked for.
_UNFINISHED: Final = t.c.state.in_([literal_column(f"'{state.value}'") for state in UNFINISHED])
_OPEN: Final = c.c.state == literal_column("'held'")
_HELD: Final = "held"
_RELEASED: Final = "released"
_UNCONFIRMED: Final = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The reviews under way: how many by state, how many of them are due and in nobody's hands, and since when.

    `expired` of them have a lease that ran out and that nobody has taken over yet.
    """

    by_state: tuple[tuple[str, int], ...] = ()
    waiting: int = 0
    oldest: datetime | None = None
    expired: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """Reviews that ended in one state: how many, their seconds from the delivery on, further tries and waits."""

    state: str
    reviews: int
    seconds: float
    retries: int
    deferrals: int


@dataclass(frozen=True, slots=True)
class CallGroup:
    """Calls of one model, stage and outcome; `check` is the quality check that their answers failed, or ""."""

    provider: str
    model: str
    stage: str
    outcome: str
    check: str
    calls: int
    usage: Usage
    cost: Decimal
    unconfirmed: Decimal
    unpriced: int
    retries: int
    cached: int
    seconds: float


class Statistics:
    """Counts for the metrics."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def unfinished(self, now: datetime) -> Unfinished:
        """Count the reviews under way."""
        at = to_micros(now)
        free = or_(t.c.lease_until.is_(None), t.c.lease_until <= at)
        due = or_(t.c.retry_at.is_(None), t.c.retry_at <= at)
        waits = and_(free, due)
        query = (
            select(
                t.c.state,
                func.count().label("reviews"),
                _count(waits).label("waiting"),
                func.min(case((waits, t.c.accepted_at))).label("oldest"),
                _count(t.c.lease_until <= at).label("expired"),
            )
            .where(_UNFINISHED)
            .group_by(t.c.state)
        )
        rows = self._all(query)
        oldest = min((row.oldest for row in rows if row.oldest is not None), default=None)
        return Unfinished(
            by_state=tuple((row.state, row.reviews) for row in rows),
            waiting=sum(int(row.waiting) for row in rows),
            oldest=None if oldest is None else from_micros(oldest),
            expired=sum(int(row.expired) for row in rows),
        )

    def last_settled_review(self) -> int:
        """Return the id up to which every review has ended."""
        # Plus 0: SQLite looks for a bare minimum from the first row of the table on, past all that have ended.
        oldest = self._value(select(func.min(t.c.id + literal_column("0"))).where(_UNFINISHED))
        return oldest - 1 if oldest is not None else self._value(select(func.max(t.c.id))) or 0

    def ended(self, after: int, until: int | None = None) -> Sequence[Ended]:
        """Count the reviews with an id above `after`, and not above `until`, that have ended, by state."""
        where = [t.c.id > after, t.c.state.not_in(UNFINISHED)]
        if until is not None:
            where.append(t.c.id <= until)
        query = (
            select(
                t.c.state,
                func.count().label("reviews"),
                func.sum(t.c.updated_at - t.c.accepted_at).label("micros"),
                func.sum(case((t.c.attempts > 1, t.c.attempts - 1), else_=0)).label("retries"),
                func.sum(t.c.deferrals).label("deferrals"),
            )
            .where(*where)
            .group_by(t.c.state)
        )
        return [
            Ended(row.state, row.reviews, float(row.micros) / 1e6, int(row.retries), int(row.deferrals))
            for row in self._all(query)
        ]

    def calls(self, since: datetime, until: datetime | None = None) -> Sequence[CallGroup]:
        """Add up the calls that were sent and opened from `since` on, before `until`."""
        where = [c.c.opened_at >= to_micros(since), c.c.state.not_in((_HELD, _RELEASED))]
        if until is not None:
            where.append(c.c.opened_at < to_micros(until))
        group = (c.c.provider, c.c.model, c.c.stage, c.c.state, c.c.ok, c.c.failed_check)
        query = select(*group, *_CALL_SUMS).where(*where).group_by(*group)
        return [_call_group(row) for row in self._all(query)]

    def open_calls(self) -> int:
        """Count the calls under way."""
        return self._value(select(func.count()).where(_OPEN)) or 0

    def refusing(self, now: datetime, span: timedelta) -> int:
        """Count the limits that refused a call and were reached within `span`, among the newest MOST_ALERTS."""
        newest = select(a.c.refused, a.c.reached_at).order_by(a.c.id.desc()).limit(MOST_ALERTS).subquery()
        query = select(func.count()).where(newest.c.refused, newest.c.reached_at >= to_micros(now - span))
        return self._value(query) or 0

    def _all(self, query: Any) -> Sequence[Any]:
        return self.db.read(lambda connection: connection.execute(query).all())

    def _value(self, query: Any) -> Any:
        return self.db.read(lambda connection: connection.execute(query).scalar())


def _count(what: ColumnElement[bool]) -> Any:
    return func.coalesce(func.sum(case((what, 1), else_=0)), 0)


_CALL_SUMS: Final[Sequence[Any]] = (
    func.count().label("calls"),
    func.sum(c.c.input_tokens).label("input"),
    func.sum(c.c.cache_read_tokens).label("cache_read"),
    func.sum(c.c.cache_write_tokens).label("cache_write"),
    func.sum(c.c.output_tokens).label("output"),
    func.sum(c.c.reasoning_tokens).label("reasoning"),
    func.sum(c.c.cost_picos).label("cost"),
    func.sum(case((c.c.state == _UNCONFIRMED, c.c.reserved_picos), else_=0)).label("unconfirmed"),
    _count(and_(c.c.reserved_picos.is_(None), c.c.cost_picos.is_(None))).label("unpriced"),
    _count(c.c.attempt > 1).label("retries"),
    _count(c.c.cached_result).label("cached"),
    func.sum(c.c.latency_ms).label("latency"),
)


def _call_group(row: Any) -> CallGroup:
    unseen = row.state == _UNCONFIRMED
    return CallGroup(
        provider=row.provider,
        model=row.model,
        stage=row.stage,
        outcome="unconfirmed" if unseen else "answered" if row.ok else "failed",
        check=row.failed_check or "",
        calls=row.calls,
        usage=Usage(int(row.input), int(row.cache_read), int(row.cache_write), int(row.output), int(row.reasoning)),
        cost=from_picos(row.cost or 0),
        unconfirmed=from_picos(row.unconfirmed or 0),
        unpriced=int(row.unpriced),
        retries=int(row.retries),
        cached=int(row.cached),
        seconds=float(row.latency) / 1000,
    )
