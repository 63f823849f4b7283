"""Tell a pull request that its review ended without a verdict: on its check run, with the reason."""

from __future__ import annotations

import logging
from typing import Final

from reviewer.errors import ConfigurationError, GitHubUnavailable, KiloReviewError, RateLimited
from reviewer.github.client import GitHub
from reviewer.jobs.access import WRITE_PERMISSIONS, client_for
from reviewer.jobs.command_reply import has_mark
from reviewer.jobs.payload import FREE, JobPayload, Work
from reviewer.jobs.shared import Shared
from reviewer.jobs.verdicts import earlier_verdict, without_review
from reviewer.ledger.keys import ReviewRow, ReviewState
from reviewer.publish.check_runs import CheckRuns, external_id
from reviewer.publish.escape import plain

log = logging.getLogger(__name__)

_FAILED: Final = "The review could not be completed"


def notice(review_id: int, shared: Shared) -> None:
    """Conclude the check run of a review that failed or was parked: the earlier verdict with a note, else neutral.

    Where GitHub cannot be reached, or does not accept the App, the notice waits; the clock asks for it again.
    """
    ledger, now = shared.ledger, shared.now
    try:
        row = ledger.reviews.get(review_id)
        if row is None:
            return
        # An answer to a command that could not be given is no review that is missing.
        is_answer = JobPayload.from_json(row.payload).verb in (Work.CORRECTION, *FREE)
        if row.state is ReviewState.CAPPED or not is_answer:
            _conclude(row, shared)
        ledger.backlog.noticed(review_id, now())
    except (ConfigurationError, GitHubUnavailable, RateLimited) as error:
        log.warning("review %d: the notice has to wait: %s", review_id, " ".join(str(error).split()))
    except (KiloReviewError, ValueError) as error:
        log.warning("review %d: no notice can be posted: %s", review_id, error)
        ledger.backlog.noticed(review_id, now())


def _conclude(row: ReviewRow, shared: Shared) -> None:
    auth, ledger = shared.auth(), shared.ledger
    gh = client_for(auth, row.key, WRITE_PERMISSIONS, shared.now)
    try:
        pr = gh.pull_request(JobPayload.from_json(row.payload).repository, row.key.number)
        head = row.key.head_sha or pr.head_sha
        if row.state is ReviewState.CAPPED and not row.key.automatic:
            # The check run says what the review of this commit found: a refused command does not change that.
            _reply(gh, row, pr.repository, auth.identity().login)
            return
        checks = CheckRuns(gh, pr.repository, auth.identity().id, external_id(row.key.number, row.id))
        if ledger.reviews.has_newer(row, head) and not checks.is_open(head):
            return
        earlier = earlier_verdict(ledger, pr, besides=row.id) if head == pr.head_sha else None
        why = f"{row.error or row.state.value}\n\nComment `/kilo review` to try again."
        title = "Not reviewed: a limit of reviews is reached" if row.state is ReviewState.CAPPED else _FAILED
        checks.conclude(head, without_review(earlier, title=title, why=why))
    finally:
        gh.close()


def _reply(gh: GitHub, row: ReviewRow, repository: str, login: str) -> None:
    mark = f"<!-- kilo-app:capped {row.id} -->"
    if not has_mark(gh.comments(repository, row.key.number), mark, login):
        refused = "Not answered" if JobPayload.from_json(row.payload).verb in FREE else "Not reviewed"
        gh.create_comment(repository, row.key.number, f"{mark}\n{refused}: {plain(row.error)}.")
