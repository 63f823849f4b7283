"""Worker: RQ's worker, with the class and the flags under which no review is lost."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import time
from collections.abc import Sequence
from datetime import timedelta
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import redis
from rq.worker import HerokuWorker

from reviewer.errors import ConfigurationError, JobRefused, RetryableError
from reviewer.processes import jobs
from reviewer.processes.logs import configure_logging
from reviewer.queue.address import queue_url
from reviewer.queue.embedded import REMEDY
from reviewer.queue.queue import QUEUE_NAME, connect, forget_executions
from reviewer.queue.review_job import ReviewJob
from reviewer.settings import Settings

if TYPE_CHECKING:
    from rq import Queue
    from rq.executions import Execution
    from rq.job import Job

log = logging.getLogger(__name__)

# How long a worker counts as alive without a heartbeat. An idle worker waits for a job 15 s less than this
# long, and looks for abandoned jobs only in between: with RQ's default of 420 s a killed job waits 13 minutes.
WORKER_TTL: Final = 60
MAINTENANCE_SECONDS: Final = 30
MONITORING_SECONDS: Final = 5
# A work-horse that did not renew its lease for so long after it ran out, at so many looks in a row, hangs. More
# than one look: after a pause of the whole machine its heartbeat comes a moment later than ours.
OVERDUE: Final = timedelta(seconds=10)
OVERDUE_LOOKS: Final = 2
# Seconds that a work-horse gets to stop, beyond the time that was announced to it.
HORSE_SECONDS: Final = 3
# BLMOVE and LPOS.
LEAST_REDIS: Final = (6, 2)
# Loaded before the fork, so that no work-horse has to: what a review imports only when it needs it.
PRELOAD: Final = (
    "reviewer.jobs.run",
    "reviewer.models.client",
    "reviewer.models.price_book",
    "genai_prices.data_snapshot",
    "github",
    "github.Requester",
    "httpx",
    "jwt",
    "markdown_it",
    "requests",
    "tree_sitter",
)
# And called: a vocabulary and a price list that are read at their first use, 0.1 s each.
WARM: Final = (
    ("reviewer.context.tokens", "count_tokens", ("warm",)),
    ("genai_prices.data_snapshot", "get_snapshot", ()),
)


class ReviewWorker(HerokuWorker):
    """HerokuWorker: on SIGTERM the work-horse has 6 s to finish, then its job goes back to the queue."""

    imminent_shutdown_delay = 6
    # Two looks in a row that found the lease of the running job run out.
    _overdue = 0

    def prepare_execution(self, job: Job) -> Execution:
        """Begin an execution with nothing left of one that was killed."""
        forget_executions(self.connection, job.id)
        return super().prepare_execution(job)

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """Take a second SIGTERM for the first: hosts repeat it, and RQ would kill the work-horse and its review."""
        if signum != signal.SIGTERM:
            super().request_force_stop(signum, frame)

    @property
    def stopping(self) -> bool:
        """Whether SIGTERM or Ctrl-C came."""
        return self._shutdown_requested_date is not None

    def end_horse(self) -> None:
        """Wait for the work-horse as long as it was promised, and give back what it held: Redis may be gone."""
        pid = self.horse_pid
        if not pid:
            return
        deadline = time.monotonic() + self.imminent_shutdown_delay + HORSE_SECONDS
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(pid, os.WNOHANG)[0] == 0:
                if time.monotonic() > deadline:
                    self.kill_horse()
                    deadline = float("inf")
                time.sleep(0.05)
        jobs.release_all(pid, tried=False)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job of ours; drop any other one, which another writer to Redis made."""
        try:
            review_job(job)
        except JobRefused as error:
            log.warning("dropped a job that this program did not write: %s", error)
            queue.intermediate_queue.remove(job.id)
            job.delete()
            return
        super().execute_job(job, queue)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """Renew the heartbeat of the running job; kill its work-horse where that renews its lease no more.

        A work-horse that hangs, or is stopped, loses its lease; RQ alone would keep it until the job's time
        is over, which is half an hour.
        """
        self._overdue = self._overdue + 1 if jobs.overdue(review_job(job).review_id, self.horse_pid, OVERDUE) else 0
        if self._overdue >= OVERDUE_LOOKS:
            log.warning(
                "work-horse %d has not renewed its lease and is killed; its review is taken up again",
                self.horse_pid,
            )
            self._overdue = 0
            self.kill_horse()
        super().maintain_heartbeats(job, execution)

    def procline(self, message: str) -> None:
        """Leave the process title alone: RQ would put the job into it."""


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
    """Work on the queue `reviews` until SIGTERM (or, with `burst`, until it is empty); return the exit status."""
    jobs.configure(settings)
    client = connect(queue_url(settings), timeout=None)
    check_redis(client)
    for module in preload:
        import_module(module)
    for module, function, arguments in WARM if preload is PRELOAD else ():
        getattr(import_module(module), function)(*arguments)
    # What is loaded by now is never freed: a work-horse that looks for garbage in it would copy every page.
    gc.freeze()
    configure_logging(settings, "worker")
    worker = ReviewWorker(
        [QUEUE_NAME],
        connection=client,
        job_class=job_class,
        serializer="json",
        worker_ttl=WORKER_TTL,
        maintenance_interval=MAINTENANCE_SECONDS,
        job_monitoring_interval=MONITORING_SECONDS,
        work_horse_killed_handler=lambda job, pid, _status, _usage: jobs.release(
            review_job(job).review_id, pid, tried=not worker.stopping
        ),
    )
    log.info("process %d takes reviews", os.getpid())
    try:
        worker.work(burst=burst, logging_level="WARNING")
    except redis.RedisError as error:
        # A work-horse needs no Redis: left alone it finishes its review, and its heartbeat keeps the lease.
        if not worker.stopping:
            raise RetryableError(f"Redis went away ({type(error).__name__})") from None
    if worker.stopping:
        worker.end_horse()
    return 0
