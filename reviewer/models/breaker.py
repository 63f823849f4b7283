"""A circuit breaker per model, so that one outage costs a few failures and not one per call.

It is per model and not per provider: behind a gateway one overloaded model says nothing about the others, and a
healthy one's answers must not close the breaker of the other.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

# So many failures within the window open the breaker; one probe is let through each time the pause is over.
FAILURES: Final = 5
WINDOW_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 30.0


class Breaker(Protocol):
    """Counts failures by the name of the model (`Candidate.name`)."""

    def wait(self, model: str) -> float:
        """Return 0 where a call may go out now, else the seconds until the next probe.

        Once a pause is over, 0 is returned to one caller per pause: that call is the probe.
        """
        ...

    def succeeded(self, model: str) -> None:
        """Close the breaker."""
        ...

    def failed(self, model: str) -> None:
        """Count a failure; open the breaker where there have been too many."""
        ...


@dataclass(slots=True)
class _State:
    failures: list[float] = field(default_factory=list)
    open_until: float = 0.0


class LocalBreaker:
    """A breaker for the threads of one process."""

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        window: float = WINDOW_SECONDS,
        pause: float = PAUSE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures = failures
        self._window = window
        self._pause = pause
        self._monotonic = monotonic
        self._states: dict[str, _State] = {}
        self._lock = threading.Lock()

    def wait(self, model: str) -> float:
        """Return 0, or the seconds until the next probe."""
        with self._lock:
            state = self._states.get(model)
            if state is None or not state.open_until:
                return 0.0
            now = self._monotonic()
            if now < state.open_until:
                return state.open_until - now
            state.open_until = now + self._pause
            return 0.0

    def succeeded(self, model: str) -> None:
        """Forget the failures."""
        with self._lock:
            self._states.pop(model, None)

    def failed(self, model: str) -> None:
        """Count a failure."""
        with self._lock:
            now = self._monotonic()
            state = self._states.setdefault(model, _State())
            state.failures = [at for at in state.failures if at > now - self._window]
            state.failures.append(now)
            if state.open_until or len(state.failures) >= self._failures:
                state.open_until = now + self._pause


class RedisBreaker:
    """A breaker for every worker that shares a Redis. Without the Redis each process falls back on its own.

    `<prefix>:<model>:failures` counts within the window; `:open` lives for the pause; `:tripped` says that the
    next call after a pause is a probe, and `:probe` that one is under way.
    """

    def __init__(
        self,
        redis: Any,
        *,
        prefix: str = "kilo-review:breaker",
        failures: int = FAILURES,
        window: float = WINDOW_SECONDS,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._failures = failures
        self._window_ms = round(window * 1000)
        self._pause_ms = round(pause * 1000)
        self._own = LocalBreaker(failures=failures, window=window, pause=pause)

    @classmethod
    def at(cls, url: str) -> RedisBreaker:
        """Connect lazily to a Redis by its URL."""
        from redis import Redis  # noqa: PLC0415 - a local review has no Redis and should not import one

        return cls(Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0))

    def _key(self, model: str, name: str) -> str:
        return f"{self._prefix}:{model}:{name}"

    def wait(self, model: str) -> float:
        """Return 0, or the seconds until the next probe."""
        with contextlib.suppress(self._unreachable()):
            left = int(self._redis.pttl(self._key(model, "open")))
            if left > 0:
                return left / 1000
            if not self._redis.exists(self._key(model, "tripped")):
                return 0.0
            probe = self._key(model, "probe")
            if self._redis.set(probe, "1", nx=True, px=self._pause_ms):
                return 0.0
            return max(0.001, int(self._redis.pttl(probe)) / 1000)
        return self._own.wait(model)

    def succeeded(self, model: str) -> None:
        """Forget the failures."""
        self._own.succeeded(model)
        with contextlib.suppress(self._unreachable()):
            self._redis.delete(*(self._key(model, name) for name in ("failures", "open", "tripped", "probe")))

    def failed(self, model: str) -> None:
        """Count a failure."""
        self._own.failed(model)
        with contextlib.suppress(self._unreachable()):
            counter = self._key(model, "failures")
            count = int(self._redis.incr(counter))
            if count == 1:
                self._redis.pexpire(counter, self._window_ms)
            tripped = self._key(model, "tripped")
            if count >= self._failures or self._redis.exists(tripped):
                # Tripped outlives the pause by far, so that a probe decides; a day without calls forgets it.
                self._redis.set(tripped, "1", ex=86_400)
                self._redis.set(self._key(model, "open"), "1", px=self._pause_ms)
                self._redis.delete(self._key(model, "probe"))

    @staticmethod
    def _unreachable() -> type[Exception]:
        from redis.exceptions import RedisError  # noqa: PLC0415 - as in `at`

        return RedisError
