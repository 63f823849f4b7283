"""A review on this machine: settings, policy, models and the local ledger around the same pipeline."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from policies.budgets import Account, Scope, in_place_of_shipped
from policies.policy import Policy
from policies.words import Strategy
from reviewer import pipeline
from reviewer.errors import ConfigurationError, LedgerUnavailable
from reviewer.git.snapshot import Snapshot
from reviewer.jobs.models import Models, open_models
from reviewer.jobs.policy import effective_policy, run_limit, utc_now
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.meter import LedgerMeter
from reviewer.ledger.money import Terms
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
    ledger: Ledger


def open_session(options: argparse.Namespace, settings: Settings, base: Snapshot | None) -> Session:
    """Read policy and models for a change whose base is given; everything is recorded in a local ledger.

    A work tree counts as private: its owner has not said that its code may be trained on.
    """
    if options.offline:
        settings = replace(settings, offline=True)
    policy = effective_policy(settings, base=base, private=True)
    limit = run_limit(options.max_cost)
    limits = in_place_of_shipped(policy.limits, (limit,)) if limit else policy.limits
    ledger = open_local_ledger(settings)
    # Limits of a day or a month are for what the service spends; here only the limit per run holds.
    account = Account(run=f"local-{uuid.uuid4().hex}", repository=Path.cwd().name, scopes=frozenset({Scope.RUN}))
    terms = Terms(account, limits, allow_unknown_price=policy.unknown_price == "allow")
    meter = LedgerMeter(ledger.money, terms, utc_now)
    models = open_models(
        settings,
        policy,
        meter,
        private=True,
        model=options.model,
        strategy=Strategy(options.strategy) if options.strategy else None,
        discover_local=not settings.provider_keys and not settings.model_url,
    )
    return Session(policy, models, ledger)


def open_local_ledger(settings: Settings) -> Ledger:
    """Open the ledger in the user's cache folder, making its tables at the first use."""
    ledger = Ledger.open(settings.local_ledger_url)
    try:
        ledger.ready()
    except ConfigurationError:
        ledger.migrate()
    except LedgerUnavailable as error:
        raise ConfigurationError(
            f"the cache folder {settings.cache_dir} cannot be used: {error}",
            remedy="Set KILO_REVIEW_CACHE_DIR to a folder that you can write to.",
        ) from None
    return ledger


def request_of(options: argparse.Namespace, session: Session, selected: Selected) -> ReviewRequest:
    """Return the request for a selection: no title and no body, because none is written yet."""
    return ReviewRequest(
        change=selected.change,
        private=True,
        strategy=Strategy(options.strategy) if options.strategy else None,
        untouched=selected.untouched,
        notices=(*session.policy.notices, *selected.notices),
        criteria=_criteria(getattr(options, "against", "")),
    )


def _criteria(name: str) -> tuple[str, ...]:
    """Return the points of a plan or an issue that a file holds ("-": standard input), none for no file."""
    if not name:
        return ()
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
) -> Review:
    """Review a selection with the session's models."""
    store = None if options.no_cache else session.ledger.results(utc_now)
    context = ReviewContext(
        session.policy,
        session.models.client,
        selected.head,
        selected.base,
        frontier_price=session.models.frontier_price,
        store=store,
        watch=watch,
    )
    return pipeline.review(request_of(options, session, selected), context)
