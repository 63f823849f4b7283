"""Cursors: how far a reader of a list has read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from reviewer.ledger.database import Database
from reviewer.ledger.tables import cursors
from reviewer.ledger.units import from_micros, to_micros


class Cursors:
    """Named places in lists, kept over restarts."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def get(self, name: str) -> tuple[str, datetime] | None:
        """Return where a reader of a list (GitHub's deliveries) stopped, and when; None at its first run."""
        query = select(cursors.c.value, cursors.c.updated_at).where(cursors.c.name == name)
        row = self.db.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else (row.value, from_micros(row.updated_at))

    def set(self, name: str, value: str, now: datetime) -> None:
        """Remember where a reader of a list stopped."""
        values = {"value": value, "updated_at": to_micros(now)}
        new = self.db.insert(cursors).values(name=name, **values)
        statement = new.on_conflict_do_update(index_elements=[cursors.c.name], set_=values)
        self.db.write(lambda connection: connection.execute(statement).rowcount)
