"""One review of a repository's uncommitted change, in a thread, that can be stopped."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from reviewer.change.model import Change
from reviewer.jobs.models import no_models
from reviewer.jobs.policy import run_limit
from reviewer.local.arguments import open_selection
from reviewer.local.dismissed import subject_of, without_dismissed
from reviewer.local.repository import find_repository
from reviewer.local.session import open_session, review_selected
from reviewer.lsp.marks import FileMarks, marks_of
from reviewer.models.ask import ModelClient
from reviewer.settings import Settings
from reviewer.steps.progress import Progress
from reviewer.steps.result import Review, ReviewStatus

ONLY_ANALYSERS: Final = "this run asks no model"


@dataclass(frozen=True, slots=True)
class Done:
    """A finished review: `marks` by path, `no_model` why no model can be asked, "" where one can.

    `with_model` says that the run was to ask one. `reused` is True for a change that was reviewed before, whole:
    nothing ran, nothing was spent.
    """

    change: Change
    review: Review
    marks: dict[str, FileMarks]
    with_model: bool
    no_model: str = ""
    reused: bool = False

    def answers(self, change: Change, *, with_model: bool) -> bool:
        """Tell whether this is the result for a change as well: the same one, reviewed by as much."""
        whole = self.review.status not in (ReviewStatus.INCOMPLETE, ReviewStatus.STOPPED_BY_LIMIT)
        same = self.change.base == change.base and self.change.files == change.files
        return whole and same and self.with_model == with_model


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to review: options as of `kilo-review local` with the repository, and whether to ask a model."""

    options: argparse.Namespace
    settings: Settings
    with_model: bool
    known: Done | None = None


class Job:
    """`run` reviews; `cancel` stops its spending within half a second, from any thread."""

    def __init__(self, wanted: Wanted, watch: Callable[[Progress], None]) -> None:
        self.wanted = wanted
        self._watch = watch
        self._lock = threading.Lock()
        self._client: ModelClient | None = None
        self._cancelled = False
        self.ended = threading.Event()

    def cancel(self) -> None:
        """Stop what is being asked and refuse what would be asked next."""
        with self._lock:
            self._cancelled = True
            if self._client is not None:
                self._client.stop()

    def run(self) -> Done | None:
        """Return the result, None where it was cancelled before anything was reviewed."""
        try:
            return self._review()
        finally:
            self.ended.set()

    def _review(self) -> Done | None:
        wanted = self.wanted
        with open_selection(wanted.options, wanted.settings) as selected:
            known = wanted.known
            if known is not None and known.answers(selected.change, with_model=wanted.with_model):
                return replace(known, reused=True)
            if self._cancelled:
                return None
            session = open_session(wanted.options, wanted.settings, selected.base)
            try:
                why = session.models.reason
                if not wanted.with_model:
                    session = replace(session, models=no_models(ONLY_ANALYSERS))
                self._attach(session.models.client)
                review = review_selected(wanted.options, session, selected, watch=self._watch, by_hunk=True)
                subject = subject_of(find_repository(selected.root))
                dismissed = session.ledger.dismissals.of_pull_request(subject.repo_id, subject.number)
            finally:
                session.ledger.close()
            review = without_dismissed(review, dismissed)
            return Done(selected.change, review, marks_of(review, selected.head.read), wanted.with_model, why)

    def _attach(self, client: ModelClient) -> None:
        with self._lock:
            self._client = client
            if self._cancelled:
                client.stop()


def lower(one: str, other: str) -> str:
    """Return the lower of two amounts in US dollars; "" is no limit. ConfigurationError for what is no amount."""
    given = [limit.amount for text in (one, other) if (limit := run_limit(text))]
    return str(min(given)) if given else ""


def options_for(options: argparse.Namespace, root: Path, max_cost: str) -> argparse.Namespace:
    """Return the options of `kilo-review local` for all that is not committed in a repository."""
    return argparse.Namespace(
        staged=False,
        unpushed=False,
        base=None,
        head=None,
        commit=None,
        repo=str(root),
        pathspecs=[],
        strategy=options.strategy,
        model=options.model,
        max_cost=lower(max_cost, options.max_cost),
        offline=options.offline,
        no_cache=False,
        against="",
    )
