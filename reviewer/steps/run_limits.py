"""RunLimits: what the units of one review use up together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class RunLimits:
    """Time and escalations of one review, shared by its threads. `stopped` is why nothing more is asked, "" if not.

    `clock` gives monotonic seconds.
    """

    seconds: float = float("inf")
    clock: Callable[[], float] = time.monotonic
    started: float = field(default_factory=time.monotonic)
    escalations: int = 0
    stopped: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def out_of_time(self) -> str:
        """Return the sentence that says the time is over, "" while it is not."""
        if self.clock() - self.started < self.seconds:
            return ""
        return f"not asked within the {self.seconds:g} s of one review (caps.max_seconds)"

    def take_escalation(self, most: int) -> bool:
        """Count one escalation, False where `most` are used already."""
        with self.lock:
            if self.escalations >= most:
                return False
            self.escalations += 1
            return True

    def elapsed_ms(self) -> int:
        """Return the milliseconds since the review began."""
        return round((self.clock() - self.started) * 1000)
