"""Write the sticky summary again from a stored review, when a command changed what holds."""

from __future__ import annotations

from contextlib import suppress

from reviewer.errors import PermissionMissing
from reviewer.github.records import PullRequest
from reviewer.jobs.access import Access
from reviewer.jobs.document import Document
from reviewer.jobs.job import Job
from reviewer.jobs.pause import pause_note
from reviewer.jobs.publication import totals_of
from reviewer.jobs.verdicts import stored_document
from reviewer.publish import sticky
from reviewer.publish.marker import fingerprint_in_marker
from reviewer.publish.outgoing import outgoing
from reviewer.publish.settle import Settle
from reviewer.publish.summary import SummaryInput, render_summary
from reviewer.steps.redact_review import redact_review


def rewrite_summary(job: Job, access: Access, pr: PullRequest, document: Document) -> None:
    """Write the summary of a pull request again; nothing where there is none or the App may not."""
    known = job.ledger.publications.summary_of(pr.repo_id, pr.number)
    if known is None:
        return
    paused = pause_note(job.ledger.pauses, pr.repo_id, pr.number)
    source = SummaryInput(
        redact_review(document.review, job.redact),
        repository_url=pr.repository_url,
        comment_urls=_urls(job, pr),
        totals=totals_of(job, pr),
        notices=(paused,) if paused else (),
        verdict=document.verdict,
    )
    with suppress(PermissionMissing):
        sticky.upsert(
            access.writer,
            pr,
            outgoing(render_summary(source), job.redact),
            login=access.identity.login,
            known=known,
            fence=job.held.fence,
            settle=Settle(),
            announce=lambda: job.announce("summary"),
        )


def show_pause(job: Job, access: Access, pr: PullRequest) -> None:
    """Let the summary say that the pull request is paused, or no longer."""
    shown = job.ledger.publications.newest(pr.repo_id, pr.number)
    document = stored_document(job.ledger, shown.review_id) if shown else None
    if document is not None:
        rewrite_summary(job, access, pr, document)


def _urls(job: Job, pr: PullRequest) -> dict[str, str]:
    """Return the address of each finding's inline comment, by the fingerprint as a marker spells it."""
    page = f"{pr.repository_url}/pull/{pr.number}"
    return {
        fingerprint_in_marker(known.fingerprint): f"{page}#discussion_r{known.comment_id}"
        for known in job.ledger.findings.of_pull_request(pr.repo_id, pr.number)
        if known.comment_id
    }
