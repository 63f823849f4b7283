"""Intake: a request becomes a row of the ledger, then a job, then 202. In this order, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from policies.caps import Cap, CapOf
from reviewer.ledger.keys import Accepted, ReviewKey
from reviewer.queue.queue import Enqueued
from webhooks.permission import Permissions
from webhooks.triggers import Ignored, ReviewRequest


class ReviewRequests(Protocol):
    """What intake needs of the ledger's requests."""

    def accept(
        self,
        key: ReviewKey,
        *,
        actor: str,
        payload: Mapping[str, object],
        now: datetime,
        caps: Sequence[Cap] = ...,
    ) -> Accepted:
        """Commit the row of a piece of work, once per key and within the caps; LedgerUnavailable for no row."""


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
    """Take requests in. `caps` returns the caps that a request must pass, by whether an outsider caused it."""

    def __init__(
        self,
        requests: ReviewRequests,
        queue: JobQueue,
        permissions: Permissions,
        *,
        caps: Callable[[bool], Sequence[Cap]],
        now: Callable[[], datetime],
    ) -> None:
        self._requests = requests
        self._queue = queue
        self._permissions = permissions
        self._caps = caps
        self._now = now

    def take(self, request: ReviewRequest) -> Taken | Ignored:
        """Commit the request and enqueue it; RetryableError where GitHub has to send it again."""
        refusal = self._refusal(request)
        if refusal:
            return Ignored(refusal)
        accepted = self._requests.accept(
            request.key,
            actor=request.actor,
            payload=request.payload(),
            now=self._now(),
            caps=self._caps_of(request),
        )
        if accepted.refusal:
            return Ignored(accepted.refusal)
        if accepted.state.final:
            return Taken(accepted.review_id, created=False, queued=False)
        # Also for a row that was there already: its first delivery may have died before this line.
        enqueued = self._queue.enqueue(accepted.review_id)
        return Taken(accepted.review_id, created=accepted.created, queued=enqueued is not Enqueued.UNREACHABLE)

    def _caps_of(self, request: ReviewRequest) -> Sequence[Cap]:
        caps = self._caps(request.outsider)
        # An answer to a command that does not exist is no review: only the pull request's own cap is for it.
        return [cap for cap in caps if cap.of is CapOf.PULL_REQUEST] if request.problem else caps

    def _refusal(self, request: ReviewRequest) -> str:
        """Return why the actor may not command, "" where no permission is needed or GitHub says that they may.

        Asked before the caps are counted, so that strangers cannot use up the hour of those who may.
        """
        key = request.key
        if not request.needs_permission or self._permissions.may_command(
            installation_id=key.installation_id,
            repo_id=key.repo_id,
            repository=request.repository,
            login=request.actor,
        ):
            return ""
        return f"{request.actor} may not command reviews: this takes write permission to the repository"
