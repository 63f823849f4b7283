"""Counters: what each scope has spent, holds and cannot confirm, moved by one statement under a lock.

The statements are built once with named parameters: building them anew costs more than running them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Update, and_, bindparam, insert, or_, select, tuple_, update

from policies.budgets import COUNTED, Account, Limit, Scope, Standing, limit_for, window
from reviewer.errors import LedgerUnavailable
from reviewer.ledger.alerts import Gauge, end_alerts, record_alerts
from reviewer.ledger.database import Database
from reviewer.ledger.tables import counters as k
from reviewer.ledger.tables import holds as h
from reviewer.ledger.units import MAX_PICOS, from_picos, to_picos

_COMMITTED: Final = k.c.spent_picos + k.c.held_picos + k.c.unconfirmed_picos
# Always locked in the order of ids, so that two calls never wait for each other.
_BY_KEY: Final = (
    select(k)
    .where(tuple_(k.c.scope, k.c.subject, k.c.window).in_(bindparam("keys", expanding=True)))
    .order_by(k.c.id)
    .with_for_update()
)
_OF_CALL: Final = select(h.c.counter_id).where(h.c.call_id == bindparam("call"))
_LOCK: Final = select(k.c.id).where(k.c.id.in_(_OF_CALL)).order_by(k.c.id).with_for_update()
_MOVE: Final = (
    update(k)
    .where(k.c.id.in_(_OF_CALL))
    .values(
        spent_picos=k.c.spent_picos + bindparam("spent"),
        held_picos=k.c.held_picos + bindparam("held"),
        unconfirmed_picos=k.c.unconfirmed_picos + bindparam("unconfirmed"),
    )
)
_LIMITED: Final = (
    select(k, h.c.limit_picos, h.c.alerts)
    .join(h, h.c.counter_id == k.c.id)
    .where(h.c.call_id == bindparam("call"), h.c.limit_picos.is_not(None))
)
_ONE: Final = select(k).where(
    k.c.scope == bindparam("scope"), k.c.subject == bindparam("subject"), k.c.window == bindparam("window")
)
_HOLDS: Final = insert(h)
_NAME: Final = update(k).where(k.c.id == bindparam("counter")).values(name=bindparam("called"))
_RENAME: Final = (
    update(k)
    .where(k.c.scope == bindparam("of"), k.c.subject == bindparam("old"), k.c.window == bindparam("at"))
    .values(subject=bindparam("new"))
)


@dataclass(frozen=True, slots=True)
class Counter:
    """A locked counter, the limit on it, None where nothing limits it, and how it stands."""

    id: int
    limit: Limit | None
    standing: Standing


def lock(
    connection: Connection, db: Database, account: Account, limits: Sequence[Limit], now: datetime
) -> list[Counter]:
    """Lock the counters that a run moves, limited or not: a limit set later counts what was spent before."""
    scopes = [scope for scope in COUNTED if account.subject(scope)]
    keys = sorted((scope.value, account.subject(scope), window(scope, now)) for scope in scopes)
    rows = connection.execute(_BY_KEY, {"keys": keys}).all()
    if len(rows) < len(keys):
        _take_over(connection, account, scopes, now)
        new = [
            {"scope": scope.value, "subject": account.subject(scope), "window": window(scope, now)}
            for scope in scopes
        ]
        # In the order of the keys, as everybody inserts them, so that two inserts never wait for each other.
        new.sort(key=lambda row: (row["scope"], row["subject"], row["window"]))
        connection.execute(db.insert(k).on_conflict_do_nothing(), new)
        rows = connection.execute(_BY_KEY, {"keys": keys}).all()
    for row in rows:
        name = account.name(Scope(row.scope))
        if row.name != name:
            connection.execute(_NAME, {"counter": row.id, "called": name})
    return [Counter(row.id, limit_for(limits, Scope(row.scope), account), _standing(row)) for row in rows]


def _take_over(connection: Connection, account: Account, scopes: Sequence[Scope], now: datetime) -> None:
    """Give counters that were kept by name, before the id was known, to the id."""
    for scope in scopes:
        former, subject = account.former_subject(scope), account.subject(scope)
        if former != subject:
            key = {"scope": scope.value, "window": window(scope, now)}
            if connection.execute(_ONE, {**key, "subject": subject}).first() is None:
                connection.execute(
                    _RENAME, {"of": key["scope"], "at": key["window"], "old": former, "new": subject}
                )


def hold(connection: Connection, counters: Sequence[Counter], picos: int) -> None:
    """Hold an amount on every counter by one conditional update, which passes no limit while others write."""
    if not picos:
        return
    values: dict[str, int] = {"picos": picos}
    for place, counter in enumerate(counters):
        values[f"id_{place}"] = counter.id
        values[f"cap_{place}"] = MAX_PICOS if counter.limit is None else to_picos(counter.limit.amount)
    if connection.execute(_hold_all(len(counters)), values).rowcount != len(counters):
        raise LedgerUnavailable("the ledger's counters moved under a lock: the reservation was rolled back")


def remember(connection: Connection, call_id: int, counters: Sequence[Counter]) -> None:
    """Write down which counters a call holds, and the limits that it was measured against."""
    connection.execute(
        _HOLDS,
        [
            {
                "call_id": call_id,
                "counter_id": counter.id,
                "limit_picos": None if counter.limit is None else to_picos(counter.limit.amount),
                "alerts": "" if counter.limit is None else write_percents(counter.limit),
            }
            for counter in counters
        ],
    )


def move(
    connection: Connection, db: Database, call_id: int, *, spent: int = 0, held: int = 0, unconfirmed: int = 0
) -> None:
    """Add to every counter that a call holds; amounts are 1e-12 dollars and may be negative."""
    if not db.is_sqlite:
        connection.execute(_LOCK, {"call": call_id})
    connection.execute(_MOVE, {"call": call_id, "spent": spent, "held": held, "unconfirmed": unconfirmed})


def alert(connection: Connection, db: Database, call_id: int, now: datetime, *, fell: bool = False) -> None:
    """Write the alerts of the limits that a call was measured against; `fell`: end those no longer reached."""
    for row in connection.execute(_LIMITED, {"call": call_id}).all():
        gauge = Gauge(
            scope=Scope(row.scope),
            subject=row.subject,
            name=row.name,
            window=row.window,
            limit=from_picos(row.limit_picos),
            gone=from_picos(row.spent_picos + row.unconfirmed_picos),
            percents=read_percents(row.alerts),
        )
        if fell:
            end_alerts(connection, gauge, now)
        record_alerts(connection, db, gauge, now)


def gauge_of(limit: Limit, account: Account, standing: Standing, now: datetime) -> Gauge:
    """Return how much of a limit is gone in the window of `now`."""
    return Gauge(
        scope=limit.scope,
        subject=account.subject(limit.scope),
        name=account.name(limit.scope),
        window=window(limit.scope, now),
        limit=limit.amount,
        gone=standing.spent + standing.unconfirmed,
        percents=limit.percents,
    )


def write_percents(limit: Limit) -> str:
    """Store the percents of a limit at which an alert is sent."""
    return ",".join(map(str, limit.percents))


def read_percents(text: str) -> tuple[int, ...]:
    """Read what `write_percents` wrote."""
    return tuple(int(percent) for percent in text.split(",") if percent)


def standing(connection: Connection, scope: Scope, account: Account, now: datetime) -> Standing:
    """Return how one counter stands in the window of `now`."""
    values = {"scope": scope.value, "subject": account.subject(scope), "window": window(scope, now)}
    row = connection.execute(_ONE, values).one_or_none()
    return Standing() if row is None else _standing(row)


@functools.cache
def _hold_all(count: int) -> Update:
    room = [
        and_(k.c.id == bindparam(f"id_{place}"), _COMMITTED + bindparam("picos") <= bindparam(f"cap_{place}"))
        for place in range(count)
    ]
    return update(k).where(or_(*room)).values(held_picos=k.c.held_picos + bindparam("picos"))


def _standing(row: Row[Any]) -> Standing:
    return Standing(from_picos(row.spent_picos), from_picos(row.held_picos), from_picos(row.unconfirmed_picos))
