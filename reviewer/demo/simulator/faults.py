"""Planned faults: what the next requests to a route get instead of, or after, the real answer."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fault:
    """One planned answer.

    `status` None lets the real answer through. With `after` the request takes effect first, then the fault is
    answered: what GitHub does when it stored a comment and its proxy gave up. `drop` closes the connection
    without an answer. `delay` is in seconds, before the answer. `hook` is called just before the fault's
    answer (a test kills the caller there).
    """

    status: int | None = None
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    after: bool = False
    drop: bool = False
    hook: Callable[[], None] | None = None

    @classmethod
    def stored_then_502(cls) -> Fault:
        """Return the fault that duplicates comments: stored, but answered 502."""
        return cls(502, "Server Error", after=True)

    @classmethod
    def server_error(cls, status: int = 500) -> Fault:
        """Return a 5xx that stored nothing."""
        return cls(status, "Server Error")

    @classmethod
    def slow(cls, seconds: float, *, after: bool = True) -> Fault:
        """Return a late but right answer."""
        return cls(delay=seconds, after=after)

    @classmethod
    def secondary_limit(cls, retry_after: int | None = None, status: int = 403) -> Fault:
        """Return the secondary rate limit, with or without `retry-after`."""
        headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
        return cls(
            status,
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            headers,
        )

    @classmethod
    def primary_limit(cls, seconds: int) -> Fault:
        """Return the primary rate limit, reset `seconds` from now."""
        reset = str(int(time.time()) + seconds)
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset, "X-RateLimit-Used": "5000"}
        return cls(403, "API rate limit exceeded for installation.", headers)


@dataclass(slots=True)
class _Plan:
    method: str
    pattern: re.Pattern[str]
    fault: Fault
    left: int


class Faults:
    """The plan. A request takes the first entry that matches its method and path."""

    def __init__(self) -> None:
        self._plans: list[_Plan] = []
        self._lock = threading.Lock()

    def plan(self, method: str, pattern: str, *faults: Fault, times: int = 1) -> None:
        """Plan faults, in order, each `times` times, for a method ("*" is any) and a path's regular expression."""
        with self._lock:
            compiled = re.compile(pattern)
            self._plans += [_Plan(method.upper(), compiled, fault, times) for fault in faults]

    def take(self, method: str, path: str) -> Fault | None:
        """Use up and return the fault for a request, None where none is planned."""
        with self._lock:
            for plan in self._plans:
                if plan.method in ("*", method) and plan.pattern.search(path):
                    plan.left -= 1
                    if plan.left <= 0:
                        self._plans.remove(plan)
                    return plan.fault
        return None

    def clear(self) -> None:
        """Forget every plan."""
        with self._lock:
            self._plans.clear()

    @property
    def left(self) -> int:
        """How many planned answers have not been used."""
        with self._lock:
            return sum(plan.left for plan in self._plans)
