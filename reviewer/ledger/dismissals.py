"""Dismissals: what people said is no fault in a pull request. It stays dismissed there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from reviewer.ledger.conceal import Conceal
from reviewer.ledger.database import Database
from reviewer.ledger.keys import MAX_REASON, Dismissal
from reviewer.ledger.tables import dismissals as t
from reviewer.ledger.units import clean, to_micros


class Dismissals:
    """Dismissed findings by pull request and fingerprint."""

    def __init__(self, db: Database, conceal: Conceal) -> None:
        self.db = db
        self._conceal = conceal

    def add(self, repo_id: int, number: int, dismissal: Dismissal, now: datetime) -> None:
        """Write a dismissal down; a second one of the same finding replaces who and why."""
        values = {
            "actor": clean(dismissal.actor),
            "reason": clean(self._conceal(dismissal.reason))[:MAX_REASON],
            "at": to_micros(now),
        }
        key = {"repo_id": repo_id, "number": number, "fingerprint": clean(dismissal.fingerprint)}
        new = self.db.insert(t).values(**key, **values)
        statement = new.on_conflict_do_update(index_elements=list(key), set_=values)
        self.db.write(lambda connection: connection.execute(statement).rowcount)

    def of_pull_request(self, repo_id: int, number: int) -> dict[str, Dismissal]:
        """Return the dismissals of a pull request by fingerprint."""
        query = select(t).where(t.c.repo_id == repo_id, t.c.number == number)
        rows = self.db.read(lambda connection: connection.execute(query).all())
        return {row.fingerprint: Dismissal(row.fingerprint, row.actor, row.reason) for row in rows}
