"""Intake: a request becomes a row of the ledger, then a job, then 202. In this order, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from reviewer.jobs.correction import CORRECTION
from reviewer.ledger.keys import Accepted, ReviewKey
from reviewer.queue.queue import Enqueued
from webhooks.permission import Permissions
from webhooks.triggers import PULL_REQUEST_TRIGGER, Ignored, ReviewRequest

HOUR: Final = timedelta(hours=1)


class ReviewRequests(Protocol):
    """What intake needs of the ledger's requests."""

    def accept(self, key: ReviewKey, *, actor: str, payload: Mapping[str, object], now: datetime) -> Accepted:
        """Commit the row of a piece of work, once per key; LedgerUnavailable where it is not on disk."""

    def verbs(
        self,
        repo_id: int,
        number: int,
        *,
        since: datetime | None = ...,
        installation_id: int | None = ...,
        besides: Sequence[str] = ...,
    ) -> Mapping[str, int]:
        """Count a pull request's rows by verb."""


class ReviewLedger(Protocol):
    """What the application needs of the ledger."""

    @property
    def requests(self) -> ReviewRequests:
        """The rows of what was asked for."""

    def ready(self) -> None:
        """Raise LedgerUnavailable or ConfigurationError where the ledger cannot take a row."""


class JobQueue(Protocol):
    """What intake needs of the queue."""

    def enqueue(self, review_id: int) -> Enqueued:
        """Ask for a review to be run; never raises for a queue that is down."""

    def ping(self) -> bool:
        """Return whether the queue answers."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer to a delivery that asked for work. `queued` is False where the clock will queue it later."""

    review_id: int
    created: bool
    queued: bool


class Intake:
    """Take requests in. `per_hour` caps the commands that one pull request may give in an hour."""

    def __init__(
        self,
        requests: ReviewRequests,
        queue: JobQueue,
        permissions: Permissions,
        *,
        per_hour: int,
        now: Callable[[], datetime],
    ) -> None:
        self._requests = requests
        self._queue = queue
        self._permissions = permissions
        self._per_hour = per_hour
        self._now = now

    def take(self, request: ReviewRequest) -> Taken | Ignored:
        """Commit the request and enqueue it; RetryableError where GitHub has to send it again."""
        refusal = self._refusal(request)
        if refusal:
            return Ignored(refusal)
        accepted = self._requests.accept(
            request.key, actor=request.actor, payload=request.payload(), now=self._now()
        )
        if accepted.state.final:
            return Taken(accepted.review_id, created=False, queued=False)
        # Also for a row that was there already: its first delivery may have died before this line.
        enqueued = self._queue.enqueue(accepted.review_id)
        return Taken(accepted.review_id, created=accepted.created, queued=enqueued is not Enqueued.UNREACHABLE)

    def _refusal(self, request: ReviewRequest) -> str:
        key = request.key
        if key.trigger == PULL_REQUEST_TRIGGER:
            return ""
        if request.needs_permission and not self._permissions.may_command(
            installation_id=key.installation_id,
            repo_id=key.repo_id,
            repository=request.repository,
            login=request.actor,
        ):
            return f"{request.actor} may not command reviews: this takes write permission to the repository"
        # After the permission, so that strangers cannot use up the hour of those who may.
        # A command that comes again is not counted against itself.
        verbs = self._requests.verbs(
            key.repo_id,
            key.number,
            since=self._now() - HOUR,
            installation_id=key.installation_id,
            besides=(PULL_REQUEST_TRIGGER, key.trigger),
        )
        # Answers to commands that do not exist are counted by themselves: a slip does not use up a review.
        answers = verbs.get(CORRECTION, 0)
        if (answers if request.problem else sum(verbs.values()) - answers) >= self._per_hour:
            return (
                f"this pull request had its {self._per_hour} commands of the hour; the organisation's policy "
                "sets max_reviews_per_hour"
            )
        return ""
