"""ReviewFacts: what lists show of a review's result, beside the document, which is large."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from reviewer.ledger.conceal import Conceal
from reviewer.ledger.database import Database
from reviewer.ledger.fence import write_fenced
from reviewer.ledger.keys import Lease
from reviewer.ledger.tables import review_facts as t
from reviewer.ledger.units import clean, to_micros

MAX_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """The pull request's title, author and repository, the kind of change, and how far its review came.

    `coverage` is the share of hunks that were read among those that policy wanted read, 0 to 1.
    """

    title: str
    author: str
    repository: str
    kind: str
    status: str
    complete: bool
    coverage: float
    escalations: int


class Facts:
    """The facts of reviews that have a result."""

    def __init__(self, db: Database, conceal: Conceal) -> None:
        self.db = db
        self._conceal = conceal

    def save(self, lease: Lease, facts: ReviewFacts, now: datetime) -> None:
        """Store the facts of a review, in place of those of an earlier try; LeaseLost for a stale lease."""
        at = to_micros(now)
        values = {
            "title": clean(self._conceal(facts.title))[:MAX_TEXT],
            "author": clean(facts.author)[:MAX_TEXT],
            "repository": clean(facts.repository)[:MAX_TEXT],
            "kind": facts.kind,
            "status": facts.status,
            "complete": facts.complete,
            "coverage_permille": round(1000 * facts.coverage),
            "escalations": facts.escalations,
            "stored_at": at,
        }
        new = self.db.insert(t).values(review_id=lease.review_id, **values)
        statement = new.on_conflict_do_update(index_elements=[t.c.review_id], set_=values)

        def work(connection: Connection) -> None:
            write_fenced(connection, lease, updated_at=at)
            connection.execute(statement)

        self.db.write(work)
