"""Decide whether what asked for a review starts one: `[triggers]` of the policy in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from policies.policy import Policy
from policies.words import Bots

# The label that asks for a review when somebody who may use commands puts it on.
ASK_LABEL: Final = "kilo"
# GitHub's roles that may be named by `command_permission`, in order.
ROLES: Final = ("write", "maintain", "admin")


@dataclass(frozen=True, slots=True)
class Occasion:
    """A pull request and the event about it. `action` is a word of `triggers.on`, "" for a check's re-run."""

    action: str
    author: str = ""
    author_is_bot: bool = False
    draft: bool = False
    is_fork: bool = False
    labels: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who asked by a command, a label or a re-run.

    `role` is GitHub's word for their role, `asked_before` how many such reviews the pull request had in the hour.
    """

    login: str
    role: str
    asked_before: int


def may_review_drafts(policy: Policy) -> bool:
    """Return True where drafts are reviewed, or the organisation leaves that to its repositories."""
    stated = {"triggers.drafts"} & {*policy.stated, *policy.locked} or "triggers" in policy.locked
    return policy.review_drafts or not stated


def why_not(occasion: Occasion, policy: Policy, asker: Asker | None = None) -> str:
    """Return why no review starts, "" where one does. `asker` is None for an event without a person's request."""
    if occasion.action and occasion.action not in policy.triggers:
        return f"policy starts no review on {occasion.action} (triggers.on)"
    if asker is not None:
        return _why_not_for(asker, policy)
    if occasion.draft and not policy.review_drafts:
        return "the pull request is a draft; its review starts when it is ready (triggers.drafts)"
    if occasion.is_fork and not policy.review_forks:
        return "policy reviews pull requests from forks by command only (triggers.forks)"
    if occasion.author.lower() in {name.lower() for name in policy.ignore_authors}:
        return f"policy reviews pull requests of {occasion.author} by command only (triggers.ignore_authors)"
    if occasion.author_is_bot and policy.bots is Bots.IGNORE:
        return "policy reviews pull requests of bots by command only (triggers.bots)"
    return _skipped(occasion, policy)


def _skipped(occasion: Occasion, policy: Policy) -> str:
    """Return which label or title of a pull request leaves its review to commands, "" where none does."""
    names = {name.casefold() for name in policy.skip_labels}
    label = next((label for label in occasion.labels if label.casefold() in names), "")
    if label:
        return f"the label {label} is on the pull request (triggers.skip_labels)"
    pattern = next((pattern for pattern in policy.skip_titles if title_matches(occasion.title, pattern)), "")
    return f'the title matches "{pattern}" (triggers.skip_titles)' if pattern else ""


def title_matches(title: str, pattern: str) -> bool:
    """Tell whether a title is what a pattern says, in any case; `*` stands for any text.

    Each part between stars is looked for once, behind the one before it: the time is linear in the title for every
    pattern, which a repository may write.
    """
    text = title.strip().casefold()
    first, *rest = pattern.casefold().split("*")
    if not rest:
        return text == first
    *middle, last = rest
    end = len(text) - len(last)
    at = len(first)
    if not text.startswith(first) or not text.endswith(last) or end < at:
        return False
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def analysers_only(occasion: Occasion, policy: Policy, *, asked: bool) -> str:
    """Return why a review asks no model, "" where it may: a bot's pull request without a request for a review."""
    if asked or not occasion.author_is_bot or policy.bots is not Bots.ANALYSERS:
        return ""
    return (
        f"{occasion.author} is a bot, so no model was asked and nothing was billed; "
        "comment `/kilo review` for a whole review, or set `bots` under `[triggers]`"
    )


def _why_not_for(asker: Asker, policy: Policy) -> str:
    if asker.role not in ROLES[ROLES.index(policy.command_permission) :]:
        return (
            f"{asker.login} may not ask for reviews: policy wants {policy.command_permission} permission to the "
            "repository (triggers.command_permission)"
        )
    if asker.asked_before >= policy.max_reviews_per_hour:
        return (
            f"this pull request had its {policy.max_reviews_per_hour} asked-for reviews of the hour "
            "(triggers.max_reviews_per_hour)"
        )
    return ""
