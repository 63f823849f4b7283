"""ReviewKey, what a piece of work is; ReviewState, how far it is; Lease, who may go on with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

# A job that takes its worker down this often is a poison job: it is parked and said so, not tried again.
MAX_TRIES: Final = 3
# Waits without a fault of the review (a rate limit, GitHub down) before it is given up: two days at the longest.
MAX_DEFERRALS: Final = 200
BACKOFF_FIRST: Final = timedelta(seconds=15)
BACKOFF_LONGEST: Final = timedelta(minutes=15)


# The trigger of a pull request's own events: however a head came to be there, it is one review.
AUTOMATIC: Final = "auto"
# Begins the trigger of a review that the label for it asked for.
ASKED: Final = "asked:"
# Begins the trigger of a review of a head that was reviewed, or given up, before.
AGAIN: Final = "again:"


class ReviewState(StrEnum):
    """How far a review is.

    accepted → running → reviewed → published, or one of the ends failed, refused, superseded, cancelled, parked.
    `capped` was never accepted: it was one review too many, and its row is there so that the pull request gets a
    notice.
    `reviewed` means that the result is stored: from there on a retry costs GitHub calls, never a model call.
    """

    ACCEPTED = "accepted"
    RUNNING = "running"
    REVIEWED = "reviewed"
    PUBLISHED = "published"
    FAILED = "failed"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    PARKED = "parked"
    CAPPED = "capped"

    @property
    def final(self) -> bool:
        """True where no worker will touch the review again."""
        return self not in UNFINISHED


UNFINISHED: Final = (ReviewState.ACCEPTED, ReviewState.RUNNING, ReviewState.REVIEWED)
FINAL: Final = tuple(state for state in ReviewState if state not in UNFINISHED)


@dataclass(frozen=True, slots=True)
class ReviewKey:
    """Identity of a piece of work: all that a verdict depends on. Two deliveries with the same key are one review.

    `trigger` is AUTOMATIC for the pull request's own events, AGAIN and the delivery's id where a pull request came
    back to a head and base that it had before, else what asked: "comment:<id>", "rerun:<guid>", "label:<guid>",
    ASKED and the delivery's id for the label that asks for a review, "merge:<guid>". `head_sha` and `base_sha` are
    "" where the job has to look them up.
    """

    installation_id: int
    repo_id: int
    number: int
    head_sha: str
    trigger: str = AUTOMATIC
    base_sha: str = ""

    @property
    def automatic(self) -> bool:
        """True for a review that no command asked for: a newer one of the pull request takes its place."""
        return self.trigger == AUTOMATIC or self.trigger.startswith(AGAIN)

    @property
    def pull_request(self) -> str:
        """The subject that pull request limits are counted for."""
        return f"{self.repo_id}#{self.number}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to an intake: `created` is False where the work was known already.

    Where a cap was reached, `state` is CAPPED and `refusal` says which one; `review_id` is then 0, except for the
    first one of the cap's window, whose row is what the notice on the pull request comes from.
    """

    review_id: int
    created: bool
    state: ReviewState
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to go on with a review until another worker takes it over: every write names the `fence`.

    `attempt` counts from 1. `state` is what the review was when it was taken: REVIEWED means publish only.
    """

    review_id: int
    owner: str
    fence: int
    until: datetime
    attempt: int
    state: ReviewState


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A review as the ledger has it.

    `error` is the last fault, one line, without secrets. `deferrals` counts the waits without a fault of its own.
    """

    id: int
    key: ReviewKey
    state: ReviewState
    actor: str
    attempts: int
    accepted_at: datetime
    updated_at: datetime
    retry_at: datetime | None = None
    error: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    deferrals: int = 0


@dataclass(frozen=True, slots=True)
class Publication:
    """What of a review is on GitHub, as GitHub's ids; None and empty where nothing is yet.

    `head_sha` and `base_sha` are what the verdict is of. `writing` names the write that was about to be sent when
    this was saved ("" for none): where a worker died, GitHub may have it although no list shows it yet.
    """

    github_review_id: int | None = None
    comment_ids: tuple[int, ...] = ()
    summary_comment_id: int | None = None
    check_run_id: int | None = None
    marker: str = ""
    head_sha: str = ""
    base_sha: str = ""
    writing: str = ""


def backoff(attempt: int, jitter: float = 0.0) -> timedelta:
    """Return how long to wait before the next attempt: doubling from 15 s to 15 min, less up to half of it.

    `attempt` counts from 1; `jitter` is a random number from 0 to 1, so that failed jobs do not return together.
    """
    longest = min(BACKOFF_LONGEST, BACKOFF_FIRST * (1 << min(max(attempt, 1) - 1, 16)))
    return longest * (1 - 0.5 * min(max(jitter, 0.0), 1.0))


# Characters of a reason that are kept.
MAX_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Dismissal:
    """A finding that `actor` dismissed; `reason` is "" where none was given."""

    fingerprint: str
    actor: str
    reason: str
