"""Answer the merge queue: a merge group shows the verdict of the pull request that it was made for."""

from __future__ import annotations

from policies.words import Conclusion
from reviewer.jobs.access import Access
from reviewer.jobs.job import Job
from reviewer.jobs.verdicts import earlier_verdict, kept_output
from reviewer.ledger.keys import ReviewState
from reviewer.publish.check import CheckOutput

_NONE = "This head of the pull request has no verdict of its own, so the merge group gets none."


def answer_merge_group(job: Job, access: Access) -> None:
    """Conclude a check run on the group's head; without one a required check holds the queue up for ever."""
    pr = access.reader.pull_request(job.payload.repository, job.key.number)
    document = earlier_verdict(job.ledger, pr, besides=job.id)
    if document is not None:
        output = kept_output(document, f"This is the verdict on pull request #{pr.number}, which is in the queue.")
    else:
        output = CheckOutput(Conclusion.NEUTRAL, {"title": "Not reviewed", "summary": _NONE})
    access.check_runs(job, pr.repository).conclude(job.key.head_sha, output)
    job.held.finish(ReviewState.PUBLISHED, "")
