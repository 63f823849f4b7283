"""Take triggers in: each becomes a row of the ledger, then a job, then 202. In this order, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from reviewer.jobs.correction import Problem
from reviewer.jobs.payload import Work
from reviewer.ledger.keys import AUTOMATIC, Accepted, ReviewKey
from reviewer.queue.queue import Enqueued
from webhooks.permission import Permissions
from webhooks.triggers import Ignored, Trigger

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

    def pull_requests(self, repo_id: int, head_sha: str) -> tuple[int, ...]:
        """Return the numbers of the pull requests that were asked to be reviewed at a head."""


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
    """Take triggers in. `per_hour` caps the reviews that people may ask for on one pull request in an hour."""

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

    def take(self, trigger: Trigger) -> Taken | Ignored:
        """Commit the work and enqueue it; RetryableError where GitHub has to send the delivery again.

        A trigger that names a head and no pull request asks for every one with this head; the answer is on the
        first of them.
        """
        if trigger.key.number:
            return self._take(trigger)
        numbers = self._requests.pull_requests(trigger.key.repo_id, trigger.key.head_sha)
        answers = [
            self._take(replace(trigger, key=replace(trigger.key, number=number))) for number in numbers if number
        ]
        if not answers:
            return Ignored("no pull request with this head is known; comment /kilo review there")
        return next((answer for answer in answers if isinstance(answer, Taken)), answers[0])

    def _take(self, trigger: Trigger) -> Taken | Ignored:
        refusal = self._not_entitled(trigger)
        if refusal:
            return Ignored(refusal)
        if self._is_over_cap(trigger):
            if not trigger.problem:
                self._tell_of_cap(trigger)
            return Ignored(
                f"this pull request had its {self._per_hour} commands of the hour; the organisation's policy "
                "sets max_reviews_per_hour"
            )
        return self._commit(trigger)

    def _commit(self, trigger: Trigger) -> Taken:
        accepted = self._requests.accept(
            trigger.key, actor=trigger.actor, payload=trigger.payload().to_json(), now=self._now()
        )
        if accepted.state.final:
            return Taken(accepted.review_id, created=False, queued=False)
        # Also for a row that was there already: its first delivery may have died before this line.
        enqueued = self._queue.enqueue(accepted.review_id)
        return Taken(accepted.review_id, created=accepted.created, queued=enqueued is not Enqueued.UNREACHABLE)

    def _not_entitled(self, trigger: Trigger) -> str:
        """Return why whoever asks may not, "" where they may."""
        if not trigger.needs_permission or self._permissions.may_command(
            installation_id=trigger.key.installation_id,
            repo_id=trigger.key.repo_id,
            repository=trigger.repository,
            login=trigger.actor,
        ):
            return ""
        return f"{trigger.actor} may not command reviews: this takes write permission to the repository"

    def _is_over_cap(self, trigger: Trigger) -> bool:
        """Tell whether the hour of a pull request is used up.

        Asked after the permission, so that strangers cannot use up the hour of those who may. A command that comes
        again is not counted against itself.
        """
        key = trigger.key
        if key.trigger == AUTOMATIC or trigger.work is Work.MERGE_GROUP:
            return False
        verbs = self._requests.verbs(
            key.repo_id,
            key.number,
            since=self._now() - HOUR,
            installation_id=key.installation_id,
            besides=(AUTOMATIC, key.trigger),
        )
        # Answers to commands that do not exist are counted by themselves: a slip does not use up a review.
        answers = verbs.get(Work.CORRECTION, 0)
        groups = verbs.get(Work.MERGE_GROUP, 0)
        return (answers if trigger.problem else sum(verbs.values()) - answers - groups) >= self._per_hour

    def _tell_of_cap(self, trigger: Trigger) -> None:
        """Let the pull request be told, once an hour, that it had its reviews."""
        hour = f"cap:{self._now():%Y%m%d%H}"
        key = replace(trigger.key, trigger=hour, head_sha="", base_sha="")
        self._commit(replace(trigger, key=key, problem=Problem.CAP))
