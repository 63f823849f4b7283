"""Say in the words of policy what asked for a review: the event, the pull request, the person."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from policies.conventions import NameKind, kind_of_name
from policies.starting import Asker, Occasion
from reviewer.change.model import Change
from reviewer.errors import NotFound
from reviewer.github.permission import role_of
from reviewer.github.records import PullRequest
from reviewer.jobs.access import Access
from reviewer.jobs.job import Job
from reviewer.ledger.keys import ASKED, AUTOMATIC

HOUR: Final = timedelta(hours=1)
LOCK_FILES_TOLD: Final = 10


def occasion_of(job: Job, pr: PullRequest) -> Occasion:
    """Return the pull request and the event about it."""
    event, _, action = job.payload.event.partition(".")
    # Another base is another diff, as another head is.
    named = {
        "issue_comment": "command",
        "pull_request_review_comment": "command",
        "pull_request": "synchronize" if action == "edited" else action,
    }
    # The label that asks for a review is a command, given with the mouse.
    word = "command" if job.key.trigger.startswith(ASKED) else named.get(event, "")
    return Occasion(word, pr.author, pr.author_is_bot, pr.draft, pr.is_fork, pr.labels, pr.title)


def asker_of(job: Job, access: Access) -> Asker | None:
    """Return who asked by a command, a label or a re-run, with their role; None where a push or the like did."""
    if job.key.automatic:
        return None
    before = job.ledger.requests.verbs(
        job.key.repo_id,
        job.key.number,
        since=job.row.accepted_at - HOUR,
        installation_id=job.key.installation_id,
        besides=(AUTOMATIC, job.key.trigger),
        before=job.id,
    )
    return Asker(
        job.row.actor,
        _role(job, access),
        before.get("review", 0) + before.get("estimate", 0) + before.get("fix", 0),
    )


def _role(job: Job, access: Access) -> str:
    # A bot that the operator allows by its id has no role on GitHub.
    if job.payload.actor_id in job.settings.allowed_bots:
        return "admin"
    try:
        return role_of(access.reader.api, job.payload.repository, job.row.actor)
    except NotFound:
        return "none"


def lock_file_note(change: Change) -> str:
    """Say which lock files a change touches and by how much: what a dependency update consists of."""
    locks = [file for file in change.files if kind_of_name(file.path) is NameKind.LOCK_FILE]
    if not locks:
        return ""
    told = ", ".join(f"{file.path} (+{file.additions} −{file.deletions})" for file in locks[:LOCK_FILES_TOLD])
    more = f" and {len(locks) - LOCK_FILES_TOLD} more" if len(locks) > LOCK_FILES_TOLD else ""
    return f"Lock files changed, and were not read: {told}{more}"
