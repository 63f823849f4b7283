"""Count the deliveries of this web process by event and decision: the ledger keeps no ignored one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

from webhooks.triggers import EVENTS

# Status, JSON fields and further headers of an answer.
Answer = tuple[int, dict[str, object], list[tuple[str, str]]]

# An unsigned request names any event it likes: whatever we do not know is one word.
OTHER: Final = "other"
DECISIONS: Final = ("taken", "joined", "ignored", "refused", "failed")


class DeliveryCounts:
    """How many deliveries of which event were decided how since the process started. Thread-safe."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._lock = threading.Lock()

    def add(self, event: str, answer: Answer) -> None:
        """Count one answered delivery; `event` is "" where its signature was not right."""
        with self._lock:
            self._counts[event if event in (*EVENTS, "ping") else OTHER, decision(answer)] += 1

    def read(self) -> Mapping[tuple[str, ...], int]:
        """Return the counts by event and decision."""
        with self._lock:
            return dict(self._counts)


def decision(answer: Answer) -> str:
    """Return which of DECISIONS an answer is: taken as new work, joined to known work, ignored, refused, failed."""
    status, fields, _headers = answer
    if status >= 500:
        return "failed"
    if status >= 400:
        return "refused"
    if "ignored" in fields:
        return "ignored"
    return "taken" if fields.get("created") else "joined"
