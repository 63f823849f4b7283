"""Clock: what time has to run. Several clocks at once do nothing twice that matters."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Final, Protocol

from reviewer.errors import KiloReviewError, RetryableError
from reviewer.github.records import HookDelivery
from reviewer.ledger.keys import ReviewRow
from reviewer.processes.logs import configure_logging
from reviewer.processes.redelivery import BATCH, Cursor, look_back, plan
from reviewer.queue.queue import Enqueued
from reviewer.settings import Settings

log = logging.getLogger(__name__)

RECONCILE_SECONDS: Final = 5.0
EXPIRE_SECONDS: Final = 30.0
NOTICE_SECONDS: Final = 30.0
ALERT_SECONDS: Final = 30.0
REDELIVER_SECONDS: Final = 60.0
PRUNE_SECONDS: Final = 60 * 60.0
# A row that is younger, or was enqueued more recently, is left to the queue.
QUIET: Final = timedelta(seconds=20)
# Rows per look: a backlog goes back to the queue in portions, what was looked at longest ago first.
ROWS: Final = 200
LONGEST_WAIT: Final = 60.0
JOIN_SECONDS: Final = 5.0
# "at least one second between" writes: GitHub's best practices.
WRITE_SECONDS: Final = 1.0
DELIVERIES_CURSOR: Final = "deliveries"


class ReviewBacklog(Protocol):
    """What the clock needs of the ledger's backlog."""

    def park(self, now: datetime) -> tuple[int, ...]:
        """Park every review that took its worker down too often; return their ids."""

    def unfinished(self, now: datetime, limit: int = ..., *, quiet: timedelta = ...) -> tuple[ReviewRow, ...]:
        """Return due reviews that no worker holds and that were not enqueued lately."""

    def enqueued(self, review_ids: Sequence[int], now: datetime) -> None:
        """Record that jobs were put on the queue."""

    def unnoticed(self, limit: int = ...) -> tuple[ReviewRow, ...]:
        """Return reviews that ended without one and whose pull request does not say so yet."""


class ListCursors(Protocol):
    """What the clock needs of the ledger's cursors."""

    def get(self, name: str) -> tuple[str, datetime] | None:
        """Return where a reader of a list stopped, and when; None at its first run."""

    def set(self, name: str, value: str, now: datetime) -> None:
        """Remember where a reader of a list stopped."""


class ClockQueue(Protocol):
    """What the clock needs of the queue."""

    def enqueue(self, review_id: int) -> Enqueued:
        """Ask for a review to be run, unless it waits or runs already."""

    def enqueue_notice(self, review_id: int) -> Enqueued:
        """Ask for a pull request to be told that its review ended without one."""

    def exclusive(self, name: str, seconds: float) -> bool:
        """Return whether the caller is the only one to do `name` for this long."""


class Deliveries(Protocol):
    """What the clock needs of GitHub."""

    def attempts(self, since: str) -> Iterable[HookDelivery]:
        """Return the attempts since a moment, as the App's delivery log has them."""

    def redeliver(self, attempt_id: int) -> None:
        """Ask for an attempt to be sent again."""


def reconcile(backlog: ReviewBacklog, queue: ClockQueue, now: datetime, *, quiet: timedelta = QUIET) -> int:
    """Put every review back on the queue that should be there and is not; return how many were put there.

    The ledger says who needs work, the queue says who waits already, so any number of clocks may do this.
    """
    for review_id in backlog.park(now):
        log.warning("review %d took its worker down too often and was parked", review_id)
    settled: list[int] = []
    queued = 0
    for row in backlog.unfinished(now, ROWS, quiet=quiet):
        answer = queue.enqueue(row.id)
        if answer is Enqueued.UNREACHABLE:
            break
        settled.append(row.id)
        queued += answer is Enqueued.QUEUED
    backlog.enqueued(settled, now)
    return queued


def announce(backlog: ReviewBacklog, queue: ClockQueue) -> int:
    """Enqueue a notice for every review that ended without one in silence; return how many were enqueued."""
    return sum(queue.enqueue_notice(row.id) is Enqueued.QUEUED for row in backlog.unnoticed())


def redeliver(
    cursors: ListCursors,
    deliveries: Deliveries,
    now: datetime,
    *,
    pause: Callable[[], bool] = lambda: False,
    batch: int = BATCH,
) -> int:
    """Ask GitHub for the deliveries that were not answered; return how many were asked for.

    `pause` waits between two requests and returns True when it is time to stop.
    """
    kept = cursors.get(DELIVERIES_CURSOR)
    cursor = Cursor.start(now) if kept is None else Cursor.from_json(kept[0], now)
    plan_now = plan(deliveries.attempts(look_back(cursor, now)), cursor, now, batch=batch)
    # Kept before anything is asked for: a scheduler that ends in between asks again after a pause, not at once.
    cursors.set(DELIVERIES_CURSOR, plan_now.cursor.to_json(), now)
    asked = 0
    for attempt_id in plan_now.again:
        if asked and pause():
            break
        try:
            deliveries.redeliver(attempt_id)
        except RetryableError:
            # GitHub is away, or asks to wait: so it is for the others.
            raise
        except KiloReviewError as error:
            # Too old by now, say: the others can still be sent again.
            log.warning("a delivery cannot be sent again: %s", error)
            continue
        asked += 1
    return asked


@dataclass(slots=True)
class Duty:
    """Something to do every so many seconds. `run` returns how many things it did, for the log."""

    name: str
    every: float
    run: Callable[[], int]
    due: float = 0.0


class Clock:
    """Runs duties in turn, for ever. A duty that fails is logged, and tried again when it is due again."""

    def __init__(
        self,
        duties: Sequence[Duty],
        stop: threading.Event,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._duties = duties
        self._monotonic = monotonic
        self._stop = stop

    def run(self) -> None:
        """Run duties as they fall due, until `stop` is set."""
        while not self._stop.is_set():
            self.tick()
            due = min((duty.due for duty in self._duties), default=float("inf"))
            self._stop.wait(min(max(0.0, due - self._monotonic()), LONGEST_WAIT))

    def tick(self) -> None:
        """Run what is due now."""
        for duty in self._duties:
            if self._stop.is_set() or duty.due > self._monotonic():
                continue
            try:
                done = duty.run()
            except KiloReviewError as error:
                log.warning("%s: %s", duty.name, error)
            except Exception:
                # Whatever one duty's bug is, the others must go on: the clock is what recovery rests on.
                log.exception("%s failed", duty.name)
            else:
                if done:
                    log.info("%s: %d", duty.name, done)
            duty.due = self._monotonic() + duty.every


def main_clock(settings: Settings) -> int:
    """Run the clock until SIGTERM or Ctrl-C; return the exit status."""
    configure_logging(settings, "clock")
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    near, far = build_duties(settings, stop)
    log.info("%d duties", len(near) + len(far))
    # GitHub may take its time, and wants a second between two writes: the ledger's duties do not wait for it.
    beside = threading.Thread(target=Clock(far, stop).run, name="clock-github", daemon=True)
    beside.start()
    Clock(near, stop).run()
    beside.join(JOIN_SECONDS)
    return 0


def build_duties(settings: Settings, stop: threading.Event) -> tuple[list[Duty], list[Duty]]:
    """Compose the duties from the real parts, near (ledger and queue) and far (other people's servers).

    Those that need what is not set up are left out.
    """
    # Imported here: the functions above are tested, and used, without a database or GitHub.
    from reviewer.ledger.ledger import Ledger  # noqa: PLC0415
    from reviewer.processes.alerts import poster, send_alerts  # noqa: PLC0415
    from reviewer.queue.address import queue_url  # noqa: PLC0415
    from reviewer.queue.queue import ReviewQueue  # noqa: PLC0415

    def now() -> datetime:
        return datetime.now(UTC)

    ledger = Ledger.open(settings.database_url)
    queue = ReviewQueue.open(queue_url(settings))
    results = ledger.results(now)
    near = [
        Duty("reviews queued again", RECONCILE_SECONDS, lambda: reconcile(ledger.backlog, queue, now())),
        Duty("notices queued", NOTICE_SECONDS, lambda: announce(ledger.backlog, queue)),
        Duty("reservations of dead workers closed", EXPIRE_SECONDS, lambda: ledger.money.expire(now())),
        Duty("old results removed", PRUNE_SECONDS, results.prune),
    ]
    far: list[Duty] = []
    if settings.alert_webhook:
        post = poster(settings.alert_webhook)
        far.append(Duty("alerts sent", ALERT_SECONDS, lambda: send_alerts(ledger.alerts, post, now())))
    if settings.github_app_id and settings.github_private_key:
        deliveries = _GitHubDeliveries(settings, now)

        def deliver() -> int:
            # A Redis that is down makes this False everywhere; the next look is a minute away.
            if not queue.exclusive("redelivery", REDELIVER_SECONDS * 0.9):
                return 0
            return redeliver(ledger.cursors, deliveries, now(), pause=lambda: stop.wait(WRITE_SECONDS))

        far.append(Duty("deliveries asked for again", REDELIVER_SECONDS, deliver))
    return near, far


class _GitHubDeliveries:
    """The App's delivery log over GitHub's API, as the App."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        from reviewer.github.auth import AppAuth  # noqa: PLC0415 - only with an App; it loads cryptography

        self._api = AppAuth(
            settings.github_app_id, settings.github_private_key, settings.github_api_url, now=now
        ).api

    def attempts(self, since: str) -> Iterable[HookDelivery]:
        from reviewer.github.deliveries import hook_deliveries  # noqa: PLC0415 - as above

        return hook_deliveries(self._api, since=since)

    def redeliver(self, attempt_id: int) -> None:
        from reviewer.github.deliveries import redeliver as ask  # noqa: PLC0415 - as above

        ask(self._api, attempt_id)
