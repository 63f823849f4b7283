"""What there is one of: the summary comment of a pull request and the check run of a head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from reviewer.errors import GitHubUnavailable, NotFound
from reviewer.github.client import GitHub
from reviewer.github.records import CheckRun, Comment, PullRequest
from reviewer.publish.check import CheckOutput
from reviewer.publish.marker import Kind, is_own, read_marker
from reviewer.publish.settle import Settle

CHECK_NAME: Final = "Kilo Review"

T = TypeVar("T")


def upsert(
    gh: GitHub,
    pr: PullRequest,
    body: str,
    *,
    login: str,
    known: int | None,
    fence: Callable[[], None],
    settle: Settle,
) -> Comment:
    """Update our summary, or post the first one; more than one of ours are made one again."""
    own = _summaries(gh, pr, login)
    if not own:
        fence()
        return _once(
            lambda: gh.create_comment(pr.repository, pr.number, body),
            lambda: next(iter(_summaries(gh, pr, login)), None),
            settle,
        )
    kept = next((comment for comment in own if comment.id == known), own[0])
    for extra in own:
        if extra.id != kept.id:
            fence()
            gh.delete_comment(pr.repository, extra.id)
    if _same(kept.body, body):
        return kept
    fence()
    # Sending an update twice changes nothing, so doubt needs no look.
    try:
        return gh.update_comment(pr.repository, kept.id, body)
    except NotFound:
        return gh.create_comment(pr.repository, pr.number, body)


def start_check(
    gh: GitHub,
    repository: str,
    head: str,
    *,
    app_id: int,
    title: str = "Reviewing",
    external_id: str = "",
    settle: Settle | None = None,
) -> CheckRun:
    """Show on the head that a review is under way; the check run of an earlier attempt is used again."""
    fields = {"status": "in_progress", "output": {"title": title, "summary": "The review is under way."}}
    return _put_check(
        gh, repository, head, fields, app_id=app_id, known=None, external_id=external_id, settle=settle
    )


def complete_check(
    gh: GitHub,
    repository: str,
    head: str,
    output: CheckOutput,
    *,
    app_id: int,
    known: int | None,
    external_id: str,
    fence: Callable[[], None],
    settle: Settle,
    completed_at: datetime | None = None,
) -> CheckRun:
    """Conclude our check run on a head, or create it concluded."""
    fields: dict[str, Any] = {
        "status": "completed",
        "conclusion": output.conclusion.value,
        "output": dict(output.output),
    }
    if completed_at is not None:
        fields["completed_at"] = completed_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    fence()
    return _put_check(
        gh, repository, head, fields, app_id=app_id, known=known, external_id=external_id, settle=settle
    )


def open_checks(gh: GitHub, repository: str, head: str, *, app_id: int) -> Sequence[int]:
    """Return our check runs on a head that are not completed."""
    return [run.id for run in _own_checks(gh, repository, head, app_id) if run.status != "completed"]


def supersede_check(gh: GitHub, repository: str, check_run_id: int, head: str) -> None:
    """Conclude a check run whose head is no longer the pull request's."""
    gh.update_check_run(
        repository,
        check_run_id,
        {
            "status": "completed",
            "conclusion": "neutral",
            "output": {
                "title": "A newer commit has taken over",
                "summary": f"The pull request moved on to {head[:7]}; its review is the one that counts.",
            },
        },
    )


def _put_check(
    gh: GitHub,
    repository: str,
    head: str,
    fields: Mapping[str, Any],
    *,
    app_id: int,
    known: int | None,
    external_id: str,
    settle: Settle | None,
) -> CheckRun:
    body = {"name": CHECK_NAME, **fields, **({"external_id": external_id} if external_id else {})}
    own = _own_checks(gh, repository, head, app_id)
    run = next((run for run in own if run.id == known), own[0] if own else None)
    if run is not None:
        return gh.update_check_run(repository, run.id, body)
    return _once(
        lambda: gh.create_check_run(repository, {**body, "head_sha": head}),
        lambda: next(iter(_own_checks(gh, repository, head, app_id)), None),
        settle or Settle(),
    )


def _once(create: Callable[[], T], find: Callable[[], T | None], settle: Settle) -> T:
    """Create one thing. Where the answer does not come, look for it; raise where it is not there."""
    try:
        return create()
    except GitHubUnavailable:
        for _look in settle.looks():
            found = find()
            if found is not None:
                return found
        raise


def _summaries(gh: GitHub, pr: PullRequest, login: str) -> list[Comment]:
    """Our summaries, oldest first; a marker that somebody else typed is not ours."""
    own = []
    for comment in gh.comments(pr.repository, pr.number):
        marker = read_marker(comment.body)
        if marker and marker.kind is Kind.SUMMARY and is_own(comment.author, login):
            own.append(comment)
    return sorted(own, key=lambda comment: comment.id)


def _own_checks(gh: GitHub, repository: str, head: str, app_id: int) -> list[CheckRun]:
    runs = [run for run in gh.check_runs(repository, head, CHECK_NAME) if run.app_id == app_id]
    return sorted(runs, key=lambda run: -run.id)


def _same(one: str, other: str) -> bool:
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()
