"""Keep the verdict that a pull request has: a later run that fails does not take it away."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Final

from policies.gates import Verdict
from policies.words import Conclusion
from reviewer.errors import PermissionMissing
from reviewer.findings.memory import Memory
from reviewer.github.records import PullRequest
from reviewer.jobs.access import Access
from reviewer.jobs.document import Document, load_document
from reviewer.jobs.job import Job
from reviewer.ledger.ledger import Ledger
from reviewer.publish.check import CheckOutput, render_check
from reviewer.publish.escape import plain
from reviewer.steps.result import Review, ReviewStatus

log = logging.getLogger(__name__)

_DECIDED: Final = frozenset({Conclusion.SUCCESS, Conclusion.FAILURE})
_UNFINISHED: Final = frozenset(
    {ReviewStatus.INCOMPLETE, ReviewStatus.ANALYSERS_ONLY, ReviewStatus.STOPPED_BY_LIMIT}
)


def stored_document(ledger: Ledger, review_id: int) -> Document | None:
    """Return a stored review, None where there is none or an older version wrote it in another shape.

    What cannot be read is reviewed again; answers that were paid for are not asked for again.
    """
    text = ledger.reviews.result(review_id)
    if text is None:
        return None
    try:
        return load_document(text)
    except ValueError as error:
        log.warning("review %d: its stored document cannot be used: %s", review_id, error)
        return None


def earlier_verdict(ledger: Ledger, pr: PullRequest, *, besides: int) -> Document | None:
    """Return the review whose verdict a pull request shows, where it is of this very head and base."""
    shown = ledger.publications.newest(pr.repo_id, pr.number)
    if shown is None or shown.review_id == besides:
        return None
    if (shown.head_sha, shown.base_sha) != (pr.head_sha, pr.base_sha):
        return None
    return stored_document(ledger, shown.review_id)


def memory_of(ledger: Ledger, pr: PullRequest) -> Memory:
    """Return what the newest published review of a pull request left for the next one, whatever head it was of."""
    shown = ledger.publications.newest(pr.repo_id, pr.number)
    document = stored_document(ledger, shown.review_id) if shown else None
    return document.memory if document else Memory()


def keep_earlier(earlier: Verdict, fresh: Verdict) -> Verdict:
    """Return the verdict after a later run on the same head and base: one that came to none keeps the earlier."""
    if earlier.conclusion not in _DECIDED or fresh.conclusion in _DECIDED:
        return fresh
    note = f"The verdict of the earlier review of this commit stands; a later run came to none: {fresh.title}."
    return replace(earlier, reasons=(*earlier.reasons, note))


def reviewed_nothing(review: Review) -> bool:
    """Tell whether a review ended early before any model had answered for a single hunk."""
    return review.status in _UNFINISHED and not review.coverage.reviewed


def kept_output(document: Document, note: str) -> CheckOutput:
    """Return an earlier review's check run again, with a note on what came after it."""
    verdict = replace(document.verdict, reasons=(*document.verdict.reasons, note))
    return render_check(document.review, verdict)


def without_review(earlier: Document | None, *, title: str, why: str) -> CheckOutput:
    """Return the check run of a review that came to nothing: the earlier verdict with a note, else neutral."""
    if earlier is not None:
        return kept_output(earlier, f"A later run came to no verdict, so this one stands: {why}")
    return CheckOutput(Conclusion.NEUTRAL, {"title": title, "summary": plain(why)})


def leave_without_review(
    job: Job, access: Access, pr: PullRequest, *, title: str, why: str, told: bool = False
) -> None:
    """Conclude what shows this review as under way; an App that may not has shown nothing.

    `told`: say it also where nothing shows the review yet.
    """
    with suppress(PermissionMissing):
        checks = access.check_runs(job, pr.repository)
        if told or checks.is_open(pr.head_sha):
            earlier = earlier_verdict(job.ledger, pr, besides=job.id)
            checks.conclude(pr.head_sha, without_review(earlier, title=title, why=why))


def show_paused(job: Job, access: Access, pr: PullRequest, why: str) -> None:
    """Say on the check run of a head that was not reviewed because people paused the pull request."""
    earlier = earlier_verdict(job.ledger, pr, besides=job.id)
    if earlier is None:
        with suppress(PermissionMissing):
            title = "Not reviewed: paused"
            access.check_runs(job, pr.repository).conclude(pr.head_sha, without_review(None, title=title, why=why))
