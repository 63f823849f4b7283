"""Rows of reviews: how they are read, and how those that used up their tries are parked."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import Connection, or_, select, update

from reviewer.ledger.database import Database
from reviewer.ledger.keys import MAX_TRIES, UNFINISHED, ReviewKey, ReviewRow, ReviewState
from reviewer.ledger.tables import reviews as t
from reviewer.ledger.units import from_micros

NO_LEASE: Final[dict[str, None]] = {"lease_owner": None, "lease_until": None}


def find_rows(db: Database, *where: Any, limit: int, order: Any = None) -> tuple[ReviewRow, ...]:
    """Return the rows that fit, oldest first where no order is given."""
    # By the id where moments are the same: PostgreSQL would give them in any order.
    query = select(t).where(*where).order_by(t.c.accepted_at if order is None else order, t.c.id).limit(limit)
    found = db.read(lambda connection: connection.execute(query).all())
    return tuple(_row(row) for row in found)


def park_spent(connection: Connection, at: int, *where: Any) -> tuple[int, ...]:
    """Park the reviews that used up their tries and that no live lease covers; return their ids."""
    statement = (
        update(t)
        .where(
            *where,
            t.c.state.in_(UNFINISHED),
            t.c.attempts >= MAX_TRIES,
            or_(t.c.lease_until.is_(None), t.c.lease_until <= at),
        )
        .values(
            state=ReviewState.PARKED.value,
            fence=t.c.fence + 1,
            error=t.c.error + f" [parked after {MAX_TRIES} tries]",
            updated_at=at,
            **NO_LEASE,
        )
        .returning(t.c.id)
    )
    return tuple(sorted(connection.execute(statement).scalars()))


def _row(row: Any) -> ReviewRow:
    return ReviewRow(
        id=row.id,
        key=ReviewKey(
            row.installation_id, row.repo_id, row.number, row.head_sha, row.trigger, base_sha=row.base_sha
        ),
        state=ReviewState(row.state),
        actor=row.actor,
        attempts=row.attempts,
        accepted_at=from_micros(row.accepted_at),
        updated_at=from_micros(row.updated_at),
        retry_at=None if row.retry_at is None else from_micros(row.retry_at),
        error=row.error,
        payload=json.loads(row.payload),
        deferrals=row.deferrals,
    )
