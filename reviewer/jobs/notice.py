"""Notice: a review that ended without one says so on the pull request, in a neutral check run with the reason."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from datetime import datetime

from policies.words import Conclusion
from reviewer.errors import ConfigurationError, GitHubUnavailable, KiloReviewError, PermissionMissing, RateLimited
from reviewer.github.auth import AppIdentity
from reviewer.github.client import GitHub
from reviewer.jobs.access import WRITE_PERMISSIONS, app_auth, client_for
from reviewer.jobs.command_reply import reply_once
from reviewer.jobs.correction import CORRECTION
from reviewer.jobs.policy import utc_now
from reviewer.ledger.keys import AUTOMATIC, ReviewRow, ReviewState
from reviewer.ledger.ledger import Ledger
from reviewer.publish import sticky
from reviewer.publish.check import CheckOutput
from reviewer.publish.escape import plain
from reviewer.publish.settle import Settle
from reviewer.settings import Settings

log = logging.getLogger(__name__)


def notice(review_id: int, settings: Settings, *, now: Callable[[], datetime] = utc_now) -> None:
    """Tell a pull request that its review ended without one: a neutral check run with the reason.

    Where GitHub cannot be reached, or does not let the App in, the notice waits; the clock asks for it again.
    """
    ledger = Ledger.open(settings.database_url)
    try:
        row = ledger.reviews.get(review_id)
        if row is None:
            return
        if row.payload.get("verb") == CORRECTION:
            # An answer that could not be given is no review that is missing.
            ledger.backlog.noticed(review_id, now())
            return
        repository = str(row.payload["repository"])
        auth = app_auth(settings, now)
        gh = client_for(auth, row.key, WRITE_PERMISSIONS, now)
        try:
            head = row.key.head_sha or gh.pull_request(repository, row.key.number).head_sha
            _tell(gh, row, head, auth.identity())
        finally:
            gh.close()
        ledger.backlog.noticed(review_id, now())
    except (ConfigurationError, GitHubUnavailable, RateLimited) as error:
        log.warning("review %d: the notice has to wait: %s", review_id, " ".join(str(error).split()))
    except KiloReviewError as error:
        log.warning("review %d: no notice can be posted: %s", review_id, error)
        ledger.backlog.noticed(review_id, now())
    finally:
        ledger.close()


def end_checks(gh: GitHub, repository: str, head: str, app_id: int, *, title: str, summary: str) -> None:
    """Conclude as neutral what shows a review of `head` as under way; an App that may not has shown nothing."""
    with contextlib.suppress(PermissionMissing):
        for check_run_id in sticky.open_checks(gh, repository, head, app_id=app_id):
            fields = {"conclusion": Conclusion.NEUTRAL.value, "output": {"title": title, "summary": summary}}
            gh.update_check_run(repository, check_run_id, {"status": "completed", **fields})


def _tell(gh: GitHub, row: ReviewRow, head: str, app: AppIdentity) -> None:
    repository, why = str(row.payload["repository"]), row.error or row.state.value
    if row.state is not ReviewState.CAPPED:
        _conclude(gh, repository, head, app.id, ("The review could not be completed", why))
    elif row.key.trigger == AUTOMATIC:
        _conclude(gh, repository, head, app.id, ("Not reviewed: a limit of reviews is reached", why))
    else:
        # The check run of this commit says what its review found: a command that was refused does not change that.
        body = f"Not reviewed: {plain(why)}."
        mark = f"capped {row.id}"
        reply_once(gh, repository, row.key.number, body, mark=mark, login=app.login, guard=lambda: None)


def _conclude(gh: GitHub, repository: str, head: str, app_id: int, told: tuple[str, str]) -> None:
    title, why = told
    summary = f"{plain(why)}\n\nComment `/kilo review` to try again."
    output = CheckOutput(Conclusion.NEUTRAL, {"title": title, "summary": summary})
    sticky.complete_check(
        gh,
        repository,
        head,
        output,
        app_id=app_id,
        known=None,
        external_id="",
        fence=lambda: None,
        settle=Settle(),
    )
