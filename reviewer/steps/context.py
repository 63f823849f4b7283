"""ReviewContext: what all steps of one review share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, Self

from policies.policy import Policy
from policies.words import Strategy
from reviewer.git.snapshot import Snapshot
from reviewer.steps.gates import Gates
from reviewer.steps.progress import Progress
from reviewer.steps.run_limits import RunLimits

if TYPE_CHECKING:
    # For the types alone: loading the HTTP client takes longer than the first steps of a review.
    from reviewer.models.ask import ModelClient
    from reviewer.models.prices import Price


class ResultStore(Protocol):
    """Answers that were paid for once, by the hash of everything that they depend on."""

    def get(self, key: str) -> str | None:
        """Return a stored answer, None where there is none."""

    def put(self, key: str, text: str) -> None:
        """Keep an answer; one that is stored already is replaced."""


def _ignore(_progress: Progress) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class ReviewContext:
    """What the steps of one review share.

    `head` and `base` are the two commits, None where no repository can be read. `models` may have no usable model:
    only the analysers work then. `frontier_price` is what the frontier tier charges, for the comparison in the
    summary. `hunks` keeps what was concluded on each hunk, None where every hunk is asked about. `watch` is told
    how far the review is. `clock` gives monotonic seconds. `gates` hold up a step that too many reviews of the
    process are in.
    """

    policy: Policy
    models: ModelClient
    head: Snapshot | None = None
    base: Snapshot | None = None
    frontier_price: Price | None = None
    store: ResultStore | None = None
    hunks: ResultStore | None = None
    watch: Callable[[Progress], None] = _ignore
    clock: Callable[[], float] = time.monotonic
    run: RunLimits = field(default_factory=RunLimits)
    gates: Gates = field(default_factory=Gates)

    def begin(self) -> Self:
        """Return the context with limits of its own, whose time starts now."""
        run = RunLimits(seconds=self.policy.max_seconds, clock=self.clock, started=self.clock())
        return replace(self, run=run)

    def bounded_by(self, strategy: Strategy | None) -> Self:
        """Return the context with the strategy that a command or flag asked for, None for policy's own.

        It is a promise about price, so it bounds escalation too.
        """
        return replace(self, policy=replace(self.policy, strategy=strategy)) if strategy else self
