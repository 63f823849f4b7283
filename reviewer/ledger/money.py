"""Reserve a call's worst case against every limit at once, settle it by the bill, keep it where no bill arrives.

A call is one row of `calls` from its reservation on. It is `held` until it is `settled` (the provider's bill is
known, or its price never was) or `unconfirmed`: it may have been billed without a bill. Unconfirmed money
counts against every limit at the worst case until a late settlement, or the provider's books, say what it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, update

from policies.budgets import Account, Scope, Standing, limit_for, refusal
from policies.words import Payment
from reviewer.errors import BudgetRefused, LedgerUnavailable
from reviewer.ledger import counters, prepaid
from reviewer.ledger.alerts import record_alerts
from reviewer.ledger.conceal import Conceal
from reviewer.ledger.counters import Counter
from reviewer.ledger.database import Database
from reviewer.ledger.fence import check_fence
from reviewer.ledger.tables import calls as c
from reviewer.ledger.tables import credit_holds
from reviewer.ledger.terms import CallState, Terms, bill, closed_call, opened_call, refuse_unknown_price
from reviewer.ledger.units import from_micros, from_picos, to_micros, to_picos
from reviewer.models.meter import CallIntent
from reviewer.models.model import Call

EXPIRE_BATCH: Final = 200
# Built once: building a statement costs more than running it.
_OPEN: Final = insert(c).returning(c.c.id)
_BY_RESERVATION: Final = select(c).where(c.c.reservation == bindparam("it")).with_for_update()
_CLOSE: Final = update(c).where(c.c.id == bindparam("call"))


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A call that may have been billed; `at_most` is its worst case in US dollars.

    `reservation` went out with the request; `request_id` is the provider's own id, "" where it named none.
    """

    reservation: str
    at_most: Decimal
    opened_at: datetime
    provider: str
    model: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class _Closing:
    """The end of a reservation: `cost` None where the bill was not seen. `only` closes one state and no other."""

    reservation: str
    cost: int | None
    now: datetime
    values: Mapping[str, object] = field(default_factory=dict)
    only: CallState | None = None


@dataclass(frozen=True, slots=True)
class _Refused:
    rule: str
    message: str


class Money:
    """The account book: what is promised, what is paid, and what is left."""

    def __init__(self, db: Database, conceal: Conceal) -> None:
        self.db = db
        self._conceal = conceal

    def reserve(
        self, reservation: str, amount: Decimal | None, intent: CallIntent, terms: Terms, now: datetime
    ) -> None:
        """Promise `amount` US dollars, the call's worst case, against every limit that binds the account, or none.

        `amount` None is an unknown price: it promises nothing and is refused under any limit unless allowed.
        Raises BudgetRefused with the limit's scope, or "unknown-price", as its rule; LeaseLost where the lease is
        stale; LedgerUnavailable. In each case the call must not be made.
        """
        if amount is None and not terms.allow_unknown_price:
            refuse_unknown_price(intent, terms)
        picos = None if amount is None else to_picos(amount, up=True)
        refused = self.db.write(
            lambda connection: _open(connection, self.db, (reservation, picos, intent), terms, now)
        )
        if refused is not None:
            raise BudgetRefused(refused.message, rule=refused.rule)

    def settle(self, reservation: str, call: Call, now: datetime) -> None:
        """Write what a call was and cost and free the rest, in one transaction; a second time changes nothing.

        A bill above the reservation is booked in full. Where the bill was not seen, the worst case stays counted as
        unconfirmed: `call.cost` is None although the price was known, it is no amount of money, or the call failed
        and its cost is only computed from what was heard until then. A settlement that comes after the reservation
        expired replaces what was unconfirmed.
        """
        values = closed_call(call, self._conceal)
        self._close(_Closing(reservation, bill(call), now, values=values))

    def confirm(self, reservation: str, cost: Decimal, now: datetime) -> None:
        """Replace an unconfirmed amount by what the provider's own books say, zero where they have no such call."""
        self._close(_Closing(reservation, to_picos(cost), now))

    def expire(self, now: datetime, limit: int = EXPIRE_BATCH, *, review_id: int | None = None) -> int:
        """Turn reservations of dead workers into unconfirmed money; return how many there were.

        With `review_id` every reservation of that review, run out or not: for a worker that just took its lease
        over, so that a bill of the attempt before is not left out of the sum that people read.
        """
        dead = c.c.expires_at <= to_micros(now) if review_id is None else c.c.review_id == review_id
        query = select(c.c.reservation).where(c.c.state == CallState.HELD.value, dead).order_by(c.c.id).limit(limit)
        due = self.db.read(lambda connection: connection.execute(query).scalars().all())
        values = {"error": "the worker ended before the bill arrived"}
        for reservation in due:
            # One transaction each: counters are always locked in one order, and a settlement may come between.
            self._close(_Closing(reservation, None, now, values=values, only=CallState.HELD))
        return len(due)

    def unconfirmed(self, limit: int = 1000) -> tuple[Unconfirmed, ...]:
        """Return the calls whose bill did not arrive, oldest first, to look up in the provider's books."""
        query = select(c).where(c.c.state == CallState.UNCONFIRMED.value).order_by(c.c.id).limit(limit)
        rows = self.db.read(lambda connection: connection.execute(query).all())
        return tuple(
            Unconfirmed(
                reservation=row.reservation,
                at_most=from_picos(row.reserved_picos or 0),
                opened_at=from_micros(row.opened_at),
                provider=row.provider,
                model=row.model,
                request_id=row.request_id,
            )
            for row in rows
        )

    def standing(self, scope: Scope, account: Account, now: datetime) -> Standing:
        """Return how one counter stands in the window of `now`."""
        return self.db.read(lambda connection: counters.standing(connection, scope, account, now))

    def _close(self, closing: _Closing) -> None:
        self.db.write(lambda connection: _close(connection, self.db, closing))


def _open(
    connection: Connection, db: Database, wanted: tuple[str, int | None, CallIntent], terms: Terms, now: datetime
) -> _Refused | None:
    reservation, picos, intent = wanted
    account = terms.account
    if terms.lease is not None:
        check_fence(connection, terms.lease)
    locked = counters.lock(connection, db, account, terms.limits, now)
    refused = _refuse(connection, db, locked, account, from_picos(picos or 0), now)
    if refused is not None:
        return refused
    paid = intent.candidate.payment is Payment.GATEWAY
    credit_limit = limit_for(terms.limits, Scope.PREPAID, account) if paid else None
    shares: tuple[tuple[int, int], ...] = ()
    if credit_limit is not None:
        granted = prepaid.hold(connection, db, credit_limit, account, picos, now)
        if isinstance(granted, str):
            return _Refused(Scope.PREPAID, granted)
        shares = granted
    counters.hold(connection, locked, picos or 0)
    row = {
        **opened_call(reservation, picos, intent, terms, now),
        "prepaid": account.subject(Scope.PREPAID) if credit_limit is not None else None,
    }
    call_id = connection.execute(_OPEN, row).scalar_one()
    counters.remember(connection, call_id, locked)
    if shares:
        connection.execute(
            credit_holds.insert(),
            [{"call_id": call_id, "credit_id": i, "amount_picos": share} for i, share in shares],
        )
    return None


def _refuse(
    connection: Connection,
    db: Database,
    locked: Sequence[Counter],
    account: Account,
    amount: Decimal,
    now: datetime,
) -> _Refused | None:
    order = list(Scope)
    for counter in sorted(locked, key=lambda it: order.index(it.limit.scope) if it.limit else 0):
        limit = counter.limit
        if limit is None or counter.standing.fits(amount, limit.amount):
            continue
        # A full limit is only ever seen by the call that did not fit.
        gauge = counters.gauge_of(limit, account, counter.standing, now)
        record_alerts(connection, db, gauge, now, refused=True)
        return _Refused(limit.scope, refusal(limit, account, counter.standing, amount, now))
    return None


def _close(connection: Connection, db: Database, closing: _Closing) -> None:
    row = connection.execute(_BY_RESERVATION, {"it": closing.reservation}).one_or_none()
    if row is None:
        raise LedgerUnavailable(f"the ledger has no reservation {closing.reservation}: was the database replaced?")
    if row.state not in ((CallState.HELD, CallState.UNCONFIRMED) if closing.only is None else (closing.only,)):
        return
    reserved = row.reserved_picos or 0
    # A bill that was not seen of a call that promised nothing: its price is unknown, and it stays so.
    unseen = closing.cost is None and (reserved > 0 or closing.only is CallState.HELD)
    state = CallState.UNCONFIRMED if unseen else CallState.SETTLED
    was_held = row.state == CallState.HELD
    if not unseen:
        freed = {"held" if was_held else "unconfirmed": -reserved}
        counters.move(connection, db, row.id, spent=closing.cost or 0, **freed)
        prepaid.charge(connection, row, closing.cost or 0, closing.now)
    elif was_held:
        counters.move(connection, db, row.id, held=-reserved, unconfirmed=reserved)
    values = {**closing.values, "state": state.value, "cost_picos": closing.cost}
    connection.execute(_CLOSE, {**values, "closed_at": to_micros(closing.now), "call": row.id})
    counters.alert(connection, db, row.id, closing.now, fell=not was_held)
    if row.prepaid is not None:
        prepaid.alert(connection, db, row.prepaid, closing.now)
