"""LedgerMeter: the money of one run, as the models see it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from reviewer.errors import LedgerUnavailable
from reviewer.ledger.terms import Terms
from reviewer.models.meter import CallIntent
from reviewer.models.model import Call

# A bill that is known must not be forgotten because the database restarts: seconds between the attempts.
SETTLE_WAITS: Final = (0.1, 0.5, 1.0, 2.0, 4.0)


class Book(Protocol):
    """Where reservations are kept: the service's ledger, or the one of this machine."""

    def reserve(
        self, reservation: str, amount: Decimal | None, intent: CallIntent, terms: Terms, now: datetime
    ) -> None:
        """Promise US dollars, or raise BudgetRefused, LeaseLost or LedgerUnavailable."""

    def settle(self, reservation: str, call: Call, now: datetime) -> None:
        """Write what a call was and cost, and free the rest."""


class LedgerMeter:
    """Reserves and settles one run's calls in the ledger; safe between threads."""

    def __init__(
        self,
        money: Book,
        terms: Terms,
        now: Callable[[], datetime],
        *,
        new_id: Callable[[], str] = lambda: os.urandom(16).hex(),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._money = money
        self._terms = terms
        self._now = now
        self._new_id = new_id
        self._sleep = sleep

    def reserve(self, *, amount: Decimal | None, call: CallIntent) -> str:
        """Reserve US dollars against every limit of the run and return the reservation's id.

        Raises BudgetRefused, LeaseLost or LedgerUnavailable: then nothing may be called.
        """
        reservation = self._new_id()
        self._money.reserve(reservation, amount, call, self._terms, self._now())
        return reservation

    def settle(self, reservation: str, call: Call) -> None:
        """Write the call and its cost and free the rest, trying for some seconds where the ledger does not answer.

        LedgerUnavailable where it still does not: then the reservation expires into unconfirmed money.
        """
        for wait in (*SETTLE_WAITS, None):
            try:
                return self._money.settle(reservation, call, self._now())
            except LedgerUnavailable:
                if wait is None:
                    raise
                self._sleep(wait)
        return None
