"""What a run cost and how much of the change it covered, for a status bar and for a person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from reviewer.lsp.job import Done
from reviewer.publish.figures import money
from reviewer.steps.result import Review, ReviewStatus

NOTICES: Final = 3


@dataclass(frozen=True, slots=True)
class Spent:
    """US dollars since the server started; `total` is None once a price was unknown."""

    total: Decimal | None = Decimal(0)

    def plus(self, cost: Decimal | None) -> Spent:
        """Return the sum with the cost of one more run."""
        return replace(self, total=None if self.total is None or cost is None else self.total + cost)


def sentence(done: Done) -> str:
    """Return `reviewed 3 of 4 hunks · $0.0042`, and why it is not more."""
    review = done.review
    missed = [skip for skip in review.coverage.skipped if not skip.excluded]
    read, total = len(review.coverage.reviewed), len(review.coverage.reviewed) + len(missed)
    parts = [f"reviewed {read} of {total} hunk{'' if total == 1 else 's'}"]
    if done.reused:
        parts.append("unchanged, $0")
    elif not review.calls:
        parts.append("analysers only" if review.status is ReviewStatus.ANALYSERS_ONLY else "from answers kept, $0")
    else:
        parts.append(money(review.cost))
    if review.status is ReviewStatus.STOPPED_BY_LIMIT:
        parts.append("stopped by a spending limit")
    elif review.status is ReviewStatus.INCOMPLETE:
        parts.append("incomplete")
    return " · ".join(parts)


def limit_text(review: Review) -> str:
    """Return why a run was stopped by a limit, for a person; "" where none bit."""
    if review.status is not ReviewStatus.STOPPED_BY_LIMIT:
        return ""
    missed = dict.fromkeys(skip.reason for skip in review.coverage.skipped if not skip.excluded)
    told = "; ".join([*missed][:NOTICES])
    return f"a spending limit stopped the review: {told}" if told else "a spending limit stopped the review"


def as_notification(done: Done, spent: Spent, root: str) -> dict[str, Any]:
    """Return the parameters of `kilo/status`; amounts are decimal strings, null where a price is unknown."""
    review = done.review
    cost = Decimal(0) if done.reused else review.cost
    return {
        "repository": root,
        "status": review.status.value,
        "model": bool(review.calls) and not done.reused,
        "cost": None if cost is None else str(cost),
        "sessionCost": None if spent.total is None else str(spent.total),
        "sessionCostText": money(spent.total),
        "coverage": round(review.coverage.share, 4),
        "findings": sum(len(file.marks) for file in done.marks.values()),
        "calls": 0 if done.reused else len(review.calls),
        "text": sentence(done),
    }
