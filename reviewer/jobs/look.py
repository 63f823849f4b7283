"""Look at a pull request and decide whether its review goes on; else end it with words on its check."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from policies.starting import may_review_drafts
from reviewer.errors import PermissionMissing, RetryableError, Superseded
from reviewer.github.records import PullRequest
from reviewer.jobs.access import Access
from reviewer.jobs.job import Job
from reviewer.jobs.lease import jitter
from reviewer.jobs.verdicts import leave_without_review
from reviewer.ledger.keys import ReviewState
from reviewer.ledger.life import Next, Seen, judge
from reviewer.settings import organisation_policy

log = logging.getLogger(__name__)

# How long a review waits that found another one of its pull request at work; drawn out at random, so that two do
# not meet again.
BUSY_SECONDS: Final = 10.0
# And one whose pull request GitHub shows as it was before the delivery.
LOOK_AGAIN_SECONDS: Final = 3.0
_DRAFT: Final = "The pull request is a draft; its review starts when it is ready."


class Busy(RetryableError):
    """Another review of the same pull request is at work: one after the other, so that nothing is said twice."""


class Outdated(RetryableError):
    """GitHub shows a pull request as it was before the delivery that asked for its review."""


def look(job: Job, access: Access) -> PullRequest | None:
    """Return the pull request to review, None where the review was ended instead.

    Outdated where GitHub's answer is older than the delivery, Busy where another review is at work.
    """
    pr, step = _look(job, access)
    if step is not Next.REVIEW:
        # One answer of a replica that lags must not end a review.
        pr, step = _look(job, access)
    if step is Next.LOOK_AGAIN:
        raise Outdated(
            f"GitHub shows {pr.repository}#{pr.number} at {pr.head_sha[:7]}, older than the delivery",
            retry_after=LOOK_AGAIN_SECONDS,
        )
    if step is not Next.REVIEW:
        # An attempt before this one may have shown the review as under way on a head that is left by now.
        _end_check(job, access, pr, job.key.head_sha)
    if step is Next.SUPERSEDED:
        job.held.finish(ReviewState.SUPERSEDED, f"superseded by {pr.head_sha[:7]}")
        return None
    if step in (Next.CLOSED, Next.DRAFT):
        why = _DRAFT if step is Next.DRAFT else f"The pull request is {pr.state}."
        leave_without_review(job, access, pr, title="Not reviewed", why=why, told=step is Next.DRAFT)
        job.held.finish(ReviewState.REFUSED, why)
        return None
    _supersede_older(job, access, pr)
    other = job.ledger.reviews.busy(job.held.lease, job.now())
    if other is not None:
        wait = BUSY_SECONDS * (1 + jitter())
        raise Busy(f"review {other} of this pull request comes first", retry_after=wait)
    return pr


def give_way(job: Job, access: Access, pr: PullRequest, moved: Superseded) -> None:
    """End a review whose pull request moved on while it was at work; one that a comment asked for starts again."""
    if moved.head != pr.head_sha:
        with suppress(PermissionMissing):
            access.check_runs(job, pr.repository).end_superseded(pr.head_sha, moved.head)
    if job.key.head_sha:
        job.held.finish(ReviewState.SUPERSEDED, str(moved))
    else:
        # It is of whatever the head is: no other review of the new one has the command's options.
        job.held.restart()


def _look(job: Job, access: Access) -> tuple[PullRequest, Next]:
    pr = access.reader.pull_request(job.payload.repository, job.key.number)
    seen = Seen(pr.head_sha, pr.state == "open", pr.draft, pr.updated_at)
    return pr, judge(
        job.key,
        seen,
        told_at=job.payload.updated_at,
        age=_age(job.row.accepted_at, job.now()),
        newer=job.ledger.reviews.has_newer(job.row, pr.head_sha),
        drafts=not pr.draft or may_review_drafts(organisation_policy(job.settings)),
    )


def _supersede_older(job: Job, access: Access, pr: PullRequest) -> None:
    """End what was asked for before this review, whose head is live, and what it shows on other heads."""
    if not job.key.head_sha:
        return
    ended = job.ledger.reviews.supersede_older(job.row, job.now())
    heads = {row.key.head_sha for row in map(job.ledger.reviews.get, ended) if row is not None}
    for head in sorted(heads - {pr.head_sha}):
        log.info("review %d takes the place of an older one of %s", job.id, head[:7])
        _end_check(job, access, pr, head)


def _end_check(job: Job, access: Access, pr: PullRequest, head: str) -> None:
    """Conclude what shows a review of a head as under way that is not the live one; no later job will."""
    if head in ("", pr.head_sha):
        return
    with suppress(PermissionMissing):
        access.check_runs(job, pr.repository).end_superseded(head, pr.head_sha)


def _age(accepted_at: datetime, now: datetime) -> timedelta:
    return max(now - accepted_at, timedelta(0))
