"""Make one row of each piece of work that is asked for, and count it."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, ColumnElement, Connection, bindparam, cast, func, not_, or_, select, text, true, update

from policies.caps import Cap, CapOf
from reviewer.ledger.conceal import Conceal, conceal_json
from reviewer.ledger.database import Database, insert
from reviewer.ledger.keys import AGAIN, AUTOMATIC, UNFINISHED, Accepted, ReviewKey, ReviewState
from reviewer.ledger.life import Known, joined
from reviewer.ledger.publications import newest_published
from reviewer.ledger.rows import NO_LEASE
from reviewer.ledger.tables import reviews as t
from reviewer.ledger.units import from_micros, to_micros

# https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
_TURN: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:of, 0))")


_BY_ID: Final = select(t.c.id, t.c.state, t.c.error).where(t.c.id == bindparam("review"))


# How often people are told on a pull request that a command of theirs is over a cap.
TOLD_AGAIN: Final = timedelta(hours=1)


class Requests:
    """What was asked for, by pull request."""

    def __init__(self, db: Database, conceal: Conceal) -> None:
        self.db = db
        self._conceal = conceal

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

        A pull request that comes back to a head that it had before gets a row of its own, unless its verdict on
        this head and base is the one that it shows (reviewer/ledger/life.py).
        The caps are counted and the row is written in one step, so that any number of requests at once pass none.
        LedgerUnavailable where it is not on disk: then nothing may be promised to the sender.
        """
        at = to_micros(now)
        row = {
            **asdict(key),
            "actor": actor,
            "actor_id": _whole(payload.get("actor_id")),
            "outsider": payload.get("outsider") is True,
            "payload": self._written(key, payload),
            "state": ReviewState.ACCEPTED.value,
            "accepted_at": at,
            "updated_at": at,
            "error": "",
        }
        new, known = _accept_statements(is_sqlite=self.db.is_sqlite)

        def work(connection: Connection) -> Accepted:
            wanted: Mapping[str, Any] = row
            if caps:
                _take_turns(connection, row, is_sqlite=self.db.is_sqlite)
            found = connection.execute(known, wanted).one_or_none()
            if found is not None and key.trigger == AUTOMATIC:
                delivery = str(payload.get("delivery") or "")
                join = joined(key.base_sha, delivery, _automatic(connection, key))
                if join is not None:
                    return _known(connection.execute(_BY_ID, {"review": join.review_id}).one())
                wanted = {**row, "trigger": f"{AGAIN}{delivery or at}"}
                found = connection.execute(known, wanted).one_or_none()
            if found is not None:
                return _known(found)
            reached = self._reached(connection, wanted, caps, now)
            if reached is not None:
                return self._capped(connection, wanted, *reached)
            created = connection.execute(new, wanted).scalar()
            if created is not None:
                return Accepted(created, created=True, state=ReviewState.ACCEPTED)
            return _known(connection.execute(known, wanted).one())

        return self.db.write(work)

    def _written(self, key: ReviewKey, payload: Mapping[str, object]) -> str:
        """Return a payload as it is stored: of a command without secrets, for people wrote its words."""
        text = json.dumps(payload, separators=(",", ":"))
        return text if key.automatic else conceal_json(text, self._conceal)

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
        automatic = row["trigger"] == AUTOMATIC or str(row["trigger"]).startswith(AGAIN)
        # A person waits for an answer: one an hour, also where a push was told before.
        window = cap.window if automatic else min(cap.window, TOLD_AGAIN)
        since = int(row["accepted_at"]) - window // timedelta(microseconds=1)
        ours = or_(t.c.trigger == AUTOMATIC, t.c.trigger.like(f"{AGAIN}%"))
        told = select(t.c.id).where(
            *_same_pull_request(row),
            t.c.state == ReviewState.CAPPED.value,
            t.c.accepted_at > since,
            ours if automatic else not_(ours),
        )
        answer = Accepted(0, created=False, state=ReviewState.CAPPED, refusal=refusal)
        if "problem" in json.loads(row["payload"]) or connection.execute(told.limit(1)).first() is not None:
            return answer
        new, _ = _accept_statements(is_sqlite=self.db.is_sqlite)
        capped = {**row, "state": ReviewState.CAPPED.value, "error": refusal}
        return replace(answer, review_id=int(connection.execute(new, capped).scalar_one()), created=True)

    def _of_kind(self, row: Mapping[str, Any]) -> list[ColumnElement[bool]]:
        """Count what asks no model by itself: neither a slip nor a question uses up a review."""
        payload = json.loads(row["payload"])
        return [self._has(kind) if kind in payload else not_(self._has(kind)) for kind in ("problem", "free")]

    def _has(self, name: str) -> ColumnElement[bool]:
        on_postgres: ColumnElement[str] = cast(t.c.payload, JSON)[name].as_string()
        value = func.json_extract(t.c.payload, f"$.{name}") if self.db.is_sqlite else on_postgres
        return value.is_not(None)

    def cancel(self, key: ReviewKey, before: int, actor: str, now: datetime) -> tuple[int, ...]:
        """End the unfinished reviews of a pull request that were asked for before row `before`; return their ids.

        Their fences rise, so that a worker in the middle of one pays for nothing more and publishes nothing.
        """
        work = [not_(self._has(kind)) for kind in ("problem", "free")]
        statement = (
            update(t)
            .where(
                t.c.installation_id == key.installation_id,
                t.c.repo_id == key.repo_id,
                t.c.number == key.number,
                t.c.id < before,
                t.c.trigger.not_like("merge:%"),
                t.c.state.in_(UNFINISHED),
                *work,
            )
            .values(
                state=ReviewState.CANCELLED.value,
                fence=t.c.fence + 1,
                error=cancelled_by(actor, before),
                updated_at=to_micros(now),
                **NO_LEASE,
            )
            .returning(t.c.id)
        )
        return self.db.write(lambda connection: tuple(sorted(connection.execute(statement).scalars())))

    def cancelled(self, key: ReviewKey, by: int, actor: str) -> tuple[int, ...]:
        """Return the ids of what row `by`, a command of `actor`, cancelled."""
        query = select(t.c.id).where(
            t.c.repo_id == key.repo_id, t.c.number == key.number, t.c.error == cancelled_by(actor, by)
        )
        return self.db.read(lambda connection: tuple(sorted(connection.execute(query).scalars())))

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


def cancelled_by(actor: str, row_id: int) -> str:
    """Return what a cancelled review's row says."""
    return f"cancelled by {actor} (command {row_id})"


def _known(row: Any) -> Accepted:
    """Return the answer for work that has a row already."""
    state = ReviewState(row.state)
    return Accepted(row.id, created=False, state=state, refusal=row.error if state is ReviewState.CAPPED else "")


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


def _take_turns(connection: Connection, row: Mapping[str, Any], *, is_sqlite: bool) -> None:
    """Let requests that the same caps count come one after the other. SQLite has one writer at a time anyway."""
    if not is_sqlite:
        # Always in this order, so that two requests never wait for each other.
        for counted in (f"author {row['actor_id']} {row['actor']}", f"repository {row['repo_id']}"):
            connection.execute(_TURN, {"of": f"{row['installation_id']} {counted}"})


def _same_pull_request(row: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [t.c[name] == row[name] for name in ("installation_id", "repo_id", "number")]


def _counted(cap: Cap, row: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Return what a cap counts. What was overtaken or cancelled before its review began cost nothing."""
    where = [
        t.c.installation_id == row["installation_id"],
        t.c.state != ReviewState.CAPPED.value,
        or_(t.c.state.not_in((ReviewState.SUPERSEDED.value, ReviewState.CANCELLED.value)), t.c.attempts > 0),
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
