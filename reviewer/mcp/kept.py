"""The reviews that this server made: for questions about them, and to tell the same finding in the next round."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from reviewer.errors import ConfigurationError
from reviewer.findings.model import PlacedFinding
from reviewer.local.dismissed import Subject
from reviewer.local.documents import AgentDocument
from reviewer.steps.result import Review

# So many reviews are kept, the newest.
MOST_KEPT: Final = 20
# Letters of an id that are enough to name a finding.
LEAST_LETTERS: Final = 6


@dataclass(frozen=True, slots=True)
class KeptReview:
    """A review, whose it is, what was reviewed ("OWNER/REPO#N", or the top of the work tree), and its round."""

    name: str
    target: str
    subject: Subject
    review: Review
    round: AgentDocument

    def finding(self, wanted: str) -> PlacedFinding:
        """Return the finding with an id, or with the beginning of one; ConfigurationError where that is not one."""
        found = {
            placed.finding.fingerprint: placed
            for placed in reversed(self.review.findings)
            if placed.finding.fingerprint == wanted
            or (len(wanted) >= LEAST_LETTERS and placed.finding.fingerprint.startswith(wanted))
        }
        if wanted in found:
            return found[wanted]
        if len(found) != 1:
            what = "several findings" if found else "no finding"
            raise ConfigurationError(
                f"the review {self.name} has {what} with the id {wanted!r}",
                remedy="Call list_findings and take `fingerprint` of a finding.",
            )
        return next(iter(found.values()))


class KeptReviews:
    """The newest reviews by name; threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made = 0
        self._reviews: OrderedDict[str, KeptReview] = OrderedDict()

    def add(self, target: str, subject: Subject, review: Review, of_round: AgentDocument) -> KeptReview:
        """Keep a review under a new name."""
        with self._lock:
            self._made += 1
            kept = KeptReview(f"review-{self._made}", target, subject, review, of_round)
            self._reviews[kept.name] = kept
            while len(self._reviews) > MOST_KEPT:
                self._reviews.popitem(last=False)
        return kept

    def get(self, name: str = "") -> KeptReview:
        """Return a review by name, the last one for ""; ConfigurationError where there is none."""
        with self._lock:
            if not self._reviews:
                raise ConfigurationError(
                    "there is no review yet", remedy="Call review_changes or review_pull_request first."
                )
            kept = self._reviews.get(name or next(reversed(self._reviews)))
        if kept is None:
            raise ConfigurationError(
                f"{name!r} is not one of the last {MOST_KEPT} reviews of this server",
                remedy="Leave `review` out for the last one, or review again.",
            )
        return kept

    def last_of(self, target: str) -> AgentDocument | None:
        """Return the newest round of a target, None where it was not reviewed."""
        with self._lock:
            return next((kept.round for kept in reversed(self._reviews.values()) if kept.target == target), None)

    def replace(self, kept: KeptReview, review: Review) -> None:
        """Put a review in the place of one that is kept."""
        with self._lock:
            if kept.name in self._reviews:
                self._reviews[kept.name] = replace(kept, review=review)
