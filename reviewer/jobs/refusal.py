"""End a review that the repository's `[triggers]` do not let start, and say why."""

from __future__ import annotations

from policies.policy import Policy
from policies.starting import why_not
from reviewer.github.records import PullRequest
from reviewer.jobs.access import Access
from reviewer.jobs.command_reply import answer_unusable
from reviewer.jobs.job import Job
from reviewer.jobs.occasion import asker_of, occasion_of
from reviewer.jobs.verdicts import leave_without_review
from reviewer.ledger.keys import ReviewState


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
        leave_without_review(job, access, pr, title="Skipped by policy", why=why, told=True)
        job.held.finish(ReviewState.REFUSED, why)
    return True
