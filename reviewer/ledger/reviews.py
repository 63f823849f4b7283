"""Reviews: intake, leases and the state machine. Every write of a worker names its fence."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, ColumnElement, Connection, bindparam, case, cast, func, or_, select, update

from reviewer.errors import LeaseLost
from reviewer.ledger.database import Database, insert
from reviewer.ledger.keys import (
    FINAL,
    MAX_DEFERRALS,
    MAX_TRIES,
    UNFINISHED,
    Accepted,
    Lease,
    ReviewKey,
    ReviewRow,
    ReviewState,
)
from reviewer.ledger.tables import review_documents
from reviewer.ledger.tables import reviews as t
from reviewer.ledger.units import clean, from_micros, to_micros

# A row that was enqueued this recently is left to the queue.
QUIET: Final = timedelta(seconds=60)
MAX_ERROR: Final = 500


class Reviews:
    """The rows that the queue can be rebuilt from."""

    db: Database

    def accept(self, key: ReviewKey, *, actor: str, payload: Mapping[str, object], now: datetime) -> Accepted:
        """Commit the row of a piece of work, once per key however often and however many at a time ask.

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
            review_id, state = connection.execute(known, row).one()
            return Accepted(review_id, created=False, state=ReviewState(state))

        return self.db.write(work)

    def begin(self, review_id: int, owner: str, now: datetime, lease: timedelta) -> Lease | None:
        """Take the lease; None where somebody holds a live one, it is not due yet, finished, parked or unknown.

        Taking over an expired lease raises the fence, so the former owner can write nothing more. The try that
        would be one too many parks the review instead.
        """
        at = to_micros(now)
        free = (
            t.c.id == review_id,
            t.c.state.in_(UNFINISHED),
            or_(t.c.lease_until.is_(None), t.c.lease_until <= at),
            or_(t.c.retry_at.is_(None), t.c.retry_at <= at),
        )

        def work(connection: Connection) -> Lease | None:
            self._park(connection, at, t.c.id == review_id)
            state = connection.execute(select(t.c.state).where(*free).with_for_update()).scalar()
            if state is None:
                return None
            taken = ReviewState.REVIEWED if state == ReviewState.REVIEWED else ReviewState.RUNNING
            row = connection.execute(
                update(t)
                .where(*free)
                .values(
                    state=taken.value,
                    fence=t.c.fence + 1,
                    attempts=t.c.attempts + 1,
                    lease_owner=owner,
                    lease_until=to_micros(now + lease),
                    retry_at=None,
                    updated_at=at,
                )
                .returning(t.c.fence, t.c.attempts)
            ).one_or_none()
            if row is None:
                return None
            return Lease(review_id, owner, row.fence, now + lease, row.attempts, taken)

        return self.db.write(work)

    def renew(self, lease: Lease, now: datetime, length: timedelta) -> Lease:
        """Prolong a lease; LeaseLost where somebody else took the review over or it was superseded."""
        self._guarded(lease, lease_until=to_micros(now + length), updated_at=to_micros(now))
        return Lease(lease.review_id, lease.owner, lease.fence, now + length, lease.attempt, lease.state)

    def save_result(self, lease: Lease, document: str, now: datetime) -> Lease:
        """Store the review's JSON before anything is published, and count the tries of publishing from one again.

        Return the lease with the new state; LeaseLost without storing anything for a stale one.
        """
        d = review_documents
        at = to_micros(now)
        first = case((t.c.state == ReviewState.REVIEWED.value, t.c.attempts), else_=1)

        def work(connection: Connection) -> int:
            guard(connection, lease, state=ReviewState.REVIEWED.value, attempts=first, updated_at=at)
            values = {"document": clean(document), "stored_at": at}
            new = self.db.insert(d).values(review_id=lease.review_id, **values)
            connection.execute(new.on_conflict_do_update(index_elements=[d.c.review_id], set_=values))
            attempts = select(t.c.attempts).where(t.c.id == lease.review_id)
            return int(connection.execute(attempts).scalar_one())

        return replace(lease, state=ReviewState.REVIEWED, attempt=self.db.write(work))

    def result(self, review_id: int) -> str | None:
        """Return the stored JSON of a review, None where there is none yet."""
        query = select(review_documents.c.document).where(review_documents.c.review_id == review_id)
        return self.db.read(lambda connection: connection.execute(query).scalar())

    def finish(self, lease: Lease, state: ReviewState, now: datetime, *, error: str = "") -> None:
        """End a review as published, failed, refused or superseded; LeaseLost for a stale lease."""
        if state not in FINAL:
            raise ValueError(f"{state} is not an end of a review")
        self._guarded(lease, state=state.value, error=_line(error), updated_at=to_micros(now), **_FREED)

    def fail(self, lease: Lease, retry_at: datetime | None, error: str, now: datetime) -> ReviewState:
        """Record a fault of the work itself: due again at `retry_at`, None for never. Return the state then.

        The last of MAX_TRIES parks the review whatever `retry_at` says. LeaseLost for a stale lease.
        """
        end = ReviewState.FAILED if retry_at is None else ReviewState.PARKED
        final = retry_at is None or lease.attempt >= MAX_TRIES
        state = self._guarded(
            lease,
            state=end.value if final else _WAITING,
            retry_at=None if final or retry_at is None else to_micros(retry_at),
            error=_line(error),
            updated_at=to_micros(now),
            **_FREED,
        )
        return ReviewState(state)

    def defer(self, lease: Lease, retry_at: datetime, error: str, now: datetime) -> ReviewState:
        """Wait for something outside (a rate limit, GitHub down) without using up a try. Return the state then.

        After MAX_DEFERRALS the review has failed. LeaseLost for a stale lease.
        """
        state = self._guarded(
            lease,
            state=case((t.c.deferrals >= MAX_DEFERRALS, ReviewState.FAILED.value), else_=_WAITING),
            attempts=case((t.c.attempts > 0, t.c.attempts - 1), else_=0),
            deferrals=t.c.deferrals + 1,
            retry_at=to_micros(retry_at),
            error=_line(error),
            updated_at=to_micros(now),
            **_FREED,
        )
        return ReviewState(state)

    def abandon(self, review_id: int, owner: str, now: datetime) -> bool:
        """Give back the lease of an owner that is known to be dead; False where it held none.

        For the worker whose work-horse was killed: the retry need not wait for the lease to run out.
        """
        statement = (
            update(t)
            .where(t.c.id == review_id, t.c.lease_owner == owner, t.c.state.in_(UNFINISHED))
            .values(updated_at=to_micros(now), **_FREED)
        )
        return self.db.write(lambda connection: connection.execute(statement).rowcount == 1)

    def abandon_all(self, owner: str, now: datetime) -> int:
        """Give back every lease of an owner that is known to have ended; return how many there were."""
        mine = (t.c.lease_owner == owner, t.c.state.in_(UNFINISHED))
        statement = update(t).where(*mine).values(updated_at=to_micros(now), **_FREED)
        return self.db.write(lambda connection: connection.execute(statement).rowcount)

    def ran_out(self, review_id: int, owner: str, before: datetime) -> bool:
        """Return whether this owner holds a lease that ran out before a moment."""
        query = select(t.c.id).where(
            t.c.id == review_id, t.c.lease_owner == owner, t.c.lease_until < to_micros(before)
        )
        return self.db.read(lambda connection: connection.execute(query).scalar()) is not None

    def supersede(self, repo_id: int, number: int, keep_head: str, now: datetime) -> tuple[int, ...]:
        """End every unfinished review of a pull request whose head is not `keep_head`; return their ids.

        `keep_head` must be the head that GitHub names now, since deliveries come in any order. Their fences rise,
        so a worker in the middle of one can publish nothing. A review that a comment asked for names no head (""):
        it is of whatever the head is when it runs, and no push supersedes it.
        """
        statement = (
            update(t)
            .where(
                t.c.repo_id == repo_id,
                t.c.number == number,
                t.c.head_sha.not_in((keep_head, "")),
                t.c.state.in_(UNFINISHED),
            )
            .values(
                state=ReviewState.SUPERSEDED.value,
                fence=t.c.fence + 1,
                error=f"superseded by {keep_head}",
                updated_at=to_micros(now),
                **_FREED,
            )
            .returning(t.c.id)
        )
        return self.db.write(lambda connection: tuple(sorted(connection.execute(statement).scalars())))

    def park(self, now: datetime) -> tuple[int, ...]:
        """Park every review that took its worker down MAX_TRIES times; return their ids."""
        at = to_micros(now)
        return self.db.write(lambda connection: self._park(connection, at))

    def unnoticed(self, limit: int = 100) -> tuple[ReviewRow, ...]:
        """Return reviews that ended parked or failed and whose pull request does not say so yet."""
        ended = (ReviewState.PARKED.value, ReviewState.FAILED.value)
        return self._rows(t.c.state.in_(ended), t.c.noticed_at.is_(None), limit=limit)

    def noticed(self, review_id: int, now: datetime) -> None:
        """Record that the pull request says how the review ended."""
        self._set((review_id,), noticed_at=to_micros(now))

    def unfinished(self, now: datetime, limit: int = 100, *, quiet: timedelta = QUIET) -> tuple[ReviewRow, ...]:
        """Return due reviews that nobody works on and that were not enqueued within `quiet`.

        The one that was looked at longest ago comes first, so that a backlog of any length is gone through.
        """
        at = to_micros(now)
        return self._rows(
            t.c.state.in_(UNFINISHED),
            or_(t.c.lease_until.is_(None), t.c.lease_until <= at),
            or_(t.c.retry_at.is_(None), t.c.retry_at <= at),
            func.coalesce(t.c.enqueued_at, t.c.accepted_at) <= to_micros(now - quiet),
            limit=limit,
            order=func.coalesce(t.c.enqueued_at, t.c.accepted_at),
        )

    def busy(self, lease: Lease, now: datetime) -> int | None:
        """Return another review of the same pull request that somebody works on now, None where there is none.

        Two at once would each look at what is posted before the other posts. Asked after `begin`, so of two that
        begin together at least one sees the other.
        """
        own = select(t.c.repo_id, t.c.number).where(t.c.id == lease.review_id).subquery()
        query = (
            select(t.c.id)
            .where(
                t.c.repo_id == own.c.repo_id,
                t.c.number == own.c.number,
                t.c.id != lease.review_id,
                t.c.state.in_(UNFINISHED),
                t.c.lease_until > to_micros(now),
            )
            .limit(1)
        )
        return self.db.read(lambda connection: connection.execute(query).scalar())

    def enqueued(self, review_ids: Sequence[int], now: datetime) -> None:
        """Record that jobs were put on the queue, so that the next tick leaves them to it."""
        self._set(review_ids, enqueued_at=to_micros(now))

    def review(self, review_id: int) -> ReviewRow | None:
        """Return a review's row."""
        return next(iter(self._rows(t.c.id == review_id, limit=1)), None)

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

    def recent(self, limit: int = 50) -> tuple[ReviewRow, ...]:
        """Return the newest reviews, newest first."""
        return self._rows(limit=limit, order=t.c.id.desc())

    def _rows(self, *where: Any, limit: int, order: Any = None) -> tuple[ReviewRow, ...]:
        # By the id where moments are the same: PostgreSQL would give them in any order.
        query = select(t).where(*where).order_by(t.c.accepted_at if order is None else order, t.c.id).limit(limit)
        found = self.db.read(lambda connection: connection.execute(query).all())
        return tuple(_row(row) for row in found)

    def _park(self, connection: Connection, at: int, *where: Any) -> tuple[int, ...]:
        statement = (
            update(t)
            .where(
                *where,
                t.c.state.in_(UNFINISHED),
                t.c.attempts >= MAX_TRIES,
                or_(t.c.lease_until.is_(None), t.c.lease_until <= at),
            )
            .values(
                state=ReviewState.PARKED.value,
                fence=t.c.fence + 1,
                error=t.c.error + f" [parked after {MAX_TRIES} tries]",
                updated_at=at,
                **_FREED,
            )
            .returning(t.c.id)
        )
        return tuple(sorted(connection.execute(statement).scalars()))

    def _set(self, review_ids: Sequence[int], **values: Any) -> None:
        if review_ids:
            statement = update(t).where(t.c.id.in_(list(review_ids))).values(**values)
            self.db.write(lambda connection: connection.execute(statement).rowcount)

    def _guarded(self, lease: Lease, **values: Any) -> str:
        return self.db.write(lambda connection: guard(connection, lease, **values))


_FREED: Final[dict[str, None]] = {"lease_owner": None, "lease_until": None}
# A stored result is never thrown away: a review that has one waits to be published.
_WAITING: Final = case(
    (t.c.state == ReviewState.REVIEWED.value, ReviewState.REVIEWED.value), else_=ReviewState.ACCEPTED.value
)


def guard(connection: Connection, lease: Lease, **values: Any) -> str:
    """Write to a review's row under its fence and return its state; LeaseLost where the fence has moved."""
    state = connection.execute(
        update(t)
        .where(t.c.id == lease.review_id, t.c.fence == lease.fence, t.c.state.in_(UNFINISHED))
        .values(**values)
        .returning(t.c.state)
    ).scalar()
    if state is None:
        raise LeaseLost(
            f"review {lease.review_id} is not this worker's any more (fence {lease.fence}): it was taken over, "
            "superseded or finished"
        )
    return str(state)


def _line(error: str) -> str:
    return clean(" ".join(error.split()))[:MAX_ERROR]


@functools.cache
def _accept_statements(*, is_sqlite: bool) -> tuple[Any, Any]:
    # Built once: building a statement costs more than running it.
    key = ("installation_id", "repo_id", "number", "head_sha", "trigger")
    known = select(t.c.id, t.c.state).where(*(t.c[name] == bindparam(name) for name in key))
    return insert(t, is_sqlite=is_sqlite).on_conflict_do_nothing(index_elements=key).returning(t.c.id), known


def _row(row: Any) -> ReviewRow:
    return ReviewRow(
        id=row.id,
        key=ReviewKey(row.installation_id, row.repo_id, row.number, row.head_sha, row.trigger),
        state=ReviewState(row.state),
        actor=row.actor,
        attempts=row.attempts,
        accepted_at=from_micros(row.accepted_at),
        updated_at=from_micros(row.updated_at),
        retry_at=None if row.retry_at is None else from_micros(row.retry_at),
        error=row.error,
        payload=json.loads(row.payload),
        deferrals=row.deferrals,
    )
