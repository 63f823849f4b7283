"""Prepaid credit of an organisation: what is left, which credit pays for a call, and why one is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from policies.budgets import ZERO, Account, Limit, Scope, dollars


class CreditKind(StrEnum):
    """How a credit came to be."""

    PURCHASE = "purchase"
    BONUS = "bonus"


@dataclass(frozen=True, slots=True)
class Credit:
    """Prepaid money of an organisation. `remaining` excludes what is spent, `held` is promised to calls."""

    id: int
    kind: CreditKind
    remaining: Decimal
    held: Decimal = ZERO
    expires_at: datetime | None = None

    def free(self, now: datetime) -> Decimal:
        """Return what a new call may take: nothing from the moment it expires."""
        if self.expires_at is not None and self.expires_at <= now:
            return ZERO
        return max(ZERO, self.remaining - self.held)


def balance(account: Iterable[Credit], now: datetime) -> Decimal:
    """Add up what is free and not expired."""
    return sum((credit.free(now) for credit in account), ZERO)


def allocate(account: Iterable[Credit], amount: Decimal, now: datetime) -> tuple[tuple[int, Decimal], ...] | None:
    """Return which credit gives how much, None where the balance is too small.

    What expires first is used first, a bonus before a purchase, so that no paid money lapses behind free money.
    """
    shares: list[tuple[int, Decimal]] = []
    wanted = amount
    for credit in sorted(account, key=spending_order):
        if wanted <= 0:
            break
        share = min(wanted, credit.free(now))
        if share > 0:
            shares.append((credit.id, share))
            wanted -= share
    return None if wanted > 0 else tuple(shares)


def spending_order(credit: Credit) -> tuple[bool, datetime, bool, int]:
    """Return what credits are sorted by before they are spent: expiry, then a bonus before a purchase, then age."""
    never = datetime.max.replace(tzinfo=UTC)
    return (
        credit.expires_at is None,
        credit.expires_at or never,
        credit.kind is CreditKind.PURCHASE,
        credit.id,
    )


def prepaid_refusal(limit: Limit, account: Account, left: Decimal, amount: Decimal | None) -> str:
    """Say that the prepaid balance does not cover a call; `left` is below zero where money is owed.

    `amount` None is a call of unknown price, which an empty balance refuses too.
    """
    owner = account.name(Scope.PREPAID)
    kept = f", of which {dollars(limit.amount)} must stay" if limit.amount else ""
    stands = f"{dollars(left)} left{kept}" if left >= 0 else f"{dollars(-left)} is owed"
    wanted = "the price of this call is unknown" if amount is None else f"this call may cost {dollars(amount)}"
    return (
        f"the prepaid balance of {owner} is too small: {stands}, {wanted}; buy credit or choose a cheaper strategy"
    )
