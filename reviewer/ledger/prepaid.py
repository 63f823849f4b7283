"""Prepaid money of organisations: credits that are bought or given, held for calls, spent, and that may expire."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select, update

from policies.budgets import Account, Credit, CreditKind, Limit, Scope, Standing, allocate, balance, prepaid_refusal
from reviewer.errors import LedgerUnavailable
from reviewer.ledger.alerts import record_alerts
from reviewer.ledger.database import Database
from reviewer.ledger.tables import credit_holds as h
from reviewer.ledger.tables import credit_table as t
from reviewer.ledger.units import from_micros, from_picos, to_micros, to_picos

_HELD: Final = (
    select(h.c.credit_id, h.c.amount_picos)
    .join(t, t.c.id == h.c.credit_id)
    .where(h.c.call_id == bindparam("call"))
    .order_by(t.c.id)
    .with_for_update()
)


class Prepaid:
    """The balances of organisations that pay in advance."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def add(
        self,
        organisation: str,
        amount: Decimal,
        kind: CreditKind,
        now: datetime,
        *,
        reference: str,
        expires_at: datetime | None = None,
        note: str = "",
    ) -> int:
        """Book a credit in US dollars and return its id; a `reference` that is booked already changes nothing."""
        picos = to_picos(amount)
        if picos == 0:
            raise ValueError("a credit of nothing")
        values = {
            "organisation": organisation.casefold(),
            "kind": kind.value,
            "amount_picos": picos,
            "expires_at": None if expires_at is None else to_micros(expires_at),
            "note": note,
            "created_at": to_micros(now),
            "reference": reference,
        }

        def work(connection: Connection) -> int:
            connection.execute(self.db.insert(t).on_conflict_do_nothing().values(**values))
            return int(connection.execute(select(t.c.id).where(t.c.reference == reference)).scalar_one())

        return self.db.write(work)

    def credits(self, organisation: str) -> tuple[Credit, ...]:
        """Return every credit of an organisation, expired ones too."""
        return self.db.read(lambda connection: tuple(map(_credit, _rows(connection, organisation.casefold()))))


def hold(
    connection: Connection, limit: Limit, account: Account, amount: Decimal, now: datetime
) -> tuple[tuple[int, int], ...] | str:
    """Hold an amount on an organisation's credits: (credit, share in 1e-12 dollars), or why there is not enough."""
    account_credits = tuple(map(_credit, _rows(connection, account.subject(Scope.PREPAID), lock=True)))
    available = balance(account_credits, now)
    shares = allocate(account_credits, amount, now)
    if shares is None or available - amount < limit.amount:
        return prepaid_refusal(limit, account, available, amount)
    picos = tuple((credit_id, to_picos(share)) for credit_id, share in shares)
    for credit_id, share in picos:
        held = connection.execute(
            update(t)
            .where(t.c.id == credit_id, t.c.amount_picos - t.c.spent_picos - t.c.held_picos >= share)
            .values(held_picos=t.c.held_picos + share)
        ).rowcount
        if held != 1:
            raise LedgerUnavailable("the ledger's credits moved under a lock: the reservation was rolled back")
    return picos


def charge(connection: Connection, call_id: int, cost: int) -> bool:
    """Free what a call held and spend `cost` (1e-12 dollars) of it; what is above the hold is spent too.

    A hold outlives the expiry of its credit: money that was promised in time is spent from it. False where the call
    holds no credit.
    """
    held = connection.execute(_HELD, {"call": call_id}).all()
    left = cost
    for place, row in enumerate(held):
        # The last credit takes what the others do not cover, below zero if need be: the bill is real.
        spent = left if place == len(held) - 1 else min(left, row.amount_picos)
        left -= spent
        connection.execute(
            update(t)
            .where(t.c.id == row.credit_id)
            .values(held_picos=t.c.held_picos - row.amount_picos, spent_picos=t.c.spent_picos + spent)
        )
    return bool(held)


def alert(connection: Connection, db: Database, account: Account, now: datetime, *, refused: bool = False) -> None:
    """Write the alerts of a balance: percents of what its live credits were worth."""
    at = to_micros(now)
    live = [
        row
        for row in _rows(connection, account.subject(Scope.PREPAID))
        if row.expires_at is None or row.expires_at > at
    ]
    worth = Limit(Scope.PREPAID, from_picos(sum(row.amount_picos for row in live)))
    standing = Standing(spent=from_picos(sum(row.spent_picos for row in live)))
    record_alerts(connection, db, worth, account, standing, now, refused=refused)


def _rows(connection: Connection, organisation: str, *, lock: bool = False) -> list[Row[Any]]:
    query = select(t).where(t.c.organisation == organisation).order_by(t.c.id)
    return list(connection.execute(query.with_for_update() if lock else query).all())


def _credit(row: Row[Any]) -> Credit:
    return Credit(
        id=row.id,
        kind=CreditKind(row.kind),
        remaining=from_picos(row.amount_picos - row.spent_picos),
        held=from_picos(row.held_picos),
        expires_at=None if row.expires_at is None else from_micros(row.expires_at),
    )
