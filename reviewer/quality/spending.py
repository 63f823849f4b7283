"""What a run of the bench may spend: one cap over all cases, answers from recordings free of charge."""

from __future__ import annotations

import threading
from collections.abc import Collection
from decimal import Decimal

from reviewer.errors import BudgetRefused
from reviewer.models.meter import CallIntent
from reviewer.models.model import Call


class Spending:
    """A meter with a cap in US dollars, None for no cap. Safe for several threads.

    `spent` is what was paid, None once a price was unknown; `replayed` holds the ids of calls that a recording
    answered. A call without a known price is refused where there is a cap.
    """

    def __init__(self, cap: Decimal | None, replayed: Collection[str]) -> None:
        self.cap = cap
        self.spent: Decimal | None = Decimal(0)
        self._paid = Decimal(0)
        self._replayed = replayed
        self._held: dict[str, Decimal] = {}
        self._lock = threading.Lock()
        self._count = 0

    def reserve(self, *, amount: Decimal | None, call: CallIntent) -> str:
        """Reserve the most that a call may cost; BudgetRefused where the cap would be passed."""
        with self._lock:
            if self.cap is not None:
                if amount is None:
                    raise BudgetRefused(
                        f"{call.candidate.name} has no known price, and --max-cost needs one", rule="unknown-price"
                    )
                left = self.cap - self._paid - sum(self._held.values(), Decimal(0))
                if amount > left:
                    raise BudgetRefused(
                        f"--max-cost {self.cap} is reached: {self._paid:.4f} spent, a call may cost {amount:.4f}",
                        rule="max-cost",
                    )
            self._count += 1
            reservation = f"bench-{id(self)}-{self._count}"
            self._held[reservation] = amount or Decimal(0)
            return reservation

    def settle(self, reservation: str, call: Call) -> None:
        """Count what a call cost."""
        with self._lock:
            self._held.pop(reservation, None)
            if reservation in self._replayed:
                return
            if call.cost is None:
                self.spent = None
                return
            self._paid += call.cost
            if self.spent is not None:
                self.spent += call.cost
