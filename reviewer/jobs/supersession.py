"""Stop a review at its next call where its pull request has moved on: what comes of it would count for nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from reviewer.errors import GitHubUnavailable, NotFound, RateLimited, Superseded
from reviewer.github.client import GitHub
from reviewer.github.records import PullRequest
from reviewer.jobs.job import Job
from reviewer.models.meter import CallIntent, Meter
from reviewer.models.model import Call


class StillWanted:
    """Tells a running review whether its pull request still has the head and base that it is of.

    The ledger knows of a push as soon as its delivery came; GitHub is asked only then, and is the one to say. Safe
    between threads.
    """

    def __init__(self, job: Job, gh: GitHub, pr: PullRequest) -> None:
        self._job = job
        self._gh = gh
        self._pr = pr
        self._lock = threading.Lock()
        # The newest later review that GitHub, asked after it was asked for, did not bear out.
        self._settled = 0
        self._by = ""

    def check(self) -> None:
        """Raise Superseded where the pull request has another head or base branch by now."""
        with self._lock:
            if not self._by:
                self._by = self._moved_to()
            if self._by:
                raise Superseded(self._by)

    def _moved_to(self) -> str:
        newest = self._job.ledger.reviews.newest_push(self._job.row)
        if newest is None or newest.id == self._settled:
            return ""
        try:
            now = self._gh.pull_request(self._pr.repository, self._pr.number)
        except (GitHubUnavailable, RateLimited, NotFound):
            # Not known, so the review goes on; before it publishes anything GitHub is asked again.
            return ""
        if now.updated_at < max(self._pr.updated_at, str(newest.payload.get("updated_at") or "")):
            return ""  # a replica that does not know yet: asked again at the next call
        if now.head_sha != self._pr.head_sha or now.has_other_base(self._pr):
            return now.head_sha
        self._settled = newest.id
        return ""


@dataclass(frozen=True, slots=True)
class WatchedMeter:
    """A meter that asks whether the review is still wanted before it lets money be spent."""

    meter: Meter
    check: Callable[[], None]

    def reserve(self, *, amount: Decimal | None, call: CallIntent) -> str:
        """Reserve as the meter does; Superseded where nothing more may be asked."""
        self.check()
        return self.meter.reserve(amount=amount, call=call)

    def settle(self, reservation: str, call: Call) -> None:
        """Settle as the meter does: what was spent is on the bill whatever came after."""
        self.meter.settle(reservation, call)
