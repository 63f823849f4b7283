"""The time limits of one call: connect, first token, between tokens, total."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds. A keep-alive byte is no token: limits count what the model says.

    `after_end` is what a finished answer is waited on for its usage.

    Models that reason in silence take minutes to their first token, so that limit is the widest of the phases.
    """

    connect: float = 10.0
    write: float = 30.0
    first_token: float = 180.0
    between_tokens: float = 60.0
    after_end: float = 3.0
    total: float = 600.0


class PhaseClock:
    """Says how long the next read may wait, and why it may not wait longer."""

    def __init__(
        self,
        limits: TimeLimits,
        monotonic: Callable[[], float] = time.monotonic,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._stopped = stopped
        self._started = self._heard = monotonic()
        self._talking = self._ended = False

    def ended(self) -> None:
        """Note that the model has finished: only its usage is still to come."""
        if not self._ended:
            self._ended = True
            self._heard = self._monotonic()

    def token(self) -> None:
        """Note that the model said something."""
        self._talking = True
        self._heard = self._monotonic()

    def left(self) -> float:
        """Return the seconds until the next limit; 0 or less when one has passed, or when everything stops."""
        if self._stopped():
            return 0.0
        now = self._monotonic()
        phase = self._limits.between_tokens if self._talking else self._limits.first_token
        if self._ended:
            phase = min(phase, self._limits.after_end)
        return min(self._limits.total - (now - self._started), phase - (now - self._heard))

    def reason(self) -> str:
        """Name the limit that has passed, or comes next."""
        if self._stopped():
            return "stopped"
        now = self._monotonic()
        phase = self._limits.between_tokens if self._talking else self._limits.first_token
        if self._limits.total - (now - self._started) <= phase - (now - self._heard):
            return f"not done after {self._limits.total:g} s"
        if self._talking:
            return f"silent for {self._limits.between_tokens:g} s in the middle of an answer"
        return f"no first token after {self._limits.first_token:g} s"


_running = threading.local()


@contextmanager
def clocked(clock: PhaseClock) -> Iterator[PhaseClock]:
    """Let the socket reads of this thread obey a clock, for as long as the block runs."""
    _running.clock = clock
    try:
        yield clock
    finally:
        _running.clock = None


def running_clock() -> PhaseClock | None:
    """Return the clock of this thread's call, None outside of one."""
    return getattr(_running, "clock", None)
