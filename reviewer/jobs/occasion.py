"""What asked for a review of the ledger, in the words of policy: the event, the pull request, the person."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from policies.conventions import NameKind, kind_of_name
from policies.starting import Asker, Occasion
from reviewer.change.model import Change
from reviewer.github.client import GitHub
from reviewer.github.records import PullRequest
from reviewer.ledger.keys import ReviewRow
from reviewer.ledger.ledger import Ledger

HOUR: Final = timedelta(hours=1)
# Triggers of rows that nobody asked for by hand; webhooks/triggers.py writes them.
AUTOMATIC: Final = ("auto", "draft")
_LOCK_FILES_TOLD: Final = 10


def is_asked_for(row: ReviewRow) -> bool:
    """Return True where a command, a label or a re-run asked, False where the pull request's own events did."""
    return row.key.trigger not in AUTOMATIC


def occasion_of(row: ReviewRow, pr: PullRequest) -> Occasion:
    """Return the pull request and the event about it."""
    event, _, action = str(row.payload.get("event") or "").partition(".")
    named = {"issue_comment": "command", "pull_request": action}.get(event, "")
    return Occasion(named, pr.author, pr.author_is_bot, pr.draft, pr.is_fork)


def asker_of(row: ReviewRow, gh: GitHub, ledger: Ledger, allowed_bots: Collection[int]) -> Asker | None:
    """Return who asked, with their role on GitHub; None where nobody did."""
    if not is_asked_for(row):
        return None
    # A bot that the operator allows by its id has no role; it may do what the least of them may.
    trusted = row.payload.get("actor_id") in allowed_bots
    role = "admin" if trusted else gh.permission(str(row.payload["repository"]), row.actor)
    before = ledger.requests.verbs(
        row.key.repo_id,
        row.key.number,
        since=row.accepted_at - HOUR,
        installation_id=row.key.installation_id,
        besides=(*AUTOMATIC, row.key.trigger),
        before=row.id,
    )
    return Asker(row.actor, role, before.get("review", 0) + before.get("estimate", 0))


def lock_file_note(change: Change) -> str:
    """Say which lock files a change touches and by how much: what a dependency update consists of."""
    locks = [file for file in change.files if kind_of_name(file.path) is NameKind.LOCK_FILE]
    if not locks:
        return ""
    told = ", ".join(f"{file.path} (+{file.additions} −{file.deletions})" for file in locks[:_LOCK_FILES_TOLD])
    more = f" and {len(locks) - _LOCK_FILES_TOLD} more" if len(locks) > _LOCK_FILES_TOLD else ""
    return f"Lock files changed, and were not read: {told}{more}"
