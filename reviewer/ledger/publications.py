"""Publications: what of each review is on GitHub, written down after each step of publishing."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import Connection, select

from reviewer.ledger.database import Database
from reviewer.ledger.fence import write_fenced
from reviewer.ledger.keys import Lease, Publication
from reviewer.ledger.tables import publications
from reviewer.ledger.units import to_micros


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
        )

    def save(self, lease: Lease, publication: Publication, now: datetime) -> None:
        """Write down what is on GitHub, after each step of publishing; LeaseLost for a stale lease."""
        at = to_micros(now)
        values = {
            "github_review_id": publication.github_review_id,
            "comment_ids": json.dumps(publication.comment_ids),
            "summary_comment_id": publication.summary_comment_id,
            "check_run_id": publication.check_run_id,
            "marker": publication.marker,
            "updated_at": at,
        }
        new = self.db.insert(publications).values(review_id=lease.review_id, **values)
        statement = new.on_conflict_do_update(index_elements=[publications.c.review_id], set_=values)

        def work(connection: Connection) -> None:
            write_fenced(connection, lease, updated_at=at)
            connection.execute(statement)

        self.db.write(work)
