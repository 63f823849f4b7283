"""Requests: each piece of work that somebody asked for becomes one row, and is counted."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, ColumnElement, Connection, bindparam, cast, func, or_, select, text, true

from policies.caps import Cap, CapOf
from reviewer.ledger.database import Database, insert
from reviewer.ledger.keys import Accepted, ReviewKey, ReviewState
from reviewer.ledger.tables import reviews as t
from reviewer.ledger.units import from_micros, to_micros

# https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
_TURN: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:of, 0))")


class Requests:
    """What was asked for, by pull request."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def accept(
        self,
        key: ReviewKey,
        *,
        actor: str,
        payload: Mapping[str, object],
        now: datetime,
        caps: Sequence[Cap] = (),
    ) -> Accepted:
        """Commit the row of a piece of work, once per key however often and however many at a time ask.

        The caps are counted and the row is written in one step, so that any number of requests at once pass none.
        LedgerUnavailable where it is not on disk: then nothing may be promised to the sender.
        """
        at = to_micros(now)
        row = {
            **asdict(key),
            "actor": actor,
            "actor_id": _whole(payload.get("actor_id")),
            "outsider": payload.get("outsider") is True,
            "payload": json.dumps(payload, separators=(",", ":")),
            "state": ReviewState.ACCEPTED.value,
            "accepted_at": at,
            "updated_at": at,
            "error": "",
        }
        new, known = _accept_statements(is_sqlite=self.db.is_sqlite)

        def work(connection: Connection) -> Accepted:
            if caps:
                _take_turns(connection, row, is_sqlite=self.db.is_sqlite)
                found = connection.execute(known, row).one_or_none()
                if found is None:
                    reached = self._reached(connection, row, caps, now)
                    if reached is not None:
                        return self._capped(connection, row, *reached)
            created = connection.execute(new, row).scalar()
            if created is not None:
                return Accepted(created, created=True, state=ReviewState.ACCEPTED)
            review_id, state, error = connection.execute(known, row).one()
            state = ReviewState(state)
            refusal = error if state is ReviewState.CAPPED else ""
            return Accepted(review_id, created=False, state=state, refusal=refusal)

        return self.db.write(work)

    def _reached(
        self, connection: Connection, row: Mapping[str, Any], caps: Sequence[Cap], now: datetime
    ) -> tuple[Cap, str] | None:
        """Return the first cap that one more request would pass, and the refusal."""
        for cap in caps:
            if not cap.most:
                return cap, cap.refusal(None)
            counted = [*_counted(cap, row), *self._of_kind(row), t.c.accepted_at > to_micros(now - cap.window)]
            # One more is too many while the last but so many is within the window.
            last = select(t.c.accepted_at).where(*counted).order_by(t.c.accepted_at.desc())
            found = connection.execute(last.offset(cap.most - 1).limit(1)).scalar()
            if found is not None:
                return cap, cap.refusal(from_micros(found) + cap.window)
        return None

    def _capped(self, connection: Connection, row: Mapping[str, Any], cap: Cap, refusal: str) -> Accepted:
        """Write the first refusal of a window down, for its pull request to be told; later ones leave none."""
        since = int(row["accepted_at"]) - cap.window // timedelta(microseconds=1)
        told = select(t.c.id).where(
            *_same_pull_request(row), t.c.state == ReviewState.CAPPED.value, t.c.accepted_at > since
        )
        answer = Accepted(0, created=False, state=ReviewState.CAPPED, refusal=refusal)
        if "problem" in json.loads(row["payload"]) or connection.execute(told.limit(1)).first() is not None:
            return answer
        new, _ = _accept_statements(is_sqlite=self.db.is_sqlite)
        capped = {**row, "state": ReviewState.CAPPED.value, "error": refusal}
        return replace(answer, review_id=int(connection.execute(new, capped).scalar_one()), created=True)

    def _of_kind(self, row: Mapping[str, Any]) -> list[ColumnElement[bool]]:
        """Count answers to commands that do not exist by themselves: a slip does not use up a review."""
        on_postgres: ColumnElement[str] = cast(t.c.payload, JSON)["problem"].as_string()
        problem = func.json_extract(t.c.payload, "$.problem") if self.db.is_sqlite else on_postgres
        return [problem.is_not(None) if "problem" in json.loads(row["payload"]) else problem.is_(None)]

    def verbs(
        self,
        repo_id: int,
        number: int,
        *,
        since: datetime | None = None,
        installation_id: int | None = None,
        besides: Sequence[str] = (),
    ) -> Mapping[str, int]:
        """Count a pull request's rows, however many, by the "verb" of their payload, "" where it has none.

        Those accepted since a moment, of one installation, by other triggers than `besides` - where each is given.
        """
        on_postgres: ColumnElement[str] = cast(t.c.payload, JSON)["verb"].as_string()
        verb = func.json_extract(t.c.payload, "$.verb") if self.db.is_sqlite else on_postgres
        where = [t.c.repo_id == repo_id, t.c.number == number, t.c.trigger.not_in(besides)]
        if since is not None:
            where.append(t.c.accepted_at >= to_micros(since))
        if installation_id is not None:
            where.append(t.c.installation_id == installation_id)
        query = select(verb, func.count()).where(*where).group_by(verb)
        found = self.db.read(lambda connection: connection.execute(query).all())
        return {name or "": int(count) for name, count in found}


def _take_turns(connection: Connection, row: Mapping[str, Any], *, is_sqlite: bool) -> None:
    """Let requests that the same caps count come one after the other. SQLite has one writer at a time anyway."""
    if not is_sqlite:
        # Always in this order, so that two requests never wait for each other.
        for counted in (f"author {row['actor_id']} {row['actor']}", f"repository {row['repo_id']}"):
            connection.execute(_TURN, {"of": f"{row['installation_id']} {counted}"})


def _same_pull_request(row: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [t.c[name] == row[name] for name in ("installation_id", "repo_id", "number")]


def _counted(cap: Cap, row: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Return what a cap counts. A push that was overtaken before its review began cost nothing."""
    where = [
        t.c.installation_id == row["installation_id"],
        t.c.state != ReviewState.CAPPED.value,
        or_(t.c.state != ReviewState.SUPERSEDED.value, t.c.attempts > 0),
    ]
    match cap.of:
        case CapOf.PULL_REQUEST:
            where += _same_pull_request(row)
        case CapOf.AUTHOR:
            where += [t.c.actor_id == row["actor_id"], t.c.actor == row["actor"] if not row["actor_id"] else true()]
        case CapOf.REPOSITORY:
            where.append(t.c.repo_id == row["repo_id"])
    return [*where, t.c.outsider.is_(True)] if cap.outsiders else where


def _whole(value: object) -> int:
    return value if type(value) is int else 0


@functools.cache
def _accept_statements(*, is_sqlite: bool) -> tuple[Any, Any]:
    # Built once: building a statement costs more than running it.
    key = ("installation_id", "repo_id", "number", "head_sha", "trigger")
    known = select(t.c.id, t.c.state, t.c.error).where(*(t.c[name] == bindparam(name) for name in key))
    return insert(t, is_sqlite=is_sqlite).on_conflict_do_nothing(index_elements=key).returning(t.c.id), known
