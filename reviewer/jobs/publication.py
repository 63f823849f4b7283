"""Make a review, store it, and publish it."""

from __future__ import annotations

from dataclasses import replace

from reviewer import pipeline
from reviewer.github.records import PullRequest
from reviewer.jobs.access import Access
from reviewer.jobs.document import Document, document_of, dump_document
from reviewer.jobs.earlier_findings import known_findings
from reviewer.jobs.facts import facts_of
from reviewer.jobs.fixing_commits import with_commits
from reviewer.jobs.inputs import Inputs
from reviewer.jobs.job import Job
from reviewer.jobs.pause import pause_note
from reviewer.jobs.payload import Work
from reviewer.jobs.redacted_results import OfRepository, RedactedResults
from reviewer.jobs.verdicts import keep_earlier
from reviewer.ledger.keys import Publication, ReviewState
from reviewer.publish.check_runs import external_id
from reviewer.publish.cost import Totals
from reviewer.publish.publisher import Identity, publish
from reviewer.publish.settle import Settle
from reviewer.steps.context import ReviewContext


def make_review(job: Job, inputs: Inputs, earlier: Document | None) -> Document:
    """Run the pipeline and judge its result; `earlier` is the verdict that the same head and base have already."""
    # An answer may quote what was looked up in the repository's other files, so it is for this repository alone.
    results = OfRepository(job.ledger.results(job.now), job.key.repo_id)
    store = RedactedResults(results, job.redact.in_json, asks_again=job.payload.full)
    context = ReviewContext(
        inputs.policy,
        inputs.models.client,
        inputs.head,
        inputs.base,
        frontier_price=inputs.models.frontier_price,
        gates=job.shared.gates,
        store=store,
        # A model that a command names, and a full review, are about everything.
        hunks=None if job.payload.model or job.payload.full else store,
    )
    review = pipeline.review(inputs.request, context)
    job.ledger.calls.note_checks(str(job.id), review.calls)
    # The ledger has every call: those of an attempt that was killed belong on the bill too.
    review = replace(review, calls=job.ledger.calls.of_review(job.id))
    review = replace(review, fixed=with_commits(review.fixed, inputs.head))
    document = document_of(review, inputs.policy, job.redact, inputs.request.memory)
    return replace(document, verdict=keep_earlier(earlier.verdict, document.verdict)) if earlier else document


def store_review(job: Job, pr: PullRequest, document: Document) -> None:
    """Store a review before anything of it is published: from here on a retry costs no model call."""
    job.held.save_result(dump_document(document))
    job.ledger.facts.save(job.held.lease, facts_of(document.review, pr), job.now())


def publish_review(job: Job, access: Access, pr: PullRequest, document: Document) -> None:
    """Publish a stored review and end the row; a review that a comment asked for starts again on a new head."""
    review = document.review
    paused = pause_note(job.ledger.pauses, job.key.repo_id, job.key.number)
    posted = publish(
        replace(review, notices=(*review.notices, paused)) if paused else review,
        pr,
        access.writer,
        verdict=document.verdict,
        identity=Identity(access.identity.login, access.identity.id),
        fence=job.held.fence,
        save=job.save,
        before=_before(job, pr),
        totals=totals_of(job, pr),
        secrets=job.redact,
        external_id=external_id(job.key.number, job.id),
        settle=Settle(),
    )
    if posted.stale and not job.key.head_sha:
        # It is of whatever the head is: no other review of the new one has the command's options.
        job.held.restart()
    elif posted.stale:
        job.held.finish(ReviewState.SUPERSEDED, "head or base moved on during the review")
    else:
        found = known_findings(posted.review, posted.urls)
        job.ledger.findings.save(job.held.lease, pr.repo_id, pr.number, found, job.now())
        job.held.finish(ReviewState.PUBLISHED, job.redact("; ".join(posted.problems)))


def _before(job: Job, pr: PullRequest) -> Publication:
    """Return what earlier attempts saved, with the summary that an earlier review of the pull request posted."""
    own = job.publication()
    if own.summary_comment_id is None:
        own = replace(own, summary_comment_id=job.ledger.publications.summary_of(pr.repo_id, pr.number))
    return own


def totals_of(job: Job, pr: PullRequest) -> Totals:
    """Return what the pull request has cost so far."""
    spend = job.ledger.calls.totals(str(job.id), job.key.pull_request)
    verbs = job.ledger.requests.verbs(pr.repo_id, pr.number)
    return Totals(
        reviews=verbs.get(Work.REVIEW, 0) + verbs.get("", 0),
        calls=spend.pull_request.calls,
        cost=spend.pull_request.cost,
        known=spend.pull_request.known,
    )
