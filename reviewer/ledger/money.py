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

from sqlalchemy import Connection, Row, and_, or_, select, tuple_, update

from policies.budgets import COUNTED, Account, Limit, Scope, Standing, dollars, limit_for, refusal, window
from policies.words import Payment
from reviewer.errors import BudgetRefused, LeaseLost, LedgerUnavailable
from reviewer.ledger import prepaid
from reviewer.ledger.alerts import record_alerts
from reviewer.ledger.database import Database
from reviewer.ledger.keys import UNFINISHED, Lease
from reviewer.ledger.tables import calls as c
from reviewer.ledger.tables import counters as k
from reviewer.ledger.tables import credit_holds, reviews
from reviewer.ledger.tables import holds as h
from reviewer.ledger.units import clean, from_picos, to_micros, to_picos
from reviewer.models.meter import CallIntent
from reviewer.models.model import Call

# Longer than any call may take; after it, the worker that holds the reservation is taken for dead.
HOLD: Final = timedelta(minutes=15)
EXPIRE_BATCH: Final = 200
UNKNOWN_PRICE: Final = "unknown-price"
_COMMITTED: Final = k.c.spent_picos + k.c.held_picos + k.c.unconfirmed_picos


class CallState(StrEnum):
    """Where a call's money is."""

    HELD = "held"
    SETTLED = "settled"
    RELEASED = "released"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class _Counter:
    id: int
    limit: Limit | None
    standing: Standing


@dataclass(frozen=True, slots=True)
class _Refused:
    rule: str
    message: str


class Money:
    """The account book: what is promised, what is paid, and what is left."""

    db: Database

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
                _check_fence(connection, lease)
            counters = _counters(connection, self.db, account, limits, now)
            refused = _refuse(connection, self.db, counters, account, from_picos(picos), now)
            if refused is not None:
                return refused
            credit_limit = None
            if intent.candidate.payment is Payment.GATEWAY:
                credit_limit = limit_for(limits, Scope.PREPAID, account)
            shares: tuple[tuple[int, int], ...] = ()
            if credit_limit is not None and picos:
                granted = prepaid.hold(connection, credit_limit, account, from_picos(picos), now)
                if isinstance(granted, str):
                    prepaid.alert_refused(connection, self.db, account, now)
                    return _Refused(Scope.PREPAID, granted)
                shares = granted
            _hold(connection, counters, picos)
            call_id = connection.execute(
                c.insert().returning(c.c.id),
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
            connection.execute(h.insert(), [_hold_row(call_id, counter) for counter in counters])
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

    def expire(self, now: datetime, limit: int = EXPIRE_BATCH) -> int:
        """Turn reservations of dead workers into unconfirmed money; return how many there were."""
        at = to_micros(now)
        query = (
            select(c.c.reservation)
            .where(c.c.state == CallState.HELD.value, c.c.expires_at <= at)
            .order_by(c.c.id)
            .limit(limit)
        )
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

    def unconfirmed(self, limit: int = 1000) -> tuple[tuple[str, Decimal], ...]:
        """Return reservations whose bill nobody saw, with their worst case, to look up at the provider."""
        query = (
            select(c.c.reservation, c.c.reserved_picos)
            .where(c.c.state == CallState.UNCONFIRMED.value)
            .order_by(c.c.id)
            .limit(limit)
        )
        rows = self.db.read(lambda connection: connection.execute(query).all())
        return tuple((row.reservation, from_picos(row.reserved_picos or 0)) for row in rows)

    def standing(self, scope: Scope, account: Account, now: datetime) -> Standing:
        """Return how one counter stands in the window of `now`."""
        query = select(k).where(
            k.c.scope == scope.value,
            k.c.subject == account.subject(scope),
            k.c.window == window(scope, now),
        )
        row = self.db.read(lambda connection: connection.execute(query).one_or_none())
        return Standing() if row is None else _standing(row)

    def headroom(self, limits: Sequence[Limit], account: Account, now: datetime) -> Decimal | None:
        """Return how much a run may still promise under all its limits, None where nothing limits it."""
        left = []
        for scope in COUNTED:
            limit = limit_for(limits, scope, account)
            if limit is not None:
                left.append(self.standing(scope, account, now).left(limit.amount))
        limit = limit_for(limits, Scope.PREPAID, account)
        if limit is not None:
            free = self.db.read(lambda connection: prepaid.free(connection, account, now))
            left.append(max(Decimal(0), free - limit.amount))
        return min(left, default=None)


def _bill(cost: Decimal | None) -> int | None:
    # Gateways have been seen to report negative costs; such a figure must not free money.
    try:
        return None if cost is None else to_picos(cost)
    except ValueError:
        return None


def _refuse_unknown_price(intent: CallIntent, limits: Sequence[Limit], account: Account) -> None:
    bound = next((limit for scope in Scope if (limit := limit_for(limits, scope, account))), None)
    if bound is not None:
        raise BudgetRefused(
            f"nobody knows what {intent.candidate.name} costs, so the {bound.scope.words} of "
            f"{dollars(bound.amount)} cannot be kept; name a model with a price, or allow unknown prices",
            rule=UNKNOWN_PRICE,
        )


def _check_fence(connection: Connection, lease: Lease) -> None:
    query = select(reviews.c.fence).where(reviews.c.id == lease.review_id, reviews.c.state.in_(UNFINISHED))
    if connection.execute(query).scalar() != lease.fence:
        raise LeaseLost(f"review {lease.review_id} is not this worker's any more: no further call is paid for")


def _counters(
    connection: Connection, db: Database, account: Account, limits: Sequence[Limit], now: datetime
) -> list[_Counter]:
    """Lock the counters that a run moves, whether limited or not: a limit set tomorrow must know of today."""
    keys = sorted(
        (scope.value, account.subject(scope), window(scope, now)) for scope in COUNTED if account.subject(scope)
    )
    # Always in the order of ids, so that two reservations never wait for each other.
    query = select(k).where(tuple_(k.c.scope, k.c.subject, k.c.window).in_(keys)).order_by(k.c.id).with_for_update()
    rows = connection.execute(query).all()
    if len(rows) < len(keys):
        new = [dict(zip(("scope", "subject", "window"), key, strict=True)) for key in keys]
        connection.execute(db.insert(k).on_conflict_do_nothing(), new)
        rows = connection.execute(query).all()
    return [_Counter(row.id, limit_for(limits, Scope(row.scope), account), _standing(row)) for row in rows]


def _refuse(
    connection: Connection,
    db: Database,
    counters: Sequence[_Counter],
    account: Account,
    amount: Decimal,
    now: datetime,
) -> _Refused | None:
    order = list(Scope)
    for counter in sorted(counters, key=lambda it: order.index(it.limit.scope) if it.limit else 0):
        limit = counter.limit
        if limit is None or counter.standing.fits(amount, limit.amount):
            continue
        # A full limit is only ever seen by the call that did not fit.
        record_alerts(connection, db, limit, account, counter.standing, now, refused=True)
        return _Refused(limit.scope, refusal(limit, account, counter.standing, amount, now))
    return None


def _hold(connection: Connection, counters: Sequence[_Counter], picos: int) -> None:
    """Hold an amount on every counter by one conditional update, which passes no limit whoever else writes."""
    if not picos:
        return
    room = [
        and_(k.c.id == counter.id, _COMMITTED + picos <= to_picos(counter.limit.amount))
        if counter.limit is not None
        else k.c.id == counter.id
        for counter in counters
    ]
    held = connection.execute(update(k).where(or_(*room)).values(held_picos=k.c.held_picos + picos)).rowcount
    if held != len(counters):
        raise LedgerUnavailable("the ledger's counters moved under a lock: the reservation was rolled back")


def _hold_row(call_id: int, counter: _Counter) -> dict[str, object]:
    limit = counter.limit
    return {
        "call_id": call_id,
        "counter_id": counter.id,
        "limit_picos": None if limit is None else to_picos(limit.amount),
        "alerts": "" if limit is None else ",".join(map(str, limit.percents)),
    }


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
    row = connection.execute(select(c).where(c.c.reservation == reservation).with_for_update()).one_or_none()
    if row is None:
        raise LedgerUnavailable(f"the ledger has no reservation {reservation}: was the database replaced?")
    if row.state not in ((CallState.HELD, CallState.UNCONFIRMED) if only is None else (only,)):
        return
    reserved = row.reserved_picos or 0
    if cost is None and row.reserved_picos is not None and reserved > 0:
        state = CallState.UNCONFIRMED
    moves = {"spent_picos": k.c.spent_picos + (cost or 0)}
    source = k.c.held_picos if row.state == CallState.HELD else k.c.unconfirmed_picos
    if state is not CallState.UNCONFIRMED:
        moves[source.name] = source - reserved
        prepaid.charge(connection, row.id, cost or 0)
    elif row.state == CallState.HELD:
        moves |= {
            "held_picos": k.c.held_picos - reserved,
            "unconfirmed_picos": k.c.unconfirmed_picos + reserved,
        }
    # Locked in the order of ids, as a reservation does.
    of_call = select(h.c.counter_id).where(h.c.call_id == row.id)
    connection.execute(select(k.c.id).where(k.c.id.in_(of_call)).order_by(k.c.id).with_for_update())
    connection.execute(update(k).where(k.c.id.in_(of_call)).values(**moves))
    values = {**values, "state": state.value, "cost_picos": cost, "closed_at": to_micros(now)}
    connection.execute(update(c).where(c.c.id == row.id).values(**values))
    _alert(connection, db, row, now)


def _alert(connection: Connection, db: Database, call: Row[Any], now: datetime) -> None:
    account = Account(call.run, call.pull_request, call.actor, call.repository, call.organisation)
    query = select(k, h.c.limit_picos, h.c.alerts).join(h, h.c.counter_id == k.c.id)
    for row in connection.execute(query.where(h.c.call_id == call.id, h.c.limit_picos.is_not(None))).all():
        percents = tuple(int(percent) for percent in row.alerts.split(",") if percent)
        limit = Limit(Scope(row.scope), from_picos(row.limit_picos), alerts=percents)
        record_alerts(connection, db, limit, account, _standing(row), now, window=row.window)
    prepaid.alert(connection, db, account, call.id, now)


def _standing(row: Row[Any]) -> Standing:
    return Standing(from_picos(row.spent_picos), from_picos(row.held_picos), from_picos(row.unconfirmed_picos))
