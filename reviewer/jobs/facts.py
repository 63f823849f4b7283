"""The facts of a review that lists show: its pull request, the kind of its change, how far it came. Pure."""

from __future__ import annotations

from policies.paths import is_documentation
from policies.words import Tier
from reviewer.github.records import PullRequest
from reviewer.ledger.facts import ReviewFacts
from reviewer.steps.result import Review
from reviewer.syntax.test_paths import is_test_path


def facts_of(review: Review, pr: PullRequest) -> ReviewFacts:
    """Return what lists show of a review of a pull request."""
    return ReviewFacts(
        title=pr.title,
        author=pr.author,
        repository=pr.repository,
        kind=kind_of(review),
        status=review.status.value,
        complete=review.coverage.complete,
        coverage=review.coverage.share,
        escalations=len(review.escalations),
    )


def kind_of(review: Review) -> str:
    """Return the kind of a change: "sensitive" where a part of it was routed to a frontier model from the start.

    Else "documentation" or "tests" where every path is, "code" for the rest, "" for a change of nothing.
    """
    paths = [file.path for file in review.change.files]
    if not paths:
        return ""
    if any(route.tier is Tier.FRONTIER for route in review.routes):
        return "sensitive"
    if all(is_documentation(path) for path in paths):
        return "documentation"
    return "tests" if all(is_test_path(path) or is_documentation(path) for path in paths) else "code"
