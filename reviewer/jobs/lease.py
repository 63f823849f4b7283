"""Hold a review's lease: prolong it, write under it, and end it in one of the ways a review ends."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

from reviewer.errors import LeaseLost
from reviewer.ledger.keys import Lease, ReviewState, backoff
from reviewer.ledger.reviews import Reviews

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=60)


class HeldLease:
    """One lease of this worker. Every write of the ledger names its fence; LeaseLost says that it is gone."""

    def __init__(self, reviews: Reviews, lease: Lease, now: Callable[[], datetime]) -> None:
        self._reviews = reviews
        self._now = now
        self.lease = lease

    def fence(self) -> None:
        """Prolong the lease; LeaseLost where another worker has the review or it was superseded."""
        self.lease = self._reviews.renew(self.lease, self._now(), LEASE)

    def beat(self) -> None:
        """Prolong the lease from another thread; the record of the holder stays as it is."""
        self._reviews.renew(self.lease, self._now(), LEASE)

    def save_result(self, document: str) -> None:
        """Store the review before anything of it is published."""
        self.lease = self._reviews.save_result(self.lease, document, self._now())

    def finish(self, state: ReviewState, why: str) -> None:
        """End the review."""
        self._reviews.finish(self.lease, state, self._now(), error=why)
        log.info("review %d ends as %s", self.lease.review_id, state)

    def wait(self, seconds: float | None, why: str, *, waits: int) -> float:
        """Wait for something outside without using up a try; return for how long, in seconds.

        Without `seconds` the pause grows with the `waits` before.
        """
        pause = timedelta(seconds=seconds) if seconds else backoff(waits + 1, jitter())
        self._reviews.defer(self.lease, self._now() + pause, why, self._now())
        return pause.total_seconds()

    def wait_turn(self, seconds: float, ahead: int) -> None:
        """Let other installations' reviews go first, without using up a try."""
        self._reviews.wait_turn(self.lease, self._now() + timedelta(seconds=seconds), ahead, self._now())

    def fail(self, why: str, *, retry: bool) -> None:
        """Record a fault of the work itself, and when to try again."""
        at = self._now() + backoff(self.lease.attempt, jitter()) if retry else None
        self._reviews.fail(self.lease, at, why, self._now())

    def restart(self) -> None:
        """Let the review begin again at once: its pull request moved on, and no other review takes its place."""
        self._reviews.restart(self.lease, self._now())

    def hand_back(self) -> None:
        """Give the review back because this process is being stopped: no try is used up."""
        self._reviews.hand_back(self.lease, self._now())


def jitter() -> float:
    """Return a number from 0 to 1 that spreads retries."""
    return random.random()  # noqa: S311 - no secret


class Heartbeat:
    """Calls `beat` every so often on a thread of its own until the block ends.

    A beat that fails is logged and the next one is tried: the ledger may be away for a moment. Only LeaseLost ends
    it. It ends with the process: a stopped or killed holder renews no more, and another worker may take over.
    """

    def __init__(self, beat: Callable[[], object], *, every: timedelta) -> None:
        self._beat = beat
        self._every = every.total_seconds()
        self._over = threading.Event()
        # In the context of the review, so that its log lines name it.
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._run,), name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(timeout=self._every)

    def _run(self) -> None:
        while not self._over.wait(self._every):
            # ValueError: the log's stream is closed already, at the end of the process.
            with contextlib.suppress(ValueError):
                try:
                    self._beat()
                except LeaseLost as error:
                    # The work finds out by itself, at its next fenced write.
                    log.warning("the lease could not be renewed: %s", error)
                    return
                except Exception as error:  # noqa: BLE001 - whatever it was, the next beat may pass
                    log.warning("the lease could not be renewed this time: %s: %s", type(error).__name__, error)
