"""Decide the life of a review's key: what a delivery joins, what goes on, what gives way.

Pure. docs/explanation/review-life.md draws it as a state machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from reviewer.ledger.keys import ReviewKey, ReviewState

# GitHub's replicas lag its writes. An answer that contradicts a delivery is used once the delivery is this old.
LAG: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Known:
    """An automatic review of the same pull request and head as a delivery.

    `shown`: the pull request shows a verdict on this head and base. `delivery` is the GUID of what asked for it.
    """

    review_id: int
    base_sha: str
    state: ReviewState
    delivery: str
    shown: bool


def joined(base_sha: str, delivery: str, known: Iterable[Known]) -> Known | None:
    """Return the review that a delivery adds nothing to, None where it asks for new work.

    Only a published review whose verdict the pull request shows is final. A head that comes back after it was
    superseded, refused (closed, draft) or given up is new work, and so is one with another base. The same delivery
    sent again never is.
    """
    newest_first = sorted(known, key=lambda each: -each.review_id)
    for each in newest_first:
        if delivery and each.delivery == delivery:
            return each
    for each in newest_first:
        # Reviews of older versions do not know their base.
        same_base = base_sha == each.base_sha or not base_sha or not each.base_sha
        if same_base and (not each.state.final or (each.state is ReviewState.PUBLISHED and each.shown)):
            return each
    return None


@dataclass(frozen=True, slots=True)
class Seen:
    """A pull request as GitHub shows it now. `updated_at` is GitHub's word, ISO 8601 in UTC."""

    head_sha: str
    open: bool
    draft: bool
    updated_at: str


class Next(StrEnum):
    """What a review does after a look at its pull request."""

    REVIEW = "review"
    LOOK_AGAIN = "look again"
    SUPERSEDED = "superseded"
    CLOSED = "closed"
    DRAFT = "draft"


def judge(key: ReviewKey, seen: Seen, *, told_at: str, age: timedelta, newer: bool, drafts: bool) -> Next:
    """Decide whether a review goes on.

    `told_at` is the pull request's `updated_at` in the delivery that asked ("" where it had none), `age` the time
    since then. `newer`: a later delivery asked for an automatic review of the head that is seen. `drafts`: drafts
    are reviewed too.
    """
    if told_at and seen.updated_at < told_at and age <= LAG:
        # Older than the delivery: a replica that does not know yet what GitHub told us.
        return Next.LOOK_AGAIN
    if not seen.open:
        return Next.CLOSED
    if key.automatic and seen.draft and not drafts:
        return Next.DRAFT
    if key.head_sha in ("", seen.head_sha):
        return Next.SUPERSEDED if key.automatic and newer else Next.REVIEW
    if newer or (told_at and seen.updated_at > told_at) or age > LAG:
        return Next.SUPERSEDED
    return Next.LOOK_AGAIN
