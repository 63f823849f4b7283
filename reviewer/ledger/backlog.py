"""Backlog: the reviews that the scheduler puts back on the queue, parks, or reports to their pull requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, or_, select, update

from reviewer.ledger.database import Database
from reviewer.ledger.keys import ReviewRow, ReviewState
from reviewer.ledger.reviews import TURN
from reviewer.ledger.rows import find_rows, park_spent
from reviewer.ledger.tables import IS_UNFINISHED
from reviewer.ledger.tables import reviews as t
from reviewer.ledger.units import to_micros

# A row that was enqueued this recently is left to the queue.
QUIET: Final = timedelta(seconds=60)
# A review that waits no longer than this for its next try keeps its place in the order.
SOON: Final = timedelta(seconds=60)


class Backlog:
    """Reviews that need the scheduler."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def park(self, now: datetime) -> tuple[int, ...]:
        """Park every review that took its worker down MAX_TRIES times; return their ids."""
        at = to_micros(now)
        return self.db.write(lambda connection: park_spent(connection, at))

    def unnoticed(self, limit: int = 100) -> tuple[ReviewRow, ...]:
        """Return reviews that ended parked or failed, or never began for a cap, and that were not reported yet."""
        ended = (ReviewState.PARKED.value, ReviewState.FAILED.value, ReviewState.CAPPED.value)
        return find_rows(self.db, t.c.state.in_(ended), t.c.noticed_at.is_(None), limit=limit)

    def noticed(self, review_id: int, now: datetime) -> None:
        """Record that the pull request says how the review ended."""
        self._set((review_id,), noticed_at=to_micros(now))

    def unfinished(self, now: datetime, limit: int = 100, *, quiet: timedelta = QUIET) -> tuple[ReviewRow, ...]:
        """Return due reviews that no worker holds and that were not enqueued within `quiet`.

        The one that was looked at longest ago comes first, so that a backlog of any length is gone through.
        """
        at = to_micros(now)
        return find_rows(
            self.db,
            IS_UNFINISHED,
            or_(t.c.lease_until.is_(None), t.c.lease_until <= at),
            or_(t.c.retry_at.is_(None), t.c.retry_at <= at),
            func.coalesce(t.c.enqueued_at, t.c.accepted_at) <= to_micros(now - quiet),
            limit=limit,
            order=func.coalesce(t.c.enqueued_at, t.c.accepted_at),
        )

    def ahead(self, row: ReviewRow, share: int, now: datetime) -> int:
        """Return how many reviews of its installation come before a review, 0 where it may begin.

        It waits only where its installation has `share` older ones at work or due, and another installation has
        one that no worker has looked at: alone on the machine, an installation may use all of it.
        """
        at, soon = to_micros(now), to_micros(now + SOON)
        due = or_(t.c.retry_at.is_(None), t.c.retry_at <= soon)
        held = t.c.lease_until > at
        # The sum keeps SQLite from the index of the key, which holds all that the installation ever asked for.
        mine = t.c.installation_id + 0 == row.key.installation_id
        before = select(func.count()).select_from(t).where(IS_UNFINISHED, mine, t.c.id < row.id, or_(held, due))
        # Asked first, for nearly always it says no.
        others = (
            select(t.c.id)
            .where(IS_UNFINISHED, ~mine, due, ~t.c.error.startswith(TURN), or_(t.c.lease_until.is_(None), ~held))
            .limit(1)
        )

        def work(connection: Connection) -> int:
            if connection.execute(others).scalar() is None:
                return 0
            count = int(connection.execute(before).scalar_one())
            return count if count >= share else 0

        return self.db.read(work)

    def enqueued(self, review_ids: Sequence[int], now: datetime) -> None:
        """Record that jobs were put on the queue, so that the next tick leaves them to it."""
        self._set(review_ids, enqueued_at=to_micros(now))

    def _set(self, review_ids: Sequence[int], **values: Any) -> None:
        if review_ids:
            statement = update(t).where(t.c.id.in_(list(review_ids))).values(**values)
            self.db.write(lambda connection: connection.execute(statement).rowcount)
