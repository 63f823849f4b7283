"""Terms of a run's calls, and the columns of a call's row: what every ledger writes. No database is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from policies.budgets import Account, Limit, Scope, dollars, limit_for
from policies.words import Payment
from reviewer.errors import BudgetRefused
from reviewer.ledger.conceal import Conceal
from reviewer.ledger.keys import Lease
from reviewer.ledger.units import clean, to_micros, to_picos
from reviewer.models.meter import CallIntent
from reviewer.models.model import Call

# Longer than any call may take; after it, the worker that holds the reservation is taken for dead.
HOLD: Final = timedelta(minutes=15)
UNKNOWN_PRICE: Final = "unknown-price"


class CallState(StrEnum):
    """Where a call's money is."""

    HELD = "held"
    SETTLED = "settled"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every call of one run: whom it is counted against, and the limits.

    `review_id` is None before a push. With a `lease`, a worker that lost its review pays for no further call.
    After `hold` the worker that made a reservation is taken for dead.
    """

    account: Account
    limits: Sequence[Limit] = ()
    review_id: int | None = None
    lease: Lease | None = None
    hold: timedelta = HOLD
    allow_unknown_price: bool = False


def refuse_unknown_price(intent: CallIntent, terms: Terms) -> None:
    """Raise BudgetRefused where a limit that is set binds the run: a call without a price cannot be held to it."""
    # A default limit does not refuse a model that is set up; what it cost is then shown as unknown.
    stated = [limit for limit in terms.limits if not limit.shipped]
    bound = next((limit for scope in Scope if (limit := limit_for(stated, scope, terms.account))), None)
    if bound is not None:
        raise BudgetRefused(
            f"the price of {intent.candidate.name} is unknown, so the {bound.scope.words} of "
            f"{dollars(bound.amount)} cannot be kept; name a model with a price, or allow unknown prices",
            rule=UNKNOWN_PRICE,
        )


def opened_call(
    reservation: str, picos: int | None, intent: CallIntent, terms: Terms, now: datetime
) -> dict[str, object]:
    """Return the columns of a call that is about to be made; `picos` is its worst case, None where unknown."""
    account = terms.account
    return {
        "reservation": reservation,
        "state": CallState.HELD.value,
        "review_id": terms.review_id,
        "run": account.run,
        "pull_request": account.pull_request,
        "actor": account.user,
        "repository": account.repository,
        "organisation": account.organisation,
        "repository_id": account.repository_id,
        "organisation_id": account.organisation_id,
        "reserved_picos": picos,
        "unit": intent.unit,
        "stage": intent.stage.value,
        "tier": int(intent.tier),
        "provider": intent.candidate.provider,
        "model": intent.candidate.model,
        "payment": intent.candidate.payment.value,
        "attempt": intent.attempt,
        "opened_at": to_micros(now),
        "expires_at": to_micros(now + terms.hold),
    }


def closed_call(call: Call, conceal: Conceal) -> dict[str, object]:
    """Return the columns that say what a call was."""
    return {
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
        "computed_picos": _amount(call.computed_cost),
        "failed_check": None if call.failed_check is None else call.failed_check.value,
        "error": clean(conceal(call.error)),
        "request_id": clean(call.request_id),
    }


def bill(call: Call) -> int | None:
    """Return what the provider billed in 1e-12 dollars, None where the bill did not arrive."""
    guessed = call.estimated and not call.ok and call.cost == call.computed_cost
    if guessed and call.payment is not Payment.LOCAL:
        return None
    return _amount(call.cost)


def _amount(cost: Decimal | None) -> int | None:
    # Gateways have been seen to report negative costs; such a figure must not free money.
    try:
        return None if cost is None else to_picos(cost)
    except ValueError:
        return None
