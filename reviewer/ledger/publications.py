"""Publications: what of each review is on GitHub, written down after each step of publishing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from reviewer.ledger.database import Database
from reviewer.ledger.fence import write_fenced
from reviewer.ledger.keys import Lease, Publication, ReviewState
from reviewer.ledger.tables import publications
from reviewer.ledger.tables import reviews as t
from reviewer.ledger.units import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Shown:
    """The review whose verdict a pull request shows, and the head and base that it is of."""

    review_id: int
    head_sha: str
    base_sha: str


@dataclass(frozen=True, slots=True)
class Write:
    """A write to GitHub: when it was noted in the ledger; `announced` where its answer has not come."""

    at: datetime
    announced: bool


def newest_published(repo_id: int, number: int) -> Select[Any]:
    """Return the query for the id, head and base of a pull request's newest published verdict."""
    p = publications
    return (
        select(t.c.id, p.c.head_sha, p.c.base_sha)
        .join(p, p.c.review_id == t.c.id)
        .where(t.c.repo_id == repo_id, t.c.number == number, t.c.state == ReviewState.PUBLISHED.value)
        # A check run is what a verdict is shown by: replies to commands have none.
        .where(p.c.head_sha != "")
        .order_by(t.c.updated_at.desc(), t.c.id.desc())
        .limit(1)
    )


class Publications:
    """GitHub's ids of what was published."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def get(self, review_id: int) -> Publication:
        """Return what of a review is on GitHub so far."""
        query = select(publications).where(publications.c.review_id == review_id)
        row = self.db.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            return Publication()
        return Publication(
            github_review_id=row.github_review_id,
            comment_ids=tuple(json.loads(row.comment_ids)),
            summary_comment_id=row.summary_comment_id,
            check_run_id=row.check_run_id,
            marker=row.marker,
            head_sha=row.head_sha,
            base_sha=row.base_sha,
            writing=row.writing,
        )

    def newest(self, repo_id: int, number: int) -> Shown | None:
        """Return the review whose verdict a pull request shows: the one that was published last, None for none."""
        query = newest_published(repo_id, number)
        row = self.db.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else Shown(row.id, row.head_sha, row.base_sha)

    def summary_of(self, repo_id: int, number: int) -> int | None:
        """Return the id of the summary comment that any review of a pull request posted last, None for none."""
        p = publications
        query = (
            select(p.c.summary_comment_id)
            .join(t, p.c.review_id == t.c.id)
            .where(t.c.repo_id == repo_id, t.c.number == number, p.c.summary_comment_id.is_not(None))
            .order_by(p.c.updated_at.desc())
            .limit(1)
        )
        return self.db.read(lambda connection: connection.execute(query).scalar())

    def last_write(self, repo_id: int, number: int) -> Write | None:
        """Return the newest write to a pull request that any of its reviews announced or saved, None for none."""
        p = publications
        query = (
            select(p.c.updated_at, p.c.writing)
            .join(t, p.c.review_id == t.c.id)
            .where(t.c.repo_id == repo_id, t.c.number == number)
            .order_by(p.c.updated_at.desc())
            .limit(1)
        )
        row = self.db.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else Write(from_micros(row.updated_at), announced=bool(row.writing))

    def save(self, lease: Lease, publication: Publication, now: datetime) -> None:
        """Write down what is on GitHub, after each step of publishing; LeaseLost for a stale lease."""
        at = to_micros(now)
        values = {
            "github_review_id": publication.github_review_id,
            "comment_ids": json.dumps(publication.comment_ids),
            "summary_comment_id": publication.summary_comment_id,
            "check_run_id": publication.check_run_id,
            "marker": publication.marker,
            "head_sha": publication.head_sha,
            "base_sha": publication.base_sha,
            "writing": publication.writing,
            "updated_at": at,
        }
        new = self.db.insert(publications).values(review_id=lease.review_id, **values)
        statement = new.on_conflict_do_update(index_elements=[publications.c.review_id], set_=values)

        def work(connection: Connection) -> None:
            write_fenced(connection, lease, updated_at=at)
            connection.execute(statement)

        self.db.write(work)
