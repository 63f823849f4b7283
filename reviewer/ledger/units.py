"""How amounts and moments are stored: whole millionths of a millionth of a dollar, whole microseconds of UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Final

from policies.budgets import MAX_AMOUNT, round_bill, round_hold

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_EXACT: Final = Context(prec=60)
# What a signed 64-bit column holds without rounding, 9.2 million dollars; a sum may pass MAX_AMOUNT.
MAX_PICOS: Final = 2**63 - 1


def to_picos(amount: Decimal, *, up: bool = False) -> int:
    """Store an amount of US dollars, exact to 1e-12; `up` rounds what is finer away from zero, for holds.

    ValueError for an amount that is negative, not a number, or above what the ledger counts.
    """
    if not amount.is_finite() or not 0 <= amount <= MAX_AMOUNT:
        raise ValueError(f"{amount} is not an amount of US dollars from 0 to {MAX_AMOUNT}")
    rounded = round_hold(amount) if up else round_bill(amount)
    return int(rounded.scaleb(12, context=_EXACT))


def from_picos(picos: int | Decimal) -> Decimal:
    """Read a stored amount, or a sum of them, as US dollars."""
    return Decimal(int(picos)).scaleb(-12, context=_EXACT) if picos else Decimal(0)


def to_micros(moment: datetime) -> int:
    """Store a moment; ValueError for one without a time zone, which would be a guess."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Read a stored moment as UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def clean(text: str) -> str:
    """Make any text storable: PostgreSQL refuses NUL, and a lone surrogate is no UTF-8; both become U+FFFD."""
    return text.replace("\0", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")
