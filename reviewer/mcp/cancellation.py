"""Cancellation: whether a caller still wants a review. A cancelled one spends nothing more."""

from __future__ import annotations

import threading

from reviewer.errors import Cancelled
from reviewer.jobs.models import Models


class Cancellation:
    """Shared by the call of a tool and the thread that works for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._models: list[Models] = []

    def attach(self, models: Models) -> None:
        """Name the models that are to stop; raises Cancelled where the caller has left already."""
        with self._lock:
            self._models.append(models)
        self.check()

    def cancel(self) -> None:
        """End the model calls under way, and refuse what comes."""
        with self._lock:
            self._cancelled = True
            models = tuple(self._models)
        for each in models:
            each.client.stop()

    def check(self) -> None:
        """Raise Cancelled where the caller has left."""
        with self._lock:
            if self._cancelled:
                raise Cancelled
