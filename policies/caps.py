"""Caps on the number of reviews: who may cause how many, counted when a request arrives.

Pushes and commands count alike. Outsiders are those whose pull request comes from a fork, unless GitHub says that
they belong to the repository, and first-time contributors: their caps are tighter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policies.policy import Policy

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


class CapOf(StrEnum):
    """What a cap counts over, widest last."""

    PULL_REQUEST = "pull request"
    AUTHOR = "author"
    REPOSITORY = "repository"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `most` reviews within `window`. `key` is the policy key that sets it.

    With `outsiders` only reviews that outsiders caused are counted.
    """

    key: str
    of: CapOf
    most: int
    window: timedelta
    outsiders: bool = False
    noun: str = "reviews"

    def refusal(self, again: datetime | None) -> str:
        """Say that the cap is reached, which policy key sets it, and when the next review may start, if ever."""
        span = "hour" if self.window == HOUR else "24 hours"
        whose = {
            CapOf.PULL_REQUEST: "this pull request",
            CapOf.AUTHOR: "the author",
            CapOf.REPOSITORY: "this repository",
        }[self.of]
        reviews = "reviews for outsiders" if self.outsiders and self.of is CapOf.REPOSITORY else self.noun
        then = f"; the next one can start from {again:%Y-%m-%d %H:%M} UTC on" if again else ""
        return (
            f"{whose} had {self.most} {reviews} within the last {span}, as many as the organisation's policy "
            f"allows ({self.key}){then}"
        )


def caps_of(policy: Policy, *, outsider: bool) -> tuple[Cap, ...]:
    """Return the caps that a request must pass."""
    repository = policy.max_reviews_per_repository_day
    caps = [
        Cap("triggers.max_reviews_per_hour", CapOf.PULL_REQUEST, policy.max_reviews_per_hour, HOUR),
        Cap("triggers.max_reviews_per_author_day", CapOf.AUTHOR, policy.max_reviews_per_author_day, DAY),
        Cap("triggers.max_reviews_per_repository_day", CapOf.REPOSITORY, repository, DAY),
    ]
    if outsider:
        most = policy.max_outsider_reviews_per_repository_day
        caps += [
            Cap("triggers.max_reviews_per_outsider_day", CapOf.AUTHOR, policy.max_reviews_per_outsider_day, DAY),
            Cap("triggers.max_outsider_reviews_per_repository_day", CapOf.REPOSITORY, most, DAY, outsiders=True),
        ]
    return tuple(caps)


# Answers that ask no model are cheap, not free: GitHub counts what is posted.
COMMANDS_PER_REVIEW: Final = 10


def commands_cap(caps: Sequence[Cap]) -> tuple[Cap, ...]:
    """Return the cap on commands that ask no model: ten times the pull request's cap on reviews, at least ten."""
    return tuple(
        replace(cap, most=COMMANDS_PER_REVIEW * max(cap.most, 1), noun="commands")
        for cap in caps
        if cap.of is CapOf.PULL_REQUEST
    )
