"""Queue: one RQ queue of review ids. A hint: whatever it loses, the ledger still has and the clock puts back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry as RedisRetry

if TYPE_CHECKING:
    from rq import Queue

    from reviewer.queue.rq_record import PreparedJob

log = logging.getLogger(__name__)

# One queue only: with several RQ takes jobs by BLPOP, and a worker that dies just then has lost them.
QUEUE_NAME: Final = "reviews"
# What RQ calls with the review id, by the word that begins the job's id.
JOBS: Final = {"review": "reviewer.processes.jobs.run_review", "notice": "reviewer.processes.jobs.post_notice"}
JOB_SECONDS: Final = 30 * 60
# How often RQ runs a job again whose work-horse died. At once and without intervals: waiting is the ledger's
# business (retry_at), and RQ would need one more process, its scheduler, to wait.
RETRIES: Final = 3
FAILURE_SECONDS: Final = 24 * 60 * 60
# A finished job leaves nothing behind, so that its id is free for the next request.
JOB_OPTIONS: Final[Mapping[str, int]] = {
    "timeout": JOB_SECONDS,
    "result_ttl": 0,
    "failure_ttl": FAILURE_SECONDS,
}
TIMEOUT_SECONDS: Final = 1.0
# After a failure nobody asks Redis for this long, so that a Redis that hangs does not hold up every delivery.
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
    ) -> None:
        self._client = client
        self._functions = functions
        self._monotonic = monotonic
        self._rq: Queue | None = None
        self._paused_until = float("-inf")
        self._prepared: dict[str, PreparedJob] = {}
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

    def ping(self) -> bool:
        """Return whether Redis answers."""
        try:
            return bool(self._client.ping())
        except redis.RedisError:
            return False

    def depth(self) -> int | None:
        """Return how many reviews wait, None where Redis does not answer."""
        try:
            return int(self._queue().count)
        except redis.RedisError:
            return None

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
            # Imported here: commands that queue nothing need not load RQ.
            from rq import Queue  # noqa: PLC0415

            self._rq = Queue(QUEUE_NAME, connection=self._client, serializer="json")
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
        prepared = self._prepared.get(kind)
        if prepared is None:
            from rq import Retry  # noqa: PLC0415 - as in `_queue`

            from reviewer.queue.rq_record import PreparedJob  # noqa: PLC0415

            options = {**JOB_OPTIONS, "retry": Retry(max=RETRIES)}
            prepared = PreparedJob.prepare(self._queue(), self._functions[kind], options)
            self._prepared[kind] = prepared
        return prepared.submit(job_id, review_id)

    def _is_pending(self, job_id: str) -> bool:
        """Return whether a known job will still be run, or runs, without anybody's help.

        RQ's `unique` also refuses the id of a job that failed (for a year by default), and of one whose worker
        died between taking and starting it.
        """
        queue = self._queue()
        status = self._status(job_id)
        if status == "started":
            # Members are "job:execution"; the score is when the worker's last sign of life runs out.
            alive: Any = self._client.zrangebyscore(f"rq:wip:{QUEUE_NAME}", time.time(), "+inf")
            return any(member.decode().partition(":")[0] == job_id for member in alive)
        if status != "queued":
            return False
        for key in (queue.key, queue.intermediate_queue_key):
            if self._client.lpos(key, job_id) is not None:
                return True
        # It may have been started between the two looks.
        return self._status(job_id) not in ("queued", None)

    def _status(self, job_id: str) -> str | None:
        raw: Any = self._client.hget(f"rq:job:{job_id}", "status")
        return raw.decode() if raw else None

    def _forget(self, job_id: str) -> None:
        from rq.exceptions import NoSuchJobError  # noqa: PLC0415 - as in `_queue`
        from rq.job import Job  # noqa: PLC0415

        forget_executions(self._client, job_id)
        # The registry of running jobs too: a late look at a dead execution would fail the job that comes now.
        members: Any = self._client.zrange(f"rq:wip:{QUEUE_NAME}", 0, -1)
        dead = [member for member in members if member.decode().partition(":")[0] == job_id]
        if dead:
            self._client.zrem(f"rq:wip:{QUEUE_NAME}", *dead)
        try:
            Job.fetch(job_id, connection=self._client, serializer="json").delete()
        except NoSuchJobError:
            self._client.delete(f"rq:job:{job_id}")


def forget_executions(client: redis.Redis, job_id: str) -> None:
    """Forget the executions of a job that does not run.

    RQ names an execution for a minute longer than it keeps it, and in that minute can neither delete nor finish a
    job whose worker was killed together with its work-horse: "Execution … not found in Redis".
    """
    client.delete(f"rq:executions:{job_id}")
