"""Reply to commands: one comment each, posted once whatever is tried again."""

from __future__ import annotations

from collections.abc import Iterable

from reviewer.errors import NotFound, PermissionMissing
from reviewer.github.records import Comment
from reviewer.jobs.access import Access
from reviewer.jobs.correction import correction
from reviewer.jobs.inputs import Inputs
from reviewer.jobs.job import Job
from reviewer.ledger.keys import ReviewState
from reviewer.publish.escape import plain
from reviewer.publish.marker import is_own
from reviewer.publish.outgoing import outgoing
from reviewer.steps.context import ReviewContext
from reviewer.steps.estimate import estimate_table, plan_review


def reply_to_command(
    job: Job, access: Access, repository: str, kind: str, body: str, *, thread: int | None = None
) -> None:
    """Answer a command where it was written, or in `thread`, unless such an answer is there."""
    gh, number = access.writer, job.key.number
    thread = job.payload.thread_id if thread is None else thread
    mark = f"<!-- kilo-app:{kind} {job.id} -->"
    posted = gh.review_comments(repository, number) if thread else gh.comments(repository, number)
    if has_mark(posted, mark, access.identity.login):
        return
    job.announce(kind)
    if thread:
        gh.reply(repository, number, thread, f"{mark}\n{body}")
    else:
        gh.create_comment(repository, number, f"{mark}\n{body}")


def react_to_command(job: Job, access: Access, content: str) -> None:
    """React to the comment that asked, where one did."""
    if job.payload.comment_id:
        on = "pulls" if job.payload.thread_id else "issues"
        access.writer.react(job.payload.repository, job.payload.comment_id, content, on=on)


def has_mark(comments: Iterable[Comment], mark: str, login: str) -> bool:
    """Tell whether a comment of `login` has this mark."""
    return any(mark in comment.body and is_own(comment.author, login) for comment in comments)


def answer_estimate(job: Job, access: Access, repository: str, inputs: Inputs) -> None:
    """Answer `/kilo estimate` with the plan and its price; nothing is asked."""
    context = ReviewContext(inputs.policy, inputs.models.client, inputs.head, inputs.base)
    planned = plan_review(inputs.request, context)
    reply_to_command(job, access, repository, "estimate", outgoing(estimate_table(planned), job.redact))
    job.held.finish(ReviewState.PUBLISHED, "")


def answer_correction(job: Job, access: Access) -> None:
    """Answer a command that does not exist with a reaction and one comment; where that fails there is no answer."""
    repository = job.payload.repository
    try:
        react_to_command(job, access, "confused")
        reply_to_command(job, access, repository, "correction", correction(job.payload.problem))
    except (NotFound, PermissionMissing) as error:
        job.held.finish(ReviewState.REFUSED, job.words(error))
    else:
        job.held.finish(ReviewState.PUBLISHED, "")


def answer_unusable(job: Job, access: Access, repository: str, why: str) -> None:
    """Say why a command's review came to nothing; the verdict that the pull request has stays as it is."""
    reason = job.redact(" ".join(why.split()))
    if job.payload.comment_id:
        body = f"This review came to no verdict, and what the pull request shows stays as it is.\n\n{plain(reason)}"
        reply_to_command(job, access, repository, "answer", body)
    job.held.finish(ReviewState.REFUSED, reason)
