"""Pauses: pull requests whose automatic reviews people have stopped."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from reviewer.ledger.database import Database
from reviewer.ledger.tables import pauses as t
from reviewer.ledger.units import clean, to_micros


class Pauses:
    """Who paused which pull request."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def add(self, repo_id: int, number: int, actor: str, now: datetime) -> None:
        """Pause a pull request; the last one who did is who is named."""
        values = {"actor": clean(actor), "at": to_micros(now)}
        new = self.db.insert(t).values(repo_id=repo_id, number=number, **values)
        statement = new.on_conflict_do_update(index_elements=["repo_id", "number"], set_=values)
        self.db.write(lambda connection: connection.execute(statement).rowcount)

    def end(self, repo_id: int, number: int) -> None:
        """End a pause; where there is none, nothing happens."""
        statement = delete(t).where(t.c.repo_id == repo_id, t.c.number == number)
        self.db.write(lambda connection: connection.execute(statement).rowcount)

    def paused_by(self, repo_id: int, number: int) -> str:
        """Return who paused a pull request, "" where it is not paused."""
        query = select(t.c.actor).where(t.c.repo_id == repo_id, t.c.number == number)
        return self.db.read(lambda connection: connection.execute(query).scalar()) or ""
