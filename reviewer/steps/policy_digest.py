"""What of policy and command decides who is asked about a hunk and how: another digest, another review."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Final

from policies.policy import Policy
from reviewer.steps.request import ReviewRequest

# What only starts, orders, bounds or shows a review. A key that is not named here counts.
_NOT_ASKED: Final = frozenset(
    (
        *("style", "fail_on", "at_limit", "limit_conclusion", "analysers", "max_inline", "converge", "intent"),
        *("triggers", "review_drafts", "review_forks", "bots", "ignore_authors", "command_permission"),
        *("max_reviews_per_hour", "max_reviews_per_author_day", "max_reviews_per_repository_day"),
        *("max_reviews_per_outsider_day", "max_outsider_reviews_per_repository_day"),
        *("paths", "unit_tokens", "max_units", "max_escalations", "concurrency", "max_seconds"),
        *("limits", "unknown_price", "locked", "stated", "notices"),
    )
)


def policy_digest(policy: Policy, request: ReviewRequest) -> str:
    """Return a hex digest of what an answer depends on: keys of policy, the command, labels that route."""
    labels = {label.casefold() for label in request.labels}
    routed = sorted(name.casefold() for name, _ in policy.label_strategies if name.casefold() in labels)
    decided = [(each.name, getattr(policy, each.name)) for each in fields(policy) if each.name not in _NOT_ASKED]
    said = repr((decided, request.strategy, routed, request.private))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
