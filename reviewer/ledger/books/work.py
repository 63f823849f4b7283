"""The deliveries that became work, each with what was decided, and the queue as it is now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import case, func, literal_column, or_, select

from reviewer.ledger.books.visible import Visible
from reviewer.ledger.books.window import Page, Window
from reviewer.ledger.database import Database
from reviewer.ledger.keys import UNFINISHED
from reviewer.ledger.tables import reviews as r
from reviewer.ledger.units import from_micros, to_micros

# Written out, not bound: only so do both databases use the index of unfinished rows.
_UNFINISHED: Final = r.c.state.in_([literal_column(f"'{state.value}'") for state in UNFINISHED])


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """A delivery that became a row of work. `decision` is what became of it, `reason` why it went no further."""

    id: int
    delivery: str
    event: str
    repository: str
    number: int
    actor: str
    asked_for: str
    decision: str
    reason: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, newest first; `next` is the `after` of the next page, None at the end."""

    rows: tuple[DeliveryLine, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class LiveQueue:
    """Reviews under way: `waiting` are due and nobody has them, `running` held by a worker, `later` not due yet."""

    waiting: int
    running: int
    later: int
    oldest_seconds: float | None


def deliveries(db: Database, visible: Visible, window: Window, page: Page) -> DeliveryPage:
    """Return the deliveries of a stretch of time that became work, newest first.

    Deliveries that asked for nothing leave no row: GitHub's own list of deliveries has them with our answer.
    """
    since, until = window.micros
    query = select(r.c.id, r.c.payload, r.c.number, r.c.actor, r.c.state, r.c.error, r.c.accepted_at).where(
        r.c.accepted_at >= since, r.c.accepted_at < until, visible.where(r.c.installation_id, r.c.repo_id)
    )
    if page.after:
        query = query.where(r.c.id < page.after)
    query = query.order_by(r.c.id.desc()).limit(page.rows + 1)
    found = db.read(lambda connection: connection.execute(query).all())
    lines = tuple(_delivery(row) for row in found[: page.rows])
    return DeliveryPage(lines, lines[-1].id if len(found) > page.rows else None)


def queue(db: Database, visible: Visible, now: datetime) -> LiveQueue:
    """Return how many reviews wait and run now, and how long the oldest waits."""
    at = to_micros(now)
    held = r.c.lease_until > at
    free = or_(r.c.lease_until.is_(None), r.c.lease_until <= at)
    due = or_(r.c.retry_at.is_(None), r.c.retry_at <= at)

    def count(condition: Any) -> Any:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    query = select(
        count(free & due).label("waiting"),
        count(held).label("running"),
        count(free & ~due).label("later"),
        func.min(case((free & due, r.c.accepted_at))).label("oldest"),
    ).where(_UNFINISHED, visible.where(r.c.installation_id, r.c.repo_id))
    row = db.read(lambda connection: connection.execute(query).one())
    oldest = None if row.oldest is None else max(0, at - row.oldest) / 1e6
    return LiveQueue(int(row.waiting), int(row.running), int(row.later), oldest)


def _delivery(row: Any) -> DeliveryLine:
    payload = json.loads(row.payload)

    def word(key: str) -> str:
        value = payload.get(key)
        return value if isinstance(value, str) else ""

    return DeliveryLine(
        id=row.id,
        delivery=word("delivery"),
        event=word("event"),
        repository=word("repository"),
        number=row.number,
        actor=row.actor,
        asked_for=word("verb"),
        decision=row.state,
        reason=row.error,
        received_at=from_micros(row.accepted_at),
    )
