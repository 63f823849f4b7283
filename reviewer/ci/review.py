"""Review a pull request as it is on GitHub now, with what a token may read."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from reviewer import pipeline
from reviewer.ci.access import TokenAccess
from reviewer.ci.earlier import earlier_in_threads
from reviewer.ci.target import Target
from reviewer.errors import ConfigurationError, NotFound
from reviewer.findings.earlier import EarlierFinding
from reviewer.github.change_source import fetch_change
from reviewer.github.linked_issues import criteria_of_pull_request
from reviewer.github.mirror import Mirrors
from reviewer.github.records import PullRequest
from reviewer.jobs.commits import open_commits
from reviewer.jobs.document import Document, document_of
from reviewer.jobs.models import Models
from reviewer.jobs.policy import effective_policy, utc_now
from reviewer.local.dismissed import without_dismissed
from reviewer.local.session import Run, models_of_run, open_local_ledger, wishes_of
from reviewer.prompts.about import About
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.settings import Settings
from reviewer.steps.context import ReviewContext
from reviewer.steps.progress import Progress
from reviewer.steps.request import ReviewRequest


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears how far a review is, and of its models before they are asked, for a caller that may stop them."""

    progress: Callable[[Progress], None]
    models: Callable[[Models], object] = lambda _models: None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A pull request, its review and the verdict of policy's gates; `no_model` says why only analysers worked."""

    pr: PullRequest
    document: Document
    no_model: str


def find_pull_request(access: TokenAccess, target: Target) -> PullRequest:
    """Return the pull request; ConfigurationError where GitHub shows none to this token."""
    try:
        return access.github.pull_request(target.repository, target.number)
    except NotFound:
        remedy = (
            "Check the name and the number, and that the token may read this repository."
            if access.token
            else "Check the name and the number; for a private repository set GITHUB_TOKEN."
        )
        raise ConfigurationError(f"GitHub shows no pull request {target}", remedy=remedy) from None


def review_pull_request(
    access: TokenAccess,
    pr: PullRequest,
    settings: Settings,
    options: argparse.Namespace,
    *,
    told: Told,
) -> Reviewed:
    """Review a pull request against its policy at the base; nothing is written to GitHub.

    What was spent is in the ledger of this machine, and what was paid for is not asked again. `told` hears
    how far the review is.
    """
    wishes = wishes_of(options)
    with ExitStack() as stack:
        mirrors = stack.enter_context(
            Mirrors(
                settings.cache_dir / "mirrors",
                limit=settings.mirror_limit,
                repository_limit=settings.mirror_repository_limit,
            )
        )
        fetched = fetch_change(access.github, pr, lambda: mirrors.ensure(pr, access.token))
        base, head = open_commits(access.github, pr, fetched, stack)
        policy = effective_policy(settings, base=base, private=pr.private)
        ledger = open_local_ledger(settings)
        stack.callback(ledger.close)
        models = models_of_run(settings, policy, ledger, wishes, Run("pr", pr.repository, pr.private))
        told.models(models)
        request = ReviewRequest(
            change=fetched.change,
            about=About(pr.title, pr.body, pr.author),
            labels=pr.labels,
            criteria=criteria_of_pull_request(access.github, pr) if policy.intent else (),
            private=pr.private,
            strategy=wishes.strategy,
            earlier=_earlier(access, pr),
            notices=tuple(filter(None, (*policy.notices, *fetched.notices, models.reason))),
        )
        context = ReviewContext(
            policy,
            models.client,
            head,
            base,
            frontier_price=models.frontier_price,
            store=None if options.no_cache else ledger.results(utc_now),
            watch=told.progress,
        )
        dismissed = ledger.dismissals.of_pull_request(pr.repo_id, pr.number)
        review = without_dismissed(pipeline.review(request, context), dismissed)
    return Reviewed(pr, document_of(review, policy, OwnSecrets(settings.secrets())), models.reason)


def _earlier(access: TokenAccess, pr: PullRequest) -> tuple[EarlierFinding, ...]:
    if not access.token:
        return ()
    return earlier_in_threads(access.github.threads(pr.repository, pr.number), access.login)
