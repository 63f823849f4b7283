"""Running totals: counters that only grow, made of what the ledger got since the process started."""

from __future__ import annotations

import threading
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from reviewer.ledger.statistics import CallGroup, Ended, Statistics

# Calls that were opened longer ago than this change no more: bills are settled and answers are judged by then.
SETTLED_AFTER: Final = timedelta(hours=1)

Labels = tuple[str, ...]


@dataclass(slots=True)
class Totals:
    """Sums by labels. Money is exact until it is written out."""

    reviews: Counter[Labels] = field(default_factory=Counter)
    review_seconds: dict[Labels, float] = field(default_factory=dict)
    retries: Counter[Labels] = field(default_factory=Counter)
    calls: Counter[Labels] = field(default_factory=Counter)
    stage_calls: Counter[Labels] = field(default_factory=Counter)
    stage_seconds: dict[Labels, float] = field(default_factory=dict)
    tokens: Counter[Labels] = field(default_factory=Counter)
    failed_checks: Counter[Labels] = field(default_factory=Counter)
    dollars: dict[Labels, Decimal] = field(default_factory=dict)
    unconfirmed: dict[Labels, Decimal] = field(default_factory=dict)
    unpriced: Counter[Labels] = field(default_factory=Counter)
    cached: int = 0

    def add_review(self, row: Ended) -> None:
        """Add reviews that ended in one state."""
        self.reviews[row.state,] += row.reviews
        self.review_seconds[row.state,] = self.review_seconds.get((row.state,), 0.0) + row.seconds
        self.retries["review",] += row.retries
        self.retries["wait",] += row.deferrals

    def add_calls(self, row: CallGroup) -> None:
        """Add calls of one model, stage and outcome."""
        model: Labels = (row.provider, row.model)
        self.calls[(*model, row.stage, row.outcome)] += row.calls
        self.stage_calls[row.stage,] += row.calls
        self.stage_seconds[row.stage,] = self.stage_seconds.get((row.stage,), 0.0) + row.seconds
        self.retries["call",] += row.retries
        self.cached += row.cached
        if row.check:
            self.failed_checks[(*model, row.check)] += row.calls
        for kind in ("input", "cache_read", "cache_write", "output", "reasoning"):
            self.tokens[(*model, kind)] += getattr(row.usage, kind)
        self.dollars[model] = self.dollars.get(model, Decimal(0)) + row.cost
        self.unconfirmed[model] = self.unconfirmed.get(model, Decimal(0)) + row.unconfirmed
        self.unpriced[model] += row.unpriced


class RunningTotals:
    """Totals since a moment. What can change no more is added once; only what came since is read at each look.

    So a look costs what happened since the last one and in the hour before, however long the process runs.
    """

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._settled = Totals()
        self._calls_from: datetime | None = None
        self._reviews_after = 0
        self._lock = threading.Lock()

    def read(self, now: datetime) -> Totals:
        """Return the totals; the first look begins to count. LedgerUnavailable where the ledger does not answer."""
        with self._lock:
            if self._calls_from is None:
                self._reviews_after, self._calls_from = self._statistics.last_settled_review(), now
            self._settle(now)
            totals = deepcopy(self._settled)
            for row in self._statistics.ended(self._reviews_after):
                totals.add_review(row)
            for group in self._statistics.calls(self._calls_from):
                totals.add_calls(group)
            return totals

    def _settle(self, now: datetime) -> None:
        assert self._calls_from is not None  # noqa: S101 - set by the first look
        until = now - SETTLED_AFTER
        if until > self._calls_from:
            for group in self._statistics.calls(self._calls_from, until):
                self._settled.add_calls(group)
            self._calls_from = until
        last = self._statistics.last_settled_review()
        if last > self._reviews_after:
            for row in self._statistics.ended(self._reviews_after, last):
                self._settled.add_review(row)
            self._reviews_after = last
