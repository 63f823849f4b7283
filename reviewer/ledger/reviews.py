"""Reviews: leases and the state machine. Every write of a worker names its fence."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, case, or_, select, update

from reviewer.ledger.conceal import Conceal, conceal_json
from reviewer.ledger.database import Database
from reviewer.ledger.fence import write_fenced
from reviewer.ledger.keys import (
    AGAIN,
    AUTOMATIC,
    FINAL,
    MAX_DEFERRALS,
    MAX_TRIES,
    UNFINISHED,
    Lease,
    ReviewRow,
    ReviewState,
)
from reviewer.ledger.rows import NO_LEASE, find_rows, park_spent
from reviewer.ledger.tables import review_documents
from reviewer.ledger.tables import reviews as t
from reviewer.ledger.units import clean, to_micros

MAX_ERROR: Final = 500
# How the error of a review begins that waits for others of its installation.
TURN: Final = "queued behind "
# A stored result is never thrown away: a review that has one waits to be published.
_WAITING: Final = case(
    (t.c.state == ReviewState.REVIEWED.value, ReviewState.REVIEWED.value), else_=ReviewState.ACCEPTED.value
)
# The count of tries without the present one.
_ONE_LESS: Final = case((t.c.attempts > 0, t.c.attempts - 1), else_=0)


class Reviews:
    """The rows that workers take by a lease and bring to an end."""

    def __init__(self, db: Database, conceal: Conceal) -> None:
        self.db = db
        self._conceal = conceal

    def begin(self, review_id: int, owner: str, now: datetime, lease: timedelta) -> Lease | None:
        """Take the lease; None where another worker holds it, it is not due yet, finished, parked or unknown.

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
            park_spent(connection, at, t.c.id == review_id)
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
        """Prolong a lease; LeaseLost where another worker took the review over or it was superseded."""
        self._write_fenced(lease, lease_until=to_micros(now + length), updated_at=to_micros(now))
        return Lease(lease.review_id, lease.owner, lease.fence, now + length, lease.attempt, lease.state)

    def save_result(self, lease: Lease, document: str, now: datetime) -> Lease:
        """Store the review's JSON before anything is published, and count the tries of publishing from one again.

        Return the lease with the new state; LeaseLost without storing anything for a stale one.
        """
        d = review_documents
        at = to_micros(now)
        kept = conceal_json(document, self._conceal)
        first = case((t.c.state == ReviewState.REVIEWED.value, t.c.attempts), else_=1)

        def work(connection: Connection) -> int:
            write_fenced(connection, lease, state=ReviewState.REVIEWED.value, attempts=first, updated_at=at)
            values = {"document": clean(kept), "stored_at": at}
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
        self._write_fenced(
            lease, state=state.value, error=_line(self._conceal(error)), updated_at=to_micros(now), **NO_LEASE
        )

    def fail(self, lease: Lease, retry_at: datetime | None, error: str, now: datetime) -> ReviewState:
        """Record a fault of the work itself: due again at `retry_at`, None for never. Return the state then.

        The last of MAX_TRIES parks the review whatever `retry_at` says. LeaseLost for a stale lease.
        """
        end = ReviewState.FAILED if retry_at is None else ReviewState.PARKED
        final = retry_at is None or lease.attempt >= MAX_TRIES
        state = self._write_fenced(
            lease,
            state=end.value if final else _WAITING,
            retry_at=None if final or retry_at is None else to_micros(retry_at),
            error=_line(self._conceal(error)),
            updated_at=to_micros(now),
            **NO_LEASE,
        )
        return ReviewState(state)

    def defer(self, lease: Lease, retry_at: datetime, error: str, now: datetime) -> ReviewState:
        """Wait for something outside (a rate limit, GitHub down) without using up a try. Return the state then.

        After MAX_DEFERRALS the review has failed. LeaseLost for a stale lease.
        """
        state = self._write_fenced(
            lease,
            state=case((t.c.deferrals >= MAX_DEFERRALS, ReviewState.FAILED.value), else_=_WAITING),
            attempts=_ONE_LESS,
            deferrals=t.c.deferrals + 1,
            retry_at=to_micros(retry_at),
            error=_line(self._conceal(error)),
            updated_at=to_micros(now),
            **NO_LEASE,
        )
        return ReviewState(state)

    def wait_turn(self, lease: Lease, retry_at: datetime, ahead: int, now: datetime) -> ReviewState:
        """Let other installations' reviews go first; uses up neither a try nor a deferral. Return the state then.

        LeaseLost for a stale lease.
        """
        values = {"state": _WAITING, "attempts": _ONE_LESS, "retry_at": to_micros(retry_at)}
        error = f"{TURN}{ahead} reviews of this installation"
        return ReviewState(self._write_fenced(lease, error=error, updated_at=to_micros(now), **values, **NO_LEASE))

    def hand_back(self, lease: Lease, now: datetime) -> ReviewState:
        """Stop working on a review because the process was asked to stop: it is due at once and uses up no try.

        Return the state then; LeaseLost for a stale lease.
        """
        values = {"state": _WAITING, "attempts": _ONE_LESS, "retry_at": None, "enqueued_at": None}
        return ReviewState(self._write_fenced(lease, updated_at=to_micros(now), **values, **NO_LEASE))

    def abandon(self, review_id: int, owner: str, now: datetime, *, tried: bool = True) -> bool:
        """Give back the lease of an owner that is known to have ended; False where it held none.

        For the worker whose work-horse ended: the retry need not wait for the lease to run out. `tried` False is
        for one that was stopped on purpose: that uses up no try.
        """
        return self._abandon(now, t.c.id == review_id, t.c.lease_owner == owner, tried=tried) == 1

    def abandon_all(self, owner: str, now: datetime, *, tried: bool = True) -> int:
        """Give back every lease of an owner that is known to have ended; return how many there were."""
        return self._abandon(now, t.c.lease_owner == owner, tried=tried)

    def _abandon(self, now: datetime, *whose: ColumnElement[bool], tried: bool) -> int:
        given_back = {} if tried else {"attempts": _ONE_LESS}
        statement = (
            update(t)
            .where(*whose, t.c.state.in_(UNFINISHED))
            .values(updated_at=to_micros(now), **given_back, **NO_LEASE)
        )
        return self.db.write(lambda connection: connection.execute(statement).rowcount)

    def ran_out(self, review_id: int, owner: str, before: datetime) -> bool:
        """Return whether this owner holds a lease that ran out before a moment."""
        query = select(t.c.id).where(
            t.c.id == review_id, t.c.lease_owner == owner, t.c.lease_until < to_micros(before)
        )
        return self.db.read(lambda connection: connection.execute(query).scalar()) is not None

    def restart(self, lease: Lease, now: datetime) -> None:
        """Let a review begin from the start, its stored result forgotten; LeaseLost for a stale lease."""
        self._write_fenced(
            lease, state=ReviewState.ACCEPTED.value, attempts=0, updated_at=to_micros(now), **NO_LEASE
        )

    def supersede_older(self, row: ReviewRow, now: datetime) -> tuple[int, ...]:
        """End the unfinished reviews that were asked for before `row`, whose head must be the live one.

        Ends those of other heads, and automatic ones of the same head (another base) where `row` is automatic.
        Their fences rise, so a worker in the middle of one can publish nothing. A review that a comment asked for
        names no head: it is of whatever the head is when it runs. Return the ids of what was ended.
        """
        key = row.key
        other_head = t.c.head_sha.not_in((key.head_sha, ""))
        automatic = or_(t.c.trigger == AUTOMATIC, t.c.trigger.like(f"{AGAIN}%"))
        statement = (
            update(t)
            .where(
                t.c.repo_id == key.repo_id,
                t.c.number == key.number,
                t.c.id < row.id,
                or_(other_head, automatic) if key.automatic else other_head,
                # A merge group's head is no head of the pull request.
                t.c.trigger.not_like("merge:%"),
                t.c.state.in_(UNFINISHED),
            )
            .values(
                state=ReviewState.SUPERSEDED.value,
                fence=t.c.fence + 1,
                error=f"superseded by review {row.id} of {key.head_sha[:7]}",
                updated_at=to_micros(now),
                **NO_LEASE,
            )
            .returning(t.c.id)
        )
        return self.db.write(lambda connection: tuple(sorted(connection.execute(statement).scalars())))

    def has_newer(self, row: ReviewRow, head_sha: str) -> bool:
        """Tell whether a later delivery asked for an automatic review of this head of `row`'s pull request."""
        query = select(t.c.id).where(
            t.c.repo_id == row.key.repo_id,
            t.c.number == row.key.number,
            t.c.id > row.id,
            t.c.head_sha == head_sha,
            or_(t.c.trigger == AUTOMATIC, t.c.trigger.like(f"{AGAIN}%")),
        )
        return self.db.read(lambda connection: connection.execute(query.limit(1)).scalar()) is not None

    def newest_push(self, row: ReviewRow) -> ReviewRow | None:
        """Return the newest automatic review that was asked for after `row`, of another head or base.

        For a review that names no head, any later one: only GitHub can say whether it is of another head.
        """
        key = row.key
        where = [
            t.c.repo_id == key.repo_id,
            t.c.number == key.number,
            t.c.id > row.id,
            or_(t.c.trigger == AUTOMATIC, t.c.trigger.like(f"{AGAIN}%")),
        ]
        if key.head_sha:
            where.append(or_(t.c.head_sha != key.head_sha, t.c.base_sha != key.base_sha))
        return next(iter(find_rows(self.db, *where, limit=1, order=t.c.id.desc())), None)

    def busy(self, lease: Lease, now: datetime) -> int | None:
        """Return another review of the same pull request that a worker holds now, None where there is none.

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

    def get(self, review_id: int) -> ReviewRow | None:
        """Return a review's row."""
        return next(iter(find_rows(self.db, t.c.id == review_id, limit=1)), None)

    def recent(self, limit: int = 50) -> tuple[ReviewRow, ...]:
        """Return the newest reviews, newest first."""
        return find_rows(self.db, limit=limit, order=t.c.id.desc())

    def _write_fenced(self, lease: Lease, **values: Any) -> str:
        return self.db.write(lambda connection: write_fenced(connection, lease, **values))


def _line(error: str) -> str:
    return clean(" ".join(error.split()))[:MAX_ERROR]
