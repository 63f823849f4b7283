"""Run one row of the ledger from its lease to its publication, step by step."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import datetime

from reviewer.errors import (
    ConfigurationError,
    GitHubUnavailable,
    KiloReviewError,
    LeaseLost,
    LedgerUnavailable,
    NotFound,
    PermissionMissing,
    RateLimited,
    RetryableError,
    Superseded,
)
from reviewer.github.api import WRITE_PAUSE_S
from reviewer.github.records import PullRequest
from reviewer.jobs.access import READ_PERMISSIONS, WRITE_PERMISSIONS, Access, AppRefused, open_access
from reviewer.jobs.command_answers import answer_command, paused
from reviewer.jobs.command_fix import answer_fix
from reviewer.jobs.command_reply import answer_correction, answer_estimate, answer_unusable, react_to_command
from reviewer.jobs.inputs import Inputs, open_inputs
from reviewer.jobs.job import Job, Pace
from reviewer.jobs.lease import LEASE, Heartbeat, HeldLease
from reviewer.jobs.log_fields import log_fields
from reviewer.jobs.look import Busy, Outdated, give_way, look
from reviewer.jobs.merge_queue import answer_merge_group
from reviewer.jobs.owner import lease_owner
from reviewer.jobs.payload import FREE, JobPayload, Work
from reviewer.jobs.policy import utc_now
from reviewer.jobs.publication import make_review, publish_review, store_review
from reviewer.jobs.refusal import is_refused, show_skipped
from reviewer.jobs.shared import Shared
from reviewer.jobs.turn import has_turn
from reviewer.jobs.verdicts import (
    earlier_verdict,
    leave_without_review,
    reviewed_nothing,
    show_paused,
    stored_document,
)
from reviewer.ledger.keys import ReviewState
from reviewer.publish.settle import LIST_LAG
from reviewer.queue.review_job import JOB_SECONDS
from reviewer.settings import Settings
from reviewer.steps.only_paths import matching_nothing, named
from reviewer.steps.result import Review

__all__ = ["READ_PERMISSIONS", "WRITE_PERMISSIONS", "run", "run_shared"]

log = logging.getLogger(__name__)


def run(
    review_id: int,
    settings: Settings,
    *,
    now: Callable[[], datetime] = utc_now,
    write_pause: float = WRITE_PAUSE_S,
    list_lag: float = LIST_LAG,
) -> None:
    """Run a review of the ledger to its publication, or leave it to a later run with the reason on record.

    Safe to call again at any time: the lease lets one through, stored answers and the stored review are not paid
    for again, and what is published already is found. `write_pause` is the seconds between two writes to GitHub,
    `list_lag` how many its lists lag behind them. Raises only LedgerUnavailable, and what told the process to stop.
    """
    with closing(Shared(settings, now)) as shared:
        run_shared(review_id, shared, write_pause=write_pause, list_lag=list_lag)


def run_shared(
    review_id: int, shared: Shared, *, write_pause: float = WRITE_PAUSE_S, list_lag: float = LIST_LAG
) -> None:
    """Run a review as `run` does, beside others of this process that use the same `shared`."""
    ledger, now = shared.ledger, shared.now
    lease = ledger.reviews.begin(review_id, lease_owner(), now(), LEASE)
    row = ledger.reviews.get(review_id)
    if lease is None or row is None:
        log.info("review %d is finished, not due or held by another worker", review_id)
        return
    try:
        payload = JobPayload.from_json(row.payload)
    except ValueError as error:
        ledger.reviews.fail(lease, None, str(error), now())
        return
    job = Job(
        shared=shared,
        row=row,
        payload=payload,
        held=HeldLease(ledger.reviews, lease, now),
        pace=Pace(now, write_pause, list_lag),
    )
    with log_fields(**job.log_fields()):
        log.info("review %d begins, try %d", job.id, lease.attempt)
        _attempt(job)


def _attempt(job: Job) -> None:
    """Do the work under a heartbeat; record what went wrong, and whether and when it is tried again."""
    try:
        with Heartbeat(_beat_in_time(job), every=LEASE / 3), ExitStack() as stack:
            _work(job, stack)
    except LeaseLost:
        log.info("review %d went to another worker", job.id)
    except LedgerUnavailable:
        raise
    except (GitHubUnavailable, RateLimited, Busy, Outdated, AppRefused) as error:
        _wait(job, error)
    except RetryableError as error:
        _fail(job, error, retry=True)
    except KiloReviewError as error:
        _fail(job, error, retry=False)
    except Exception as error:
        log.exception("review %d failed", job.id)
        _fail(job, error, retry=True)
    except BaseException:
        # Told to stop: a deploy is no fault of the review.
        with suppress(LeaseLost):
            job.held.hand_back()
        raise


def _beat_in_time(job: Job) -> Callable[[], None]:
    """Return the heartbeat of a job, which ends at its deadline: the lease of a review that hangs must run out."""
    deadline = time.monotonic() + JOB_SECONDS

    def beat() -> None:
        if time.monotonic() > deadline:
            raise LeaseLost(f"review {job.id} did not end within {JOB_SECONDS} s")
        job.held.beat()

    return beat


def _work(job: Job, stack: ExitStack) -> None:
    """Do what the row asks for."""
    access = open_access(job, stack)
    job.wait_out_lag()
    if _answered(job, access, stack):
        return
    pr = look(job, access)
    if pr is None or _is_paused(job, access, pr) or not has_turn(job, access, pr):
        return
    if job.payload.verb in (Work.ESTIMATE, Work.FIX):
        _answer_about_code(job, access, pr, stack)
        return
    document = stored_document(job.ledger, job.id) if job.held.lease.state is ReviewState.REVIEWED else None
    if document is None:
        # What policy may refuse in silence is not shown as under way before policy is known.
        shown_at_once = job.key.automatic and not pr.draft
        if shown_at_once:
            _start(job, access, pr)
        usable = _of_chosen_paths(job, access, pr, _usable_inputs(job, access, pr, stack))
        if usable is None or is_refused(job, access, pr, usable.policy):
            return
        if not shown_at_once:
            _start(job, access, pr)
        earlier = earlier_verdict(job.ledger, pr, besides=job.id)
        try:
            document = make_review(job, usable, earlier)
        except Superseded as moved:
            give_way(job, access, pr, moved)
            return
        if earlier is not None and reviewed_nothing(document.review):
            why = _why(document.review)
            leave_without_review(job, access, pr, title="Not reviewed", why=why)
            answer_unusable(job, access, pr.repository, why)
            return
        store_review(job, pr, document)
    publish_review(job, access, pr, document)


def _is_paused(job: Job, access: Access, pr: PullRequest) -> bool:
    """End a review of a pull request that somebody paused; False where nobody did."""
    why = paused(job)
    if why:
        show_paused(job, access, pr, why)
        job.held.finish(ReviewState.REFUSED, why)
    return bool(why)


def _answered(job: Job, access: Access, stack: ExitStack) -> bool:
    """Answer what needs no look at the code by a model; False for a review or an estimate."""
    if job.payload.verb is Work.CORRECTION:
        answer_correction(job, access)
    elif job.payload.verb is Work.MERGE_GROUP:
        answer_merge_group(job, access)
    elif job.payload.verb is Work.SKIPPED:
        show_skipped(job, access)
    else:
        with suppress(NotFound, PermissionMissing):
            react_to_command(job, access, "eyes")
        if job.payload.verb not in FREE:
            return False
        answer_command(job, access, stack)
    return True


def _answer_about_code(job: Job, access: Access, pr: PullRequest, stack: ExitStack) -> None:
    """Answer what needs the change and is no review."""
    inputs = open_inputs(job, access, pr, stack)
    if is_refused(job, access, pr, inputs.policy):
        return
    if job.payload.verb is Work.FIX:
        answer_fix(job, access, pr, inputs)
    else:
        answer_estimate(job, access, pr.repository, inputs)


def _start(job: Job, access: Access, pr: PullRequest) -> None:
    """Show that the review is under way, and close what a dead attempt left open.

    Where the App may not write check runs, the publication says so.
    """
    if not job.payload.model:
        _show_start(job, access, pr)
    if job.held.lease.fence > 1:
        # An attempt before this one may have been killed in the middle of a call.
        job.ledger.money.expire(job.now(), review_id=job.id)


def _show_start(job: Job, access: Access, pr: PullRequest) -> None:
    with suppress(PermissionMissing):
        run = access.check_runs(job, pr.repository).start(pr.head_sha)
        # Its id is kept: no list may show it yet when it is concluded.
        job.save(replace(job.publication(), check_run_id=run.id, writing=""))


def _usable_inputs(job: Job, access: Access, pr: PullRequest, stack: ExitStack) -> Inputs | None:
    """Open the inputs; where a command names a model that cannot be used, answer it and return None."""
    if not job.payload.model:
        return open_inputs(job, access, pr, stack)
    try:
        inputs = open_inputs(job, access, pr, stack)
    except ConfigurationError as error:
        answer_unusable(job, access, pr.repository, str(error))
        return None
    if not inputs.models.client.usable:
        answer_unusable(job, access, pr.repository, inputs.models.reason)
        return None
    _show_start(job, access, pr)
    return inputs


def _of_chosen_paths(job: Job, access: Access, pr: PullRequest, inputs: Inputs | None) -> Inputs | None:
    """Return the inputs; where a command names paths and the change has none of them, answer it and return None."""
    paths = job.payload.paths
    if inputs is not None and paths and matching_nothing(inputs.request.change, paths) == paths:
        answer_unusable(job, access, pr.repository, f"No file of this change matches {named(paths)}.")
        return None
    return inputs


def _why(review: Review) -> str:
    """Return why a review looked at nothing, in the words of the first file that it missed."""
    missed = next((skip.reason for skip in review.coverage.skipped if not skip.excluded), "")
    notice = next(iter(review.notices), "")
    return f"No model reviewed anything: {missed or notice or 'no model answered'}."


def _wait(job: Job, error: RetryableError) -> None:
    words = job.words(error)
    with suppress(LeaseLost):
        seconds = job.held.wait(error.retry_after, words, waits=job.row.deferrals)
        log.warning("review %d waits %.0f s: %s", job.id, seconds, words)


def _fail(job: Job, error: Exception, *, retry: bool) -> None:
    words = job.words(error)
    log.warning("review %d failed: %s", job.id, words)
    with suppress(LeaseLost):
        job.held.fail(words, retry=retry)
