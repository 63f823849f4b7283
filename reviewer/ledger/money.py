"""Money: reserve a call's worst case against every limit at once, settle by the bill, keep what nobody saw.

A call is one row of `calls` from its reservation on. It is `held` until it is `settled` (the provider's bill is
known, or its price never was), `released` (it was never sent), or `unconfirmed`: it may have been billed and nobody
saw the bill. Unconfirmed money counts against every limit at the worst case until a late settlement, or the
provider's books, say what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from policies.budgets import Account, Limit, Scope, Standing, dollars, limit_for, refusal
from policies.words import Payment
from reviewer.errors import BudgetRefused, LedgerUnavailable
from reviewer.ledger import counters, prepaid
from reviewer.ledger.alerts import record_alerts
from reviewer.ledger.counters import Counter
from reviewer.ledger.database import Database
from reviewer.ledger.fence import check_fence
from reviewer.ledger.keys import Lease
from reviewer.ledger.tables import calls as c
from reviewer.ledger.tables import credit_holds
from reviewer.ledger.units import clean, from_micros, from_picos, to_micros, to_picos
from reviewer.models.meter import CallIntent
from reviewer.models.model import Call

# Longer than any call may take; after it, the worker that holds the reservation is taken for dead.
HOLD: Final = timedelta(minutes=15)
EXPIRE_BATCH: Final = 200
UNKNOWN_PRICE: Final = "unknown-price"
# Built once: building a statement costs more than running it.
_OPEN: Final = insert(c).returning(c.c.id)
_BY_RESERVATION: Final = select(c).where(c.c.reservation == bindparam("it")).with_for_update()
_CLOSE: Final = update(c).where(c.c.id == bindparam("call"))


class CallState(StrEnum):
    """Where a call's money is."""

    HELD = "held"
    SETTLED = "settled"
    RELEASED = "released"
    UNCONFIRMED = "unconfirmed"


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
class _Refused:
    rule: str
    message: str


class Money:
    """The account book: what is promised, what is paid, and what is left."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def reserve(
        self,
        reservation: str,
        *,
        amount: Decimal | None,
        intent: CallIntent,
        account: Account,
        limits: Sequence[Limit],
        now: datetime,
        review_id: int | None = None,
        lease: Lease | None = None,
        hold: timedelta = HOLD,
        allow_unknown_price: bool = False,
    ) -> None:
        """Promise `amount` US dollars, the call's worst case, against every limit that binds the account, or none.

        `amount` None is an unknown price: it promises nothing and is refused under any limit unless allowed.
        Raises BudgetRefused with the limit's scope, or "unknown-price", as its rule; LeaseLost where `lease` is
        stale; LedgerUnavailable. In each case the call must not be made.
        """
        picos = 0 if amount is None else to_picos(amount, up=True)
        if amount is None and not allow_unknown_price:
            _refuse_unknown_price(intent, limits, account)

        def work(connection: Connection) -> _Refused | None:
            if lease is not None:
                check_fence(connection, lease)
            locked = counters.lock(connection, self.db, account, limits, now)
            refused = _refuse(connection, self.db, locked, account, from_picos(picos), now)
            if refused is not None:
                return refused
            credit_limit = None
            if intent.candidate.payment is Payment.GATEWAY:
                credit_limit = limit_for(limits, Scope.PREPAID, account)
            shares: tuple[tuple[int, int], ...] = ()
            if credit_limit is not None and picos:
                granted = prepaid.hold(connection, credit_limit, account, from_picos(picos), now)
                if isinstance(granted, str):
                    prepaid.alert(connection, self.db, account, now, refused=True)
                    return _Refused(Scope.PREPAID, granted)
                shares = granted
            counters.hold(connection, locked, picos)
            call_id = connection.execute(
                _OPEN,
                {
                    "reservation": reservation,
                    "state": CallState.HELD.value,
                    "review_id": review_id,
                    "run": account.run,
                    "pull_request": account.pull_request,
                    "actor": account.user,
                    "repository": account.repository,
                    "organisation": account.organisation,
                    "reserved_picos": None if amount is None else picos,
                    "unit": intent.unit,
                    "stage": intent.stage.value,
                    "tier": int(intent.tier),
                    "provider": intent.candidate.provider,
                    "model": intent.candidate.model,
                    "payment": intent.candidate.payment.value,
                    "attempt": intent.attempt,
                    "opened_at": to_micros(now),
                    "expires_at": to_micros(now + hold),
                },
            ).scalar_one()
            counters.remember(connection, call_id, locked)
            if shares:
                connection.execute(
                    credit_holds.insert(),
                    [{"call_id": call_id, "credit_id": i, "amount_picos": share} for i, share in shares],
                )
            return None

        refused = self.db.write(work)
        if refused is not None:
            raise BudgetRefused(refused.message, rule=refused.rule)

    def settle(self, reservation: str, call: Call, now: datetime) -> None:
        """Write what a call was and cost and free the rest, in one transaction; a second time changes nothing.

        A bill above the reservation is booked in full. `call.cost` None with a price that was known means that
        the bill was not seen, and so does a figure that is no amount of money: the worst case stays counted as
        unconfirmed. A settlement that comes after the
        reservation expired replaces what was unconfirmed.
        """
        values = {
            "unit": call.unit,
            "stage": call.stage.value,
            "tier": int(call.tier),
            "provider": call.provider,
            "model": call.model,
            "payment": call.payment.value,
            "attempt": call.attempt,
            "input_tokens": call.usage.input,
            "cache_read_tokens": call.usage.cache_read,
            "cache_write_tokens": call.usage.cache_write,
            "output_tokens": call.usage.output,
            "reasoning_tokens": call.usage.reasoning,
            "latency_ms": call.latency_ms,
            "started_ms": call.started_ms,
            "ok": call.ok,
            "cached_result": call.cached_result,
            "estimated": call.estimated,
            "computed_picos": _bill(call.computed_cost),
            "failed_check": None if call.failed_check is None else call.failed_check.value,
            "error": clean(call.error),
            "request_id": clean(call.request_id),
        }
        cost = _bill(call.cost)
        self.db.write(lambda connection: _close(connection, self.db, reservation, cost, now, values))

    def release(self, reservation: str, now: datetime, *, reason: str = "never sent") -> None:
        """Give back the whole of a reservation whose call was certainly never sent."""
        values = {"error": reason}
        state = CallState.RELEASED
        self.db.write(lambda connection: _close(connection, self.db, reservation, 0, now, values, state))

    def confirm(self, reservation: str, cost: Decimal, now: datetime) -> None:
        """Replace an unconfirmed amount by what the provider's own books say, zero where they have no such call."""
        picos = to_picos(cost)
        self.db.write(lambda connection: _close(connection, self.db, reservation, picos, now, {}))

    def expire(self, now: datetime, limit: int = EXPIRE_BATCH, *, review_id: int | None = None) -> int:
        """Turn reservations of dead workers into unconfirmed money; return how many there were.

        With `review_id` every reservation of that review, run out or not: for whoever has just taken its lease
        over, so that a bill of the attempt before is not left out of the sum that people read.
        """
        dead = c.c.expires_at <= to_micros(now) if review_id is None else c.c.review_id == review_id
        query = select(c.c.reservation).where(c.c.state == CallState.HELD.value, dead).order_by(c.c.id).limit(limit)
        due = self.db.read(lambda connection: connection.execute(query).scalars().all())
        values = {"error": "the worker died before it saw the bill"}
        for reservation in due:
            # One transaction each: counters are always locked in one order, and a settlement may come between.
            self.db.write(
                lambda connection, it=reservation: _close(  # type: ignore[misc]
                    connection, self.db, it, None, now, values, CallState.UNCONFIRMED, only=CallState.HELD
                )
            )
        return len(due)

    def unconfirmed(self, limit: int = 1000) -> tuple[Unconfirmed, ...]:
        """Return the calls whose bill nobody saw, oldest first, to look up in the provider's books."""
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


def _bill(cost: Decimal | None) -> int | None:
    # Gateways have been seen to report negative costs; such a figure must not free money.
    try:
        return None if cost is None else to_picos(cost)
    except ValueError:
        return None


def _refuse_unknown_price(intent: CallIntent, limits: Sequence[Limit], account: Account) -> None:
    # A default may not shut out a model that somebody set up; what it cost is then told as unknown.
    stated = [limit for limit in limits if not limit.shipped]
    bound = next((limit for scope in Scope if (limit := limit_for(stated, scope, account))), None)
    if bound is not None:
        raise BudgetRefused(
            f"nobody knows what {intent.candidate.name} costs, so the {bound.scope.words} of "
            f"{dollars(bound.amount)} cannot be kept; name a model with a price, or allow unknown prices",
            rule=UNKNOWN_PRICE,
        )


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
        record_alerts(connection, db, limit, account, counter.standing, now, refused=True)
        return _Refused(limit.scope, refusal(limit, account, counter.standing, amount, now))
    return None


def _close(
    connection: Connection,
    db: Database,
    reservation: str,
    cost: int | None,
    now: datetime,
    values: dict[str, Any],
    state: CallState = CallState.SETTLED,
    *,
    only: CallState | None = None,
) -> None:
    row = connection.execute(_BY_RESERVATION, {"it": reservation}).one_or_none()
    if row is None:
        raise LedgerUnavailable(f"the ledger has no reservation {reservation}: was the database replaced?")
    if row.state not in ((CallState.HELD, CallState.UNCONFIRMED) if only is None else (only,)):
        return
    reserved = row.reserved_picos or 0
    if cost is None and reserved > 0:
        state = CallState.UNCONFIRMED
    account = Account(row.run, row.pull_request, row.actor, row.repository, row.organisation)
    was_held = row.state == CallState.HELD
    if state is not CallState.UNCONFIRMED:
        freed = {"held" if was_held else "unconfirmed": -reserved}
        counters.move(connection, db, row.id, spent=cost or 0, **freed)
        if prepaid.charge(connection, row.id, cost or 0):
            prepaid.alert(connection, db, account, now)
    elif was_held:
        counters.move(connection, db, row.id, held=-reserved, unconfirmed=reserved)
    values = {**values, "state": state.value, "cost_picos": cost, "closed_at": to_micros(now), "call": row.id}
    connection.execute(_CLOSE, values)
    counters.alert(connection, db, account, row.id, now)
