"""Worker: RQ's worker, with a thread for each review, and the class and the flags under which no review is lost."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import redis
from rq.exceptions import StopRequested
from rq.timeouts import TimerDeathPenalty
from rq.utils import now
from rq.worker import BaseWorker, SimpleWorker

from reviewer.errors import ConfigurationError, JobRefused, RetryableError
from reviewer.processes import jobs
from reviewer.processes.logs import configure_logging
from reviewer.queue.address import queue_url
from reviewer.queue.embedded import REMEDY
from reviewer.queue.queue import QUEUE_NAME, connect, forget_executions
from reviewer.queue.review_job import JOB_SECONDS, ReviewJob
from reviewer.settings import Settings

if TYPE_CHECKING:
    from redis.client import Pipeline
    from rq import Queue
    from rq.executions import Execution
    from rq.job import Job

log = logging.getLogger(__name__)

# How long a worker counts as alive without a heartbeat. RQ looks for abandoned jobs between two waits for a job:
# with its default of 420 s a killed job waits 13 minutes.
WORKER_TTL: Final = 60
MAINTENANCE_SECONDS: Final = 30
# A job counts as abandoned 60 s after its last heartbeat.
MONITORING_SECONDS: Final = 10
# How long a worker waits for a job before it looks whether it is to stop.
IDLE_SECONDS: Final = 2
# Seconds that running reviews get to end: after SIGTERM, and in a process that is replaced because a review hangs.
STOP_SECONDS: Final = 6.0
DRAIN_SECONDS: Final = 60.0
# Seconds until a wait for a Redis that is gone is broken off for a stop.
ALARM_SECONDS: Final = 3
# RQ ends a job at its time limit. A thread that does not end within so many seconds after it hangs.
GRACE_SECONDS: Final = 30.0
# A process whose threads do not run for so long, for one of them does not let go of the interpreter, ends itself.
# Longer than a lease: its reviews are in other hands by then.
WATCHDOG_SECONDS: Final = 90.0
MOST_FILES: Final = 16_384
# BLMOVE and LPOS.
LEAST_REDIS: Final = (6, 2)
# Loaded before the first review: what a review imports only when it needs it.
PRELOAD: Final = (
    "reviewer.jobs.run",
    "reviewer.models.client",
    "reviewer.models.price_book",
    "github",
    "github.Requester",
    "httpx",
    "jwt",
    "markdown_it",
    "requests",
    "tree_sitter",
)
# And called: a vocabulary and a price list that are read at their first use.
WARM: Final = (
    ("reviewer.context.tokens", "count_tokens", ("warm",)),
    ("reviewer.models.published", "shipped_prices", ()),
)


@dataclass(frozen=True, slots=True)
class Running:
    """A job that a thread of this process runs; `deadline` in monotonic seconds."""

    job: Job
    execution: Execution
    deadline: float


class ReviewWorker(SimpleWorker):
    """SimpleWorker with a thread for each job, `threads` at most.

    On SIGTERM it takes no more, running reviews have STOP_SECONDS to end, and the others go back to the ledger and
    the queue. A review that hangs is given up at its deadline; the process takes no more, drains and ends.
    """

    death_penalty_class = TimerDeathPenalty

    def __init__(self, *arguments: Any, threads: int, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._threads = threads
        self._running: dict[str, Running] = {}
        self._changed = threading.Condition()
        self._waits = False
        self._over = threading.Event()
        # Why the process takes no more reviews, "" while it does.
        self.worn_out = ""

    @property
    def stopping(self) -> bool:
        """Whether SIGTERM or Ctrl-C came."""
        return self._shutdown_requested_date is not None

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Take no more jobs; a signal that is repeated says the same."""
        del signum, frame
        if self.stopping:
            return
        self._shutdown_requested_date = now()
        self._stop_requested = True
        # A wait for a job is short; only one for a Redis that is gone has to be broken off.
        signal.signal(signal.SIGALRM, self._break_off)
        signal.alarm(ALARM_SECONDS)

    def _break_off(self, _signum: int, _frame: FrameType | None) -> None:
        if self._waits:
            raise StopRequested

    def bootstrap(self, *arguments: Any, **named: Any) -> None:
        """Register, and begin to watch over the threads."""
        super().bootstrap(*arguments, **named)
        _feed_watchdog()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Return the next job as soon as a thread is free for it, None for the end of the work.

        Without a `timeout` (a burst) an empty queue is the end. A Redis that is gone is waited for: reviews need
        none while they run.
        """
        del max_idle_time
        while not self.stopping and not self.worn_out:
            if not self._free_thread(IDLE_SECONDS):
                self.heartbeat()
                continue
            self._waits = True
            try:
                found = super().dequeue_job_and_maintain_ttl(timeout and IDLE_SECONDS, timeout and IDLE_SECONDS)
            except redis.RedisError as error:
                log.warning("Redis does not answer (%s)", type(error).__name__)
                self._over.wait(1)
                continue
            finally:
                self._waits = False
            if found is not None or timeout is None:
                return found
        return None

    def _free_thread(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self._running) < self._threads, seconds)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job of ours on a thread; drop any other one, which another writer to Redis made."""
        try:
            review_job(job)
        except JobRefused as error:
            log.warning("dropped a job that this program did not write: %s", error)
            queue.intermediate_queue.remove(job.id)
            job.delete()
            return
        try:
            forget_executions(self.connection, job.id)
            execution = self.prepare_execution(job)
        except redis.RedisError as error:
            log.warning("%s waits: Redis does not answer (%s)", job.id, type(error).__name__)
            return
        running = Running(job, execution, time.monotonic() + JOB_SECONDS + GRACE_SECONDS)
        with self._changed:
            self._running[execution.id] = running
        threading.Thread(target=self._run, args=(running, queue), name=job.id, daemon=True).start()

    def _run(self, running: Running, queue: Queue) -> None:
        try:
            self.perform_job(running.job, queue, running.execution)
        except redis.RedisError as error:
            # What became of the review is in the ledger.
            log.warning("%s ended while Redis did not answer (%s)", running.job.id, type(error).__name__)
        finally:
            with self._changed:
                self._running.pop(running.execution.id, None)
                self._changed.notify_all()

    def _watch(self) -> None:
        """Renew the heartbeats of running jobs; give up what hangs."""
        while not self._over.wait(self.job_monitoring_interval):
            _feed_watchdog()
            for running in list(self._running.values()):
                if time.monotonic() > running.deadline and not self.worn_out:
                    self.worn_out = f"{running.job.id} hangs"
                    log.error("%s; the process takes no more reviews, and is replaced", self.worn_out)
                with contextlib.suppress(redis.RedisError):
                    self.maintain_heartbeats(running.job, running.execution)
        faulthandler.cancel_dump_traceback_later()

    def drain(self, *, burst: bool) -> int:
        """Wait for the running jobs as long as the cause of the end allows; return how many did not end."""
        began = time.monotonic()
        signal.alarm(0)
        while self._running:
            limit = STOP_SECONDS if self.stopping else float("inf") if burst else DRAIN_SECONDS
            if time.monotonic() - began > limit:
                break
            with self._changed:
                self._changed.wait(0.2)
        self._over.set()
        return len(self._running)

    def give_back(self) -> None:
        """Give the running jobs back to the ledger and the queue; one that hangs has used up its try."""
        left = list(self._running.values())
        for running in left:
            if time.monotonic() > running.deadline:
                jobs.release(review_job(running.job).review_id, os.getpid(), tried=True)
        jobs.release_all(os.getpid(), tried=False)
        for running in left:
            with contextlib.suppress(redis.RedisError):
                self.handle_job_failure(
                    running.job, self.queues[0], exc_string="stopped", execution=running.execution
                )

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Return how long a job counts as running without a heartbeat: SimpleWorker sends none, this class does."""
        return BaseWorker.get_heartbeat_ttl(self, job, working_time)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Renew the worker's own record; without Redis there is none to renew."""
        with contextlib.suppress(redis.RedisError):
            super().heartbeat(timeout, pipeline)

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - RQ's signature
        """Wait while `rq suspend` holds; without Redis nobody can have said so."""
        with contextlib.suppress(redis.RedisError):
            super().check_for_suspension(burst)

    def run_maintenance_tasks(self) -> None:
        """Look for abandoned jobs; without Redis, later."""
        with contextlib.suppress(redis.RedisError):
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]

    def procline(self, message: str) -> None:
        """Leave the process title alone: RQ would put the job into it."""


def _feed_watchdog() -> None:
    """Let the process end itself WATCHDOG_SECONDS from now, unless this is called again before."""
    faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True, file=sys.stderr)


def _raise_file_limit() -> None:
    """Allow as many open files as the system does: 1,024 are few for the sockets of 100 reviews."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def review_job(job: Job) -> ReviewJob:
    """Return the job as one of ours; JobRefused where it is not."""
    if not isinstance(job, ReviewJob):
        raise JobRefused("it was read without its checks")
    job.func  # noqa: B018 - raises for a function or an argument that is not ours
    return job


def check_redis(client: redis.Redis) -> None:
    """Refuse a Redis that cannot be reached or is too old to keep a job that is being handed over."""
    try:
        info: Any = client.info("server")
    except redis.RedisError as error:
        raise RetryableError(f"Redis at REDIS_URL cannot be used: {type(error).__name__}") from None
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version < LEAST_REDIS:
        raise ConfigurationError(
            f"Redis {info['redis_version']} at REDIS_URL is too old: a job can be lost between queue and worker",
            remedy=f"Use Redis or Valkey {'.'.join(map(str, LEAST_REDIS))} or newer. {REMEDY}",
        )


def main_worker(
    settings: Settings,
    *,
    burst: bool = False,
    preload: Sequence[str] = PRELOAD,
    job_class: type[ReviewJob] = ReviewJob,
) -> int:
    """Work on the queue `reviews` until SIGTERM (or, with `burst`, until it is empty); return the exit status.

    Ends the process at once where a review is still running then: its thread cannot be ended otherwise.
    """
    jobs.configure(settings)
    _raise_file_limit()
    client = connect(queue_url(settings), timeout=None)
    check_redis(client)
    for module in preload:
        import_module(module)
    for module, function, arguments in WARM if preload is PRELOAD else ():
        getattr(import_module(module), function)(*arguments)
    # What is loaded by now is never freed: no use to look for garbage in it.
    gc.freeze()
    configure_logging(settings, "worker")
    worker = ReviewWorker(
        [QUEUE_NAME],
        threads=settings.reviews_per_process,
        connection=client,
        job_class=job_class,
        serializer="json",
        worker_ttl=WORKER_TTL,
        maintenance_interval=MAINTENANCE_SECONDS,
        job_monitoring_interval=MONITORING_SECONDS,
    )
    log.info("process %d takes reviews, %d at a time", os.getpid(), settings.reviews_per_process)
    try:
        worker.work(burst=burst, logging_level="WARNING")
    except redis.RedisError as error:
        if not worker.stopping:
            worker.worn_out = worker.worn_out or f"Redis went away ({type(error).__name__})"
    status = RetryableError.exit_code if worker.worn_out else 0
    if worker.drain(burst=burst):
        worker.give_back()
        logging.shutdown()
        os._exit(status)
    return status
