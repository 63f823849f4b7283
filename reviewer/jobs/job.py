"""The job: one leased row of the ledger with everything that its steps share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from reviewer.errors import KiloReviewError
from reviewer.jobs.lease import HeldLease
from reviewer.jobs.payload import JobPayload
from reviewer.jobs.shared import Shared
from reviewer.ledger.keys import Publication, ReviewKey, ReviewRow
from reviewer.ledger.ledger import Ledger
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.publish.settle import LIST_LAG
from reviewer.settings import Settings

# A write that was announced longer ago than this is in every list of GitHub's, or was never sent.
ANNOUNCED: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Pace:
    """The clock, and in seconds the pause between two writes and how far GitHub's lists lag."""

    now: Callable[[], datetime]
    write_pause: float
    list_lag: float = LIST_LAG
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt at one row, under its lease; `shared` is what all attempts of this process use."""

    shared: Shared
    row: ReviewRow
    payload: JobPayload
    held: HeldLease
    pace: Pace

    @property
    def settings(self) -> Settings:
        """The settings of the process."""
        return self.shared.settings

    @property
    def ledger(self) -> Ledger:
        """The ledger of the process."""
        return self.shared.ledger

    @property
    def redact(self) -> OwnSecrets:
        """What takes our own secrets out of a text."""
        return self.shared.redact

    @property
    def id(self) -> int:
        """The id of the review."""
        return self.row.id

    @property
    def key(self) -> ReviewKey:
        """What the work is."""
        return self.row.key

    def log_fields(self) -> dict[str, str]:
        """Return what names this work on every log line: its key, and the delivery that asked for it."""
        return {
            "review": str(self.id),
            "repository": self.payload.repository,
            "number": str(self.key.number or ""),
            "head": self.key.head_sha[:12],
            "trigger": self.key.trigger,
            "delivery": self.payload.delivery,
        }

    def now(self) -> datetime:
        """Return the time."""
        return self.pace.now()

    def words(self, error: BaseException) -> str:
        """Return an error as one line without secrets."""
        text = str(error) if isinstance(error, KiloReviewError) else f"{type(error).__name__}: {error}"
        return self.redact(" ".join(text.split()))

    def publication(self) -> Publication:
        """Return what earlier attempts saved of the publication."""
        return self.ledger.publications.get(self.id)

    def save(self, publication: Publication) -> None:
        """Save what is on GitHub, or about to be."""
        self.ledger.publications.save(self.held.lease, publication, self.now())

    def announce(self, what: str) -> None:
        """Save that something is about to be created on GitHub."""
        self.save(replace(self.publication(), writing=what))

    def wait_out_lag(self) -> None:
        """Wait until GitHub's lists show what was written to this pull request last, by whatever attempt.

        An attempt that died between a write and its answer leaves an announcement; a review that ended a moment
        ago may have comments that no list shows yet. Looking too early would post them a second time.
        """
        written = self.ledger.publications.last_write(self.key.repo_id, self.key.number)
        if written is None or not self.pace.list_lag:
            return
        age = self.now() - written.at
        # Clocks of two machines may differ: what was announced and not answered is waited for in full.
        full = written.announced and age < ANNOUNCED
        left = self.pace.list_lag if full else self.pace.list_lag - age.total_seconds()
        if left > 0:
            self.pace.sleep(min(left, self.pace.list_lag))
