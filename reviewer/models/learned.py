"""What a review has learned about each model: how to ask it, how much its server reads, how much dearer it is."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import ROUND_UP, Decimal

from reviewer.models.manner import Manner, next_manner
from reviewer.models.model import Candidate
from reviewer.models.protocols import modes_of
from reviewer.models.table import Dialect, shipped_table


class Learned:
    """Shared between the threads of a review, so that what one unit was refused no other unit asks for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._manners: dict[str, Manner] = {}
        self._windows: dict[str, int] = {}
        self._dearer: dict[str, Decimal] = {}

    def manner(self, candidate: Candidate) -> Manner:
        """Return how a model is asked now."""
        with self._lock:
            return self._manners.get(candidate.name) or Manner(modes_of(candidate)[0])

    def refused(self, candidate: Candidate, asked: Manner, named: frozenset[str], *, last: bool) -> bool:
        """Change how a model is asked after it refused what `asked` holds; False where nothing is left to change.

        `last` says that one attempt of the question is left.
        """
        changed = next_manner(asked, named, modes_of(candidate), last=last)
        if changed is None:
            return False
        with self._lock:
            current = self._manners.get(candidate.name)
            # Another thread may have learned more from the same refusal.
            if current is None or current == asked or last:
                self._manners[candidate.name] = changed
        return True

    def dialect(self, candidate: Candidate, manner: Manner) -> Dialect:
        """Return what the provider of a model accepts."""
        dialect = shipped_table().dialect(candidate.provider)
        return replace(dialect, output_limit=manner.output_limit) if manner.output_limit else dialect

    def window(self, candidate: Candidate) -> int:
        """Return the most tokens of prompt that a model's server is known to read."""
        with self._lock:
            return min(candidate.context_window, self._windows.get(candidate.name, candidate.context_window))

    def cut(self, candidate: Candidate, counted: int) -> None:
        """Note that a server read only so many tokens of a prompt."""
        with self._lock:
            self._windows[candidate.name] = min(counted, self._windows.get(candidate.name, counted))

    def dearer(self, candidate: Candidate) -> Decimal:
        """Return how many times its price a model was seen to cost at most, at least 1: reservations grow by it."""
        with self._lock:
            return self._dearer.get(candidate.name, Decimal(1))

    def billed(self, candidate: Candidate, cost: Decimal | None, computed: Decimal | None) -> None:
        """Note what a provider billed beside what its price says."""
        if cost is not None and computed is not None and cost > computed > 0:
            with self._lock:
                times = (cost / computed).quantize(Decimal("0.001"), ROUND_UP)
                self._dearer[candidate.name] = max(times, self._dearer.get(candidate.name, Decimal(1)))
