"""LedgerMeter: the money of one run, as the models see it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import uuid4

from policies.budgets import Account, Limit
from reviewer.errors import LedgerUnavailable
from reviewer.ledger.keys import Lease
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.money import HOLD
from reviewer.models.meter import CallIntent
from reviewer.models.model import Call

# A bill that is known must not be forgotten because the database restarts: seconds between the attempts.
SETTLE_WAITS: Final = (0.1, 0.5, 1.0, 2.0, 4.0)


class LedgerMeter:
    """Reserves and settles one run's calls in the ledger; safe between threads.

    `review_id` is None before a push. With a `lease`, a worker that lost its review cannot pay for another call.
    """

    def __init__(
        self,
        ledger: Ledger,
        review_id: int | None,
        limits: Sequence[Limit],
        account: Account,
        now: Callable[[], datetime],
        *,
        lease: Lease | None = None,
        hold: timedelta = HOLD,
        allow_unknown_price: bool = False,
        new_id: Callable[[], str] = lambda: uuid4().hex,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.ledger = ledger
        self.review_id = review_id
        self.limits = tuple(limits)
        self.account = account
        self.lease = lease
        self._now = now
        self._hold = hold
        self._allow_unknown_price = allow_unknown_price
        self._new_id = new_id
        self._sleep = sleep

    def reserve(self, *, amount: Decimal | None, call: CallIntent) -> str:
        """Reserve US dollars against every limit of the run and return the reservation's id.

        Raises BudgetRefused, LeaseLost or LedgerUnavailable: then nothing may be called.
        """
        reservation = self._new_id()
        self.ledger.money.reserve(
            reservation,
            amount=amount,
            intent=call,
            account=self.account,
            limits=self.limits,
            now=self._now(),
            review_id=self.review_id,
            lease=self.lease,
            hold=self._hold,
            allow_unknown_price=self._allow_unknown_price,
        )
        return reservation

    def settle(self, reservation: str, call: Call) -> None:
        """Write the call and its cost and free the rest, trying for some seconds where the ledger does not answer.

        LedgerUnavailable where it still does not: then the reservation expires into unconfirmed money.
        """
        for wait in (*SETTLE_WAITS, None):
            try:
                return self.ledger.money.settle(reservation, call, self._now())
            except LedgerUnavailable:
                if wait is None:
                    raise
                self._sleep(wait)
        return None
