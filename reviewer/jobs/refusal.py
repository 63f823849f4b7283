"""End a review that the repository's `[triggers]` do not let start, and say why."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from policies.policy import Policy
from policies.starting import why_not
from reviewer.errors import PermissionMissing
from reviewer.github.records import PullRequest
from reviewer.jobs.access import Access
from reviewer.jobs.command_reply import answer_unusable
from reviewer.jobs.job import Job
from reviewer.jobs.occasion import asker_of, occasion_of
from reviewer.jobs.verdicts import leave_without_review
from reviewer.ledger.keys import ReviewState

SKIPPED: Final = "Skipped by policy"


def is_refused(job: Job, access: Access, pr: PullRequest, policy: Policy) -> bool:
    """Tell whether policy lets the review start; where it does not, answer the person who asked and end it."""
    asker = asker_of(job, access)
    why = why_not(occasion_of(job, pr), policy, asker)
    if not why:
        return False
    if asker is not None:
        leave_without_review(job, access, pr, title="Not reviewed", why=why)
        answer_unusable(job, access, pr.repository, why)
    else:
        # A pull request without a check would look like one that waits, or one that was never seen.
        leave_without_review(job, access, pr, title=SKIPPED, why=why, told=True)
        job.held.finish(ReviewState.REFUSED, why)
    return True


def show_skipped(job: Job, access: Access) -> None:
    """Say on the check of a head why it is not reviewed, once, where nothing of ours stands on that head yet.

    The organisation's policy decided that when the delivery arrived: no code is read for it.
    """
    why = job.payload.problem
    pr = access.reader.pull_request(job.payload.repository, job.key.number)
    if pr.state == "open" and pr.head_sha == job.key.head_sha:
        with suppress(PermissionMissing):
            if not access.check_runs(job, pr.repository).on(pr.head_sha):
                leave_without_review(job, access, pr, title=SKIPPED, why=why, told=True)
    job.held.finish(ReviewState.REFUSED, why)
