"""Prepaid money of organisations: credits that are bought or given, held for calls, spent, and that may expire.

Every step locks the organisation's account first. A bill is taken from what the call held and from what is free,
in the order of `spending_order`; what no credit covers is the account's debt, which the next credit pays first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update

from policies.budgets import Account, Limit, Scope
from policies.credits import Credit, CreditKind, prepaid_refusal, spending_order
from reviewer.ledger.alerts import Gauge, end_alerts, record_alerts
from reviewer.ledger.counters import read_percents, write_percents
from reviewer.ledger.database import Database
from reviewer.ledger.tables import calls as c
from reviewer.ledger.tables import credit_holds as h
from reviewer.ledger.tables import credit_table as t
from reviewer.ledger.tables import prepaid_accounts as p
from reviewer.ledger.units import from_micros, from_picos, to_micros, to_picos

_ACCOUNT: Final = select(p).where(p.c.organisation == bindparam("key")).with_for_update()
_CREDITS: Final = select(t).where(t.c.organisation == bindparam("key")).order_by(t.c.id)
_HOLDS: Final = select(h.c.credit_id, h.c.amount_picos).where(h.c.call_id == bindparam("call"))
_HOLD: Final = update(t).where(t.c.id == bindparam("credit")).values(held_picos=t.c.held_picos + bindparam("picos"))
_MOVE: Final = (
    update(t)
    .where(t.c.id == bindparam("credit"))
    .values(spent_picos=t.c.spent_picos + bindparam("spent"), held_picos=t.c.held_picos - bindparam("freed"))
)
_UNCONFIRMED: Final = (
    select(func.sum(h.c.amount_picos))
    .join(c, c.c.id == h.c.call_id)
    .join(t, t.c.id == h.c.credit_id)
    .where(t.c.organisation == bindparam("key"), c.c.state == "unconfirmed")
    .where(or_(t.c.expires_at.is_(None), t.c.expires_at > bindparam("at")))
)


class ReferenceReused(ValueError):
    """A reference that is booked already for another credit of the same organisation."""


@dataclass(frozen=True, slots=True)
class NewCredit:
    """A credit to book: US dollars, how it came to be, and the receipt or order that it is for."""

    amount: Decimal
    kind: CreditKind
    reference: str
    expires_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Balance:
    """What a new call may be promised, and what is owed, in US dollars; never both above zero for long."""

    free: Decimal
    debt: Decimal

    @property
    def left(self) -> Decimal:
        """What is free less what is owed."""
        return self.free - self.debt


class Prepaid:
    """The balances of organisations that pay in advance. An organisation is found by its present name."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def add(self, organisation: str, credit: NewCredit, now: datetime) -> int:
        """Book a credit and return its id; the same reference of the same organisation is booked once.

        What is owed is paid from it at once. ReferenceReused where the reference was booked for another amount,
        kind or expiry; ValueError for a credit of nothing.
        """
        picos = to_picos(credit.amount)
        if picos == 0:
            raise ValueError("a credit of nothing")
        values = {
            "kind": credit.kind.value,
            "amount_picos": picos,
            "expires_at": None if credit.expires_at is None else to_micros(credit.expires_at),
        }

        def work(connection: Connection) -> int:
            key = _key_of(connection, organisation)
            account = _lock(connection, self.db, key, organisation)
            booked = select(t).where(t.c.organisation == key, t.c.reference == credit.reference)
            found = connection.execute(booked).one_or_none()
            if found is not None:
                _require_same(found, values, credit.reference)
                return int(found.id)
            row = {**values, "organisation": key, "note": credit.note, "reference": credit.reference}
            new = insert(t).values(**row, created_at=to_micros(now)).returning(t.c.id)
            credit_id = int(connection.execute(new).scalar_one())
            book = _Book(connection, account, now)
            book.pay_debt()
            book.refill(now)
            return credit_id

        return self.db.write(work)

    def credits(self, organisation: str) -> tuple[Credit, ...]:
        """Return every credit of an organisation, expired ones too."""

        def work(connection: Connection) -> tuple[Credit, ...]:
            key = _key_of(connection, organisation)
            return tuple(_credit(row) for row in connection.execute(_CREDITS, {"key": key}).all())

        return self.db.read(work)

    def balance(self, organisation: str, now: datetime) -> Balance:
        """Return what an organisation's account has left and owes."""

        def work(connection: Connection) -> Balance:
            key = _key_of(connection, organisation)
            found = [_credit(row) for row in connection.execute(_CREDITS, {"key": key}).all()]
            debt = connection.execute(select(p.c.debt_picos).where(p.c.organisation == key)).scalar()
            return Balance(sum((credit.free(now) for credit in found), Decimal(0)), from_picos(debt or 0))

        return self.db.read(work)


def hold(
    connection: Connection, db: Database, limit: Limit, account: Account, picos: int | None, now: datetime
) -> tuple[tuple[int, int], ...] | str:
    """Hold an amount on an organisation's credits: (credit, share in 1e-12 dollars), or why there is not enough.

    None is a call of unknown price: nothing can be held for it, and it is refused where nothing is left.
    """
    row = _lock(connection, db, account.subject(Scope.PREPAID), account.name(Scope.PREPAID))
    book = _Book(connection, _note_limit(connection, row, limit), now)
    book.pay_debt()
    room = book.left - to_picos(limit.amount)
    if picos == 0:
        return ()
    if (picos is None and room <= 0) or (picos is not None and room < picos):
        book.alert(connection, db, now, refused=True)
        wanted = None if picos is None else from_picos(picos)
        return prepaid_refusal(limit, account, from_picos(book.left), wanted)
    shares = tuple(book.take(picos or 0))
    for credit_id, share in shares:
        connection.execute(_HOLD, {"credit": credit_id, "picos": share})
    return shares


def charge(connection: Connection, call: Row[Any], cost: int, now: datetime) -> None:
    """Free what a call held on its prepaid account and spend `cost` (1e-12 dollars).

    A hold outlives the expiry of its credit: money that was promised in time is spent from it.
    """
    if call.prepaid is None:
        return
    held = {row.credit_id: int(row.amount_picos) for row in connection.execute(_HOLDS, {"call": call.id}).all()}
    connection.execute(delete(h).where(h.c.call_id == call.id))
    account = connection.execute(_ACCOUNT, {"key": call.prepaid}).one()
    book = _Book(connection, account, now, own=held)
    book.pay(cost)
    book.pay_debt()


def alert(connection: Connection, db: Database, key: str, now: datetime) -> None:
    """Write the alerts of a balance: shares of what was left when the last credit was booked."""
    row = connection.execute(_ACCOUNT, {"key": key}).one()
    _Book(connection, row, now).alert(connection, db, now)


class _Book:
    """The locked account of one organisation with its credits, in 1e-12 dollars, at one moment.

    `own` is what the call at hand held on each credit: that is freed, and may be spent even after an expiry.
    """

    def __init__(
        self, connection: Connection, account: Row[Any], now: datetime, *, own: Mapping[int, int] | None = None
    ) -> None:
        self._connection = connection
        self._account = account
        self._at = to_micros(now)
        self._own = dict(own or {})
        self.debt = int(account.debt_picos)
        rows = connection.execute(_CREDITS, {"key": account.organisation}).all()
        self._rows = sorted(rows, key=lambda row: spending_order(_credit(row)))
        self._rest = {row.id: self._available(row) for row in self._rows}

    @property
    def left(self) -> int:
        """What is free less what is owed."""
        return sum(self._rest.values()) - self.debt

    def take(self, amount: int) -> list[tuple[int, int]]:
        """Take up to an amount from what is free, in the order of spending; return (credit, share)."""
        shares = []
        for row in self._rows:
            share = min(amount, self._rest[row.id])
            if share > 0:
                self._rest[row.id] -= share
                amount -= share
                shares.append((row.id, share))
        return shares

    def pay(self, cost: int) -> None:
        """Free the call's own hold and spend its cost; what no credit covers is owed."""
        spent = dict(self.take(cost))
        for credit in {*spent, *self._own}:
            move = {"credit": credit, "spent": spent.get(credit, 0), "freed": self._own.get(credit, 0)}
            self._connection.execute(_MOVE, move)
        self._own = {}
        # What is left of a hold on a credit that expired meanwhile has expired with it.
        for row in self._rows:
            if not self._live(row):
                self._rest[row.id] = 0
        self._owe(cost - sum(spent.values()))

    def pay_debt(self) -> None:
        """Pay what is owed from what is free."""
        paid = self.take(self.debt) if self.debt else []
        for credit, share in paid:
            self._connection.execute(_MOVE, {"credit": credit, "spent": share, "freed": 0})
        self._owe(-sum(share for _, share in paid))

    def refill(self, now: datetime) -> None:
        """Take what is left now as the sum that alerts are shares of, and let them be reported anew."""
        full = self._worth()
        self._connection.execute(update(p).where(p.c.id == self._account.id).values(full_picos=max(0, full)))
        end_alerts(self._connection, self._gauge(gone=0), now)

    def alert(self, connection: Connection, db: Database, now: datetime, *, refused: bool = False) -> None:
        """Write the alerts of the balance."""
        gone = max(0, int(self._account.full_picos) - self._worth())
        record_alerts(connection, db, self._gauge(gone=gone), now, refused=refused)

    def _gauge(self, *, gone: int) -> Gauge:
        account = self._account
        return Gauge(
            scope=Scope.PREPAID,
            subject=account.organisation,
            name=account.name,
            window="",
            limit=from_picos(max(0, int(account.full_picos) - int(account.floor_picos))),
            gone=from_picos(gone),
            percents=read_percents(account.alerts),
        )

    def _worth(self) -> int:
        """Return what is left, with what calls under way hold: only a bill, or an unseen one, is gone."""
        unseen = self._connection.execute(
            _UNCONFIRMED, {"key": self._account.organisation, "at": self._at}
        ).scalar()
        held = sum(int(row.held_picos) for row in self._rows if self._live(row))
        return self.left + held - int(unseen or 0)

    def _owe(self, more: int) -> None:
        if more:
            self.debt += more
            self._connection.execute(update(p).where(p.c.id == self._account.id).values(debt_picos=self.debt))

    def _live(self, row: Row[Any]) -> bool:
        return row.expires_at is None or int(row.expires_at) > self._at

    def _available(self, row: Row[Any]) -> int:
        own = self._own.get(row.id, 0)
        free = int(row.amount_picos) - int(row.spent_picos) - int(row.held_picos)
        return own + (free if self._live(row) else 0)


def _lock(connection: Connection, db: Database, key: str, name: str) -> Row[Any]:
    """Lock the account of a key, making it where there is none and keeping its name up to date.

    Credit that was booked by name, before the organisation's id was known, moves to the id.
    """
    new = db.insert(p).values(organisation=key, name=name).on_conflict_do_nothing().returning(p.c.id)
    made = connection.execute(new).scalar() is not None
    row = connection.execute(_ACCOUNT, {"key": key}).one()
    if made or row.name != name:
        connection.execute(update(p).where(p.c.id == row.id).values(name=name))
        if key != name.casefold():
            _merge(connection, name.casefold(), row)
        row = connection.execute(_ACCOUNT, {"key": key}).one()
    return row


def _merge(connection: Connection, former: str, into: Row[Any]) -> None:
    old = connection.execute(_ACCOUNT, {"key": former}).one_or_none()
    if old is None:
        return
    known = set(connection.execute(select(t.c.reference).where(t.c.organisation == into.organisation)).scalars())
    for credit in connection.execute(_CREDITS, {"key": former}).all():
        reference = f"{credit.reference} ({former})" if credit.reference in known else credit.reference
        moved = {"organisation": into.organisation, "reference": reference}
        connection.execute(update(t).where(t.c.id == credit.id).values(**moved))
    connection.execute(update(c).where(c.c.prepaid == former).values(prepaid=into.organisation))
    connection.execute(
        update(p)
        .where(p.c.id == into.id)
        .values(debt_picos=p.c.debt_picos + old.debt_picos, full_picos=p.c.full_picos + old.full_picos)
    )
    connection.execute(delete(p).where(p.c.id == old.id))


def _key_of(connection: Connection, organisation: str) -> str:
    """Return the key of the account that is called so now; a name that no account has is its own key."""
    named = select(p.c.organisation).where(func.lower(p.c.name) == organisation.casefold()).order_by(p.c.id.desc())
    return str(connection.execute(named).scalars().first() or organisation.casefold())


def _note_limit(connection: Connection, account: Row[Any], limit: Limit) -> Row[Any]:
    values = {"floor_picos": to_picos(limit.amount), "alerts": write_percents(limit)}
    if (account.floor_picos, account.alerts) != tuple(values.values()):
        connection.execute(update(p).where(p.c.id == account.id).values(**values))
        return connection.execute(_ACCOUNT, {"key": account.organisation}).one()
    return account


def _require_same(found: Row[Any], values: Mapping[str, object], reference: str) -> None:
    if any(getattr(found, name) != value for name, value in values.items()):
        raise ReferenceReused(
            f"{reference} is booked already, as a {found.kind} of {from_picos(found.amount_picos)} US dollars"
        )


def _credit(row: Row[Any]) -> Credit:
    return Credit(
        id=row.id,
        kind=CreditKind(row.kind),
        remaining=from_picos(row.amount_picos - row.spent_picos),
        held=from_picos(row.held_picos),
        expires_at=None if row.expires_at is None else from_micros(row.expires_at),
    )
