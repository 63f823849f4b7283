"""A review on this machine: settings, policy, models and the local ledger around the same pipeline."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from policies.budgets import Account, Limit, Scope, in_place_of_shipped
from policies.policy import Policy
from policies.words import Strategy
from reviewer import pipeline
from reviewer.errors import ConfigurationError, LedgerUnavailable
from reviewer.git.snapshot import Snapshot
from reviewer.jobs.models import Models, open_models
from reviewer.jobs.policy import effective_policy, run_limit, utc_now
from reviewer.ledger.local import LocalLedger
from reviewer.ledger.meter import LedgerMeter
from reviewer.ledger.terms import Terms
from reviewer.local.arguments import start_of
from reviewer.local.dismissed import subject_of, without_dismissed
from reviewer.local.hunk_results import HunkResults
from reviewer.local.repository import find_repository
from reviewer.local.selection import Selected
from reviewer.settings import Settings
from reviewer.steps.context import ReviewContext
from reviewer.steps.progress import Progress
from reviewer.steps.request import ReviewRequest
from reviewer.steps.result import Review


@dataclass(frozen=True, slots=True)
class Session:
    """What one run needs. `models.client.usable` is False where only the analysers can work."""

    policy: Policy
    models: Models
    ledger: LocalLedger


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for. `limit` is the most that the run may cost, None for policy's."""

    model: str = ""
    strategy: Strategy | None = None
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run in the ledger: `kind` begins its id, `repository` is whose spend it is."""

    kind: str
    repository: str
    private: bool = True


def open_session(options: argparse.Namespace, settings: Settings, base: Snapshot | None) -> Session:
    """Read policy and models for a change whose base is given; everything is recorded in a local ledger.

    A work tree counts as private: its owner has not said that its code may be trained on.
    """
    if options.offline:
        settings = replace(settings, offline=True)
    policy = effective_policy(settings, base=base, private=True)
    wishes = wishes_of(options)
    ledger = open_local_ledger(settings)
    return Session(
        policy,
        models_of_run(settings, policy, ledger, wishes, Run("local", start_of(options).resolve().name)),
        ledger,
    )


def wishes_of(options: argparse.Namespace) -> Wishes:
    """Return what the options of models and money ask for; ConfigurationError for an amount that is none."""
    strategy = Strategy(options.strategy) if options.strategy else None
    return Wishes(options.model, strategy, run_limit(options.max_cost))


def models_of_run(settings: Settings, policy: Policy, ledger: LocalLedger, wishes: Wishes, run: Run) -> Models:
    """Return the models that settings, policy and wishes allow, metered in the ledger of this machine."""
    limits = in_place_of_shipped(policy.limits, (wishes.limit,)) if wishes.limit else policy.limits
    # Limits of a day or a month are for what the service spends; here only the limit per run holds.
    account = Account(
        run=f"{run.kind}-{os.urandom(16).hex()}", repository=run.repository, scopes=frozenset({Scope.RUN})
    )
    terms = Terms(account, limits, allow_unknown_price=policy.unknown_price == "allow")
    return open_models(
        settings,
        policy,
        LedgerMeter(ledger.money, terms, utc_now),
        private=run.private,
        model=wishes.model,
        strategy=wishes.strategy,
        discover_local=not settings.provider_keys and not settings.model_url,
    )


def open_local_ledger(settings: Settings) -> LocalLedger:
    """Open the ledger in the user's cache folder, making its tables at the first use."""
    try:
        return LocalLedger(settings.local_ledger_file)
    except LedgerUnavailable as error:
        raise ConfigurationError(
            f"the cache folder {settings.cache_dir} cannot be used: {error}",
            remedy="Set KILO_REVIEW_CACHE_DIR to a folder that you can write to.",
        ) from None


def request_of(options: argparse.Namespace, session: Session, selected: Selected) -> ReviewRequest:
    """Return the request for a selection: no title and no body, because none is written yet."""
    return ReviewRequest(
        change=selected.change,
        private=True,
        strategy=Strategy(options.strategy) if options.strategy else None,
        untouched=selected.untouched,
        notices=(*session.policy.notices, *selected.notices),
        criteria=_criteria(getattr(options, "against", ""), session.policy),
    )


def _criteria(name: str, policy: Policy) -> tuple[str, ...]:
    """Return the points of a plan or an issue that a file holds ("-": standard input), none for no file."""
    if not name:
        return ()
    if not policy.intent:
        raise ConfigurationError(
            "the policy switches questions about acceptance criteria off (intent under [review])",
            remedy="Leave --against out, or set intent = true.",
        )
    from reviewer.prompts.criteria import points_of  # noqa: PLC0415 - for --against alone

    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {name}: {error.strerror}", remedy="Name a text file.") from None
    points = points_of(data.decode("utf-8", "replace"))
    if not points:
        raise ConfigurationError(
            f"{name} holds no list items to hold the change to",
            remedy='Write what the change is to do as a list, such as "- Every export has a header line.".',
        )
    return points


def review_selected(
    options: argparse.Namespace,
    session: Session,
    selected: Selected,
    *,
    watch: Callable[[Progress], None],
    by_hunk: bool = False,
) -> Review:
    """Review a selection with the session's models; what was dismissed in the repository is not shown again.

    `by_hunk` keeps what was concluded on each hunk, so that one that is the same is not asked about again beside
    hunks that changed. Not for a model that was named: what another one concluded is no answer of its.
    """
    store = None if options.no_cache else session.ledger.results(utc_now)
    hunks = None
    if store is not None and by_hunk and not options.model:
        hunks = HunkResults(store, subject_of(find_repository(selected.root)))
    context = ReviewContext(
        session.policy,
        session.models.client,
        selected.head,
        selected.base,
        frontier_price=session.models.frontier_price,
        store=store,
        hunks=hunks,
        watch=watch,
    )
    review = pipeline.review(request_of(options, session, selected), context)
    subject = subject_of(find_repository(selected.root))
    return without_dismissed(review, session.ledger.dismissals.of_pull_request(subject.repo_id, subject.number))
