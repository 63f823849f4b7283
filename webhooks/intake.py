"""Take triggers in: each becomes a row of the ledger, then a job, then 202. In this order, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from policies.caps import Cap, CapOf, commands_cap
from reviewer.jobs.payload import FREE, Work
from reviewer.ledger.keys import Accepted, ReviewKey
from reviewer.queue.queue import Enqueued
from webhooks.permission import Permissions
from webhooks.triggers import Ignored, Merged, Trigger, refused


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

    def cancel(self, key: ReviewKey, before: int, actor: str, now: datetime) -> tuple[int, ...]:
        """End the unfinished reviews of a pull request that were asked for before a row; return their ids."""

    def pull_requests(self, repo_id: int, head_sha: str) -> tuple[int, ...]:
        """Return the numbers of the pull requests that were asked to be reviewed at a head."""


class FindingOutcomes(Protocol):
    """What intake needs of the ledger's findings."""

    def ignore_undecided(self, installation_id: int, repo_id: int, number: int, now: datetime) -> int:
        """Record that a pull request was merged with findings that nobody decided; return how many."""


class ReviewLedger(Protocol):
    """What the application needs of the ledger."""

    @property
    def requests(self) -> ReviewRequests:
        """The rows of what was asked for."""

    @property
    def findings(self) -> FindingOutcomes:
        """The published findings."""

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
    """Take triggers in. `caps` returns the caps that a trigger must pass, by whether an outsider caused it."""

    def __init__(
        self,
        requests: ReviewRequests,
        queue: JobQueue,
        permissions: Permissions,
        *,
        caps: Callable[[bool], Sequence[Cap]],
        now: Callable[[], datetime],
        findings: FindingOutcomes,
    ) -> None:
        self._findings = findings
        self._requests = requests
        self._queue = queue
        self._permissions = permissions
        self._caps = caps
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

    def merged(self, ended: Merged) -> int:
        """Record the findings that a merged pull request leaves undecided as ignored; return how many."""
        return self._findings.ignore_undecided(ended.installation_id, ended.repo_id, ended.number, self._now())

    def _take(self, trigger: Trigger) -> Taken | Ignored:
        refusal = self._not_entitled(trigger)
        if refusal:
            told = refused(trigger)
            return self._take(told) if told else Ignored(refusal)
        accepted = self._requests.accept(
            trigger.key,
            actor=trigger.actor,
            payload=trigger.payload().to_json(),
            now=self._now(),
            caps=self._caps_of(trigger),
        )
        if accepted.refusal:
            return Ignored(accepted.refusal)
        if accepted.state.final:
            return Taken(accepted.review_id, created=False, queued=False)
        if trigger.command.verb is Work.CANCEL and trigger.problem is None:
            # Here and not by the worker, which may be at work on what is to be stopped.
            self._requests.cancel(trigger.key, accepted.review_id, trigger.actor, self._now())
        # Also for a row that was there already: its first delivery may have ended before this line.
        enqueued = self._queue.enqueue(accepted.review_id)
        return Taken(accepted.review_id, created=accepted.created, queued=enqueued is not Enqueued.UNREACHABLE)

    def _caps_of(self, trigger: Trigger) -> Sequence[Cap]:
        if trigger.work is Work.MERGE_GROUP:
            # No model is asked for it, and a queue that gets no answer stands still.
            return ()
        caps = self._caps(trigger.outsider)
        if trigger.payload().verb in FREE:
            return commands_cap(caps)
        # An answer to a command that does not exist is no review: only the pull request's own cap is for it.
        return [cap for cap in caps if cap.of is CapOf.PULL_REQUEST] if trigger.problem else caps

    def _not_entitled(self, trigger: Trigger) -> str:
        """Return why the actor may not command, "" where no permission is needed or GitHub says that they may.

        Asked before the caps are counted, so that people without the permission cannot use up the cap.
        """
        if not trigger.needs_permission or self._permissions.may_command(
            installation_id=trigger.key.installation_id,
            repo_id=trigger.key.repo_id,
            repository=trigger.repository,
            login=trigger.actor,
        ):
            return ""
        return f"{trigger.actor} may not command reviews: this takes write permission to the repository"
