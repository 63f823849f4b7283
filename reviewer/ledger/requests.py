"""Requests: each piece of work that somebody asked for becomes one row, and is counted."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, bindparam, cast, func, or_, select

from reviewer.ledger.database import Database, insert
from reviewer.ledger.keys import AGAIN, AUTOMATIC, Accepted, ReviewKey, ReviewState
from reviewer.ledger.life import Known, joined
from reviewer.ledger.publications import newest_published
from reviewer.ledger.tables import reviews as t
from reviewer.ledger.units import to_micros


class Requests:
    """What was asked for, by pull request."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def accept(self, key: ReviewKey, *, actor: str, payload: Mapping[str, object], now: datetime) -> Accepted:
        """Commit the row of a piece of work, once per key however often and however many at a time ask.

        A pull request that comes back to a head that it had before gets a row of its own, unless its verdict on
        this head and base is the one that it shows (reviewer/ledger/life.py).

        LedgerUnavailable where it is not on disk: then nothing may be promised to the sender.
        """
        text = json.dumps(payload, separators=(",", ":"))
        at = to_micros(now)
        row = {
            "installation_id": key.installation_id,
            "repo_id": key.repo_id,
            "number": key.number,
            "head_sha": key.head_sha,
            "trigger": key.trigger,
            "base_sha": key.base_sha,
            "actor": actor,
            "payload": text,
            "state": ReviewState.ACCEPTED.value,
            "accepted_at": at,
            "updated_at": at,
        }
        new, known = _accept_statements(is_sqlite=self.db.is_sqlite)

        def work(connection: Connection) -> Accepted:
            created = connection.execute(new, row).scalar()
            if created is not None:
                return Accepted(created, created=True, state=ReviewState.ACCEPTED)
            delivery = str(payload.get("delivery") or "")
            if key.trigger == AUTOMATIC:
                join = joined(key.base_sha, delivery, _automatic(connection, key))
                if join is not None:
                    return Accepted(join.review_id, created=False, state=join.state)
                again = {**row, "trigger": f"{AGAIN}{delivery or at}"}
                created = connection.execute(new, again).scalar()
                if created is not None:
                    return Accepted(created, created=True, state=ReviewState.ACCEPTED)
                row["trigger"] = again["trigger"]
            review_id, state = connection.execute(known, row).one()
            return Accepted(review_id, created=False, state=ReviewState(state))

        return self.db.write(work)

    def pull_requests(self, repo_id: int, head_sha: str) -> tuple[int, ...]:
        """Return the numbers of the pull requests of a repository that were ever asked to be reviewed at a head."""
        query = select(t.c.number).where(t.c.repo_id == repo_id, t.c.head_sha == head_sha).distinct()
        return self.db.read(lambda connection: tuple(sorted(connection.execute(query).scalars())))

    def verbs(
        self,
        repo_id: int,
        number: int,
        *,
        since: datetime | None = None,
        installation_id: int | None = None,
        besides: Sequence[str] = (),
        before: int | None = None,
    ) -> Mapping[str, int]:
        """Count a pull request's rows, however many, by the "verb" of their payload, "" where it has none.

        Those accepted since a moment, of one installation, by other triggers than `besides`, with a smaller id than
        `before` - where each is given.
        """
        on_postgres: ColumnElement[str] = cast(t.c.payload, JSON)["verb"].as_string()
        verb = func.json_extract(t.c.payload, "$.verb") if self.db.is_sqlite else on_postgres
        where = [t.c.repo_id == repo_id, t.c.number == number, t.c.trigger.not_in(besides)]
        if AUTOMATIC in besides:
            where.append(t.c.trigger.not_like(f"{AGAIN}%"))
        if since is not None:
            where.append(t.c.accepted_at >= to_micros(since))
        if installation_id is not None:
            where.append(t.c.installation_id == installation_id)
        if before is not None:
            where.append(t.c.id < before)
        query = select(verb, func.count()).where(*where).group_by(verb)
        found = self.db.read(lambda connection: connection.execute(query).all())
        return {name or "": int(count) for name, count in found}


def _automatic(connection: Connection, key: ReviewKey) -> tuple[Known, ...]:
    """Return the automatic reviews of a pull request's head."""
    shown = connection.execute(newest_published(key.repo_id, key.number)).one_or_none()
    query = select(t.c.id, t.c.base_sha, t.c.state, t.c.payload).where(
        t.c.installation_id == key.installation_id,
        t.c.repo_id == key.repo_id,
        t.c.number == key.number,
        t.c.head_sha == key.head_sha,
        or_(t.c.trigger == AUTOMATIC, t.c.trigger.like(f"{AGAIN}%")),
    )
    return tuple(
        Known(
            review_id=row.id,
            base_sha=row.base_sha,
            state=ReviewState(row.state),
            delivery=str(json.loads(row.payload).get("delivery") or ""),
            # Verdicts of older versions do not say what they are of: the row's own published state counts.
            shown=shown is None or (shown.head_sha == key.head_sha and shown.base_sha in (key.base_sha, "")),
        )
        for row in connection.execute(query)
    )


@functools.cache
def _accept_statements(*, is_sqlite: bool) -> tuple[Any, Any]:
    # Built once: building a statement costs more than running it.
    key = ("installation_id", "repo_id", "number", "head_sha", "trigger")
    known = select(t.c.id, t.c.state).where(*(t.c[name] == bindparam(name) for name in key))
    return insert(t, is_sqlite=is_sqlite).on_conflict_do_nothing(index_elements=key).returning(t.c.id), known
