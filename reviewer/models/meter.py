"""The seam to the money: a reservation before every HTTP call, a settlement after it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from policies.words import Tier
from reviewer.models.model import Call, Candidate, Stage


@dataclass(frozen=True, slots=True)
class CallIntent:
    """What is about to be asked, for the row that a reservation writes."""

    unit: str
    stage: Stage
    tier: Tier
    candidate: Candidate
    attempt: int


class Meter(Protocol):
    """Who may say no before money is spent, and writes down what was spent."""

    def reserve(self, *, amount: Decimal | None, call: CallIntent) -> str:
        """Reserve US dollars against every limit that applies and return the reservation's id.

        `amount` None is an unknown price: allowed only where no money limit applies or policy says so, else
        BudgetRefused(rule="unknown-price"). Raises BudgetRefused, or LedgerUnavailable: then nothing is called.
        """
        ...

    def settle(self, reservation: str, call: Call) -> None:
        """Write the call and its cost, and free the rest of the reservation, in one transaction."""
        ...


class NullMeter:
    """No limits; remembers every call, in order of settlement."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.open: dict[str, Decimal | None] = {}
        self._lock = threading.Lock()
        self._count = 0

    def reserve(self, *, amount: Decimal | None, call: CallIntent) -> str:  # noqa: ARG002 - the protocol's
        """Grant anything."""
        with self._lock:
            self._count += 1
            reservation = str(self._count)
            self.open[reservation] = amount
        return reservation

    def settle(self, reservation: str, call: Call) -> None:
        """Remember the call."""
        with self._lock:
            self.open.pop(reservation, None)
            self.calls.append(call)
