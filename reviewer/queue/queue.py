"""Hold the ids of reviews to run in one RQ queue.

The queue may lose an id: the scheduler puts back what the ledger says is due.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry as RedisRetry
from rq import Queue, Retry
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.executions import ExecutionRegistry

from reviewer.queue.review_job import JOB_SECONDS, JOBS, ReviewJob

log = logging.getLogger(__name__)

# One queue only: with several RQ takes jobs by BLPOP, and a worker that is killed just then has lost them.
QUEUE_NAME: Final = "reviews"
# How often RQ runs a job again whose worker ended. At once and without intervals: the ledger says when to try
# again (retry_at), and RQ would need one more process, its scheduler, to wait.
RETRIES: Final = 3
FAILURE_SECONDS: Final = 24 * 60 * 60
# A worker that has taken a job starts it within moments; one that has not by then was killed in between.
HANDOVER: Final = timedelta(seconds=15)
TIMEOUT_SECONDS: Final = 1.0
# After a failure Redis is not asked for this long, so that a Redis that hangs does not hold up every delivery.
PAUSE_SECONDS: Final = 1.0


class Enqueued(StrEnum):
    """What became of a request to run a review."""

    QUEUED = "queued"
    ALREADY = "already"
    UNREACHABLE = "unreachable"


def connect(url: str, *, timeout: float | None = TIMEOUT_SECONDS) -> redis.Redis:
    """Return a client for a Redis URL that fails within `timeout` seconds instead of trying again by itself."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=RedisRetry(NoBackoff(), 0),
    )


class ReviewQueue:
    """The queue `reviews`: thread-safe, JSON only, never raising for a Redis that is down.

    `functions` are the dotted names of what RQ calls with the review id.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        functions: Mapping[str, str] = JOBS,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._functions = functions
        self._monotonic = monotonic
        self._now = now
        self._rq: Queue | None = None
        self._paused_until = float("-inf")
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str) -> ReviewQueue:
        """Return the queue of a Redis URL; connects at the first use."""
        return cls(connect(url))

    def enqueue(self, review_id: int) -> Enqueued:
        """Ask for a review to be run, unless it waits or runs already."""
        return self._guarded(lambda: self._enqueue("review", review_id))

    def enqueue_notice(self, review_id: int) -> Enqueued:
        """Ask for a pull request to be told that its review ended without one."""
        return self._guarded(lambda: self._enqueue("notice", review_id))

    def put_back_of(self, pid: int, host: str) -> int:
        """Queue again what a worker process had taken that is known to have ended; return how many jobs."""
        from rq.worker import Worker  # noqa: PLC0415 - who only puts jobs in has no use for it

        queue, number = self._queue(), 0
        try:
            for worker in Worker.all(queue=queue, job_class=ReviewJob, serializer="json"):
                if (worker.pid, worker.hostname) != (pid, host):
                    continue
                for execution in worker.get_current_executions():
                    job = queue.fetch_job(execution.job_id)
                    if job is not None:
                        # As RQ itself does a minute later: again, as often as its Retry allows.
                        worker.handle_job_failure(job, queue, exc_string="its process ended", execution=execution)
                        number += 1
                worker.register_death()  # type: ignore[no-untyped-call]
        except redis.RedisError as error:
            log.warning("the jobs of process %d wait for the scheduler (%s)", pid, type(error).__name__)
        return number

    def ping(self) -> bool:
        """Return whether Redis answers."""
        try:
            return bool(self._client.ping())
        except redis.RedisError:
            return False

    def length(self) -> int | None:
        """Return how many jobs wait, None where Redis does not answer."""
        try:
            waiting: Any = self._client.llen(f"rq:queue:{QUEUE_NAME}")
        except redis.RedisError:
            return None
        return int(waiting)

    def exclusive(self, name: str, seconds: float) -> bool:
        """Return whether the caller is the only one to do `name` for this long; False where Redis is down."""
        try:
            return bool(self._client.set(f"kilo-review:{name}", "1", nx=True, px=int(seconds * 1000)))
        except redis.RedisError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _guarded(self, action: Callable[[], Enqueued]) -> Enqueued:
        if self._monotonic() < self._paused_until:
            return Enqueued.UNREACHABLE
        try:
            return action()
        except redis.RedisError as error:
            with self._lock:
                self._paused_until = self._monotonic() + PAUSE_SECONDS
            # The text of a Redis error may hold the address; its kind says enough.
            log.warning("the queue is unreachable (%s); the review waits in the ledger", type(error).__name__)
            return Enqueued.UNREACHABLE

    def _queue(self) -> Queue:
        if self._rq is None:
            self._rq = Queue(QUEUE_NAME, connection=self._client, serializer="json", job_class=ReviewJob)
        return self._rq

    def _enqueue(self, kind: str, review_id: int) -> Enqueued:
        job_id = f"{kind}-{review_id}"
        for _attempt in range(2):
            if self._submit(kind, job_id, review_id):
                return Enqueued.QUEUED
            if self._is_pending(job_id):
                return Enqueued.ALREADY
            self._forget(job_id)
        return Enqueued.ALREADY

    def _submit(self, kind: str, job_id: str, review_id: int) -> bool:
        """Put a job on the queue; False where Redis knows one with this id."""
        try:
            self._queue().enqueue_call(
                self._functions[kind],
                args=(review_id,),
                job_id=job_id,
                unique=True,
                # RQ's own description holds the call; job ids say enough in its log.
                description=job_id,
                retry=Retry(max=RETRIES),
                timeout=JOB_SECONDS,
                # A finished job leaves nothing behind, so that its id is free for the next request.
                result_ttl=0,
                failure_ttl=FAILURE_SECONDS,
            )
        except DuplicateJobError:
            return False
        return True

    def _is_pending(self, job_id: str) -> bool:
        """Return whether a known job runs, or will be run without anybody's help.

        RQ's `unique` also refuses the id of a job that failed (for `FAILURE_SECONDS`), and of one whose worker
        ended between taking and starting it.
        """
        queue = self._queue()
        status = self._status(job_id)
        if status == "started":
            running = queue.started_job_registry
            # A worker that runs a job renews its entry; one whose time is over was left by a dead worker.
            return job_id in set(running.get_job_ids(cleanup=False)) - set(running.get_expired_job_ids())
        if status != "queued":
            return False
        if queue.get_job_position(job_id) is not None:
            return True
        if job_id in queue.intermediate_queue.get_job_ids():
            return self._is_handed_over(job_id)
        # It may have been started between the two looks.
        return self._status(job_id) not in ("queued", None)

    def _is_handed_over(self, job_id: str) -> bool:
        """Return whether a job that a worker has taken may still start; one that stays taken had its worker killed.

        RQ itself waits for two of its maintenance runs and a minute.
        """
        taken = self._queue().intermediate_queue
        taken.set_first_seen(job_id)
        seen = taken.get_first_seen(job_id)
        return seen is None or self._now() - seen < HANDOVER

    def _status(self, job_id: str) -> str | None:
        job = self._queue().fetch_job(job_id)
        return job.get_status(refresh=False).value if job is not None else None

    def _forget(self, job_id: str) -> None:

        queue = self._queue()
        forget_executions(self._client, job_id)
        taken = queue.intermediate_queue
        taken.remove(job_id)
        self._client.delete(taken.get_first_seen_key(job_id))
        # The registry of running jobs too: a late look at a dead execution would fail the job that comes now.
        registry = queue.started_job_registry.key
        members: Any = self._client.zrange(registry, 0, -1)
        dead = [member for member in members if member.decode().partition(":")[0] == job_id]
        if dead:
            self._client.zrem(registry, *dead)
        try:
            queue.job_class.fetch(job_id, connection=self._client, serializer="json").delete()
        except NoSuchJobError:
            self._client.delete(queue.job_class.key_for(job_id))


def forget_executions(client: redis.Redis, job_id: str) -> None:
    """Forget the executions of a job that does not run.

    RQ lists an execution for a minute longer than it keeps its record, and in that minute can neither delete nor
    finish a job whose worker was killed together with its work-horse: "Execution … not found in Redis".
    """
    client.delete(ExecutionRegistry(job_id, client).key)
