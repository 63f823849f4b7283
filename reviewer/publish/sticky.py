"""Write the sticky comment: the one summary of a pull request, updated in place."""

from __future__ import annotations

from collections.abc import Callable

from reviewer.errors import NotFound
from reviewer.github.client import GitHub
from reviewer.github.records import Comment, PullRequest
from reviewer.publish.marker import Kind, is_own, read_marker
from reviewer.publish.once import create_once
from reviewer.publish.settle import Settle


def upsert(
    gh: GitHub,
    pr: PullRequest,
    body: str,
    *,
    login: str,
    known: int | None,
    fence: Callable[[], None],
    settle: Settle,
    announce: Callable[[], object] = lambda: None,
) -> Comment:
    """Update our summary, or post the first one; more than one of ours are made one again.

    `announce` is called before a creation is sent.
    """
    own = _summaries(gh, pr, login)
    if not own and known is not None:
        # Posted a moment ago, and no list shows it yet; or deleted since.
        fence()
        try:
            return gh.update_comment(pr.repository, known, body)
        except NotFound:
            known = None
    if not own:
        announce()
        fence()
        return create_once(
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


def _summaries(gh: GitHub, pr: PullRequest, login: str) -> list[Comment]:
    """Return our summaries, oldest first; a marker in another account's comment does not count."""
    own = []
    for comment in gh.comments(pr.repository, pr.number):
        marker = read_marker(comment.body)
        if marker and marker.kind is Kind.SUMMARY and is_own(comment.author, login):
            own.append(comment)
    return sorted(own, key=lambda comment: comment.id)


def _same(one: str, other: str) -> bool:
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()
