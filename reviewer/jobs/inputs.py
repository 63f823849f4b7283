"""Open what a review is made from: the change, both commits, the policy at the base, and the models."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from policies.budgets import Account
from policies.policy import Policy
from policies.starting import analysers_only
from reviewer.findings.code import ChangedCode
from reviewer.git.snapshot import Snapshot
from reviewer.github.change_source import FetchedChange, fetch_change
from reviewer.github.linked_issues import criteria_of_pull_request
from reviewer.github.mirror import Mirrors
from reviewer.github.records import PullRequest
from reviewer.jobs.access import READ_PERMISSIONS, Access
from reviewer.jobs.commits import open_commits
from reviewer.jobs.earlier_findings import EarlierReader, People
from reviewer.jobs.job import Job
from reviewer.jobs.models import Models, no_models, open_models
from reviewer.jobs.occasion import lock_file_note, occasion_of
from reviewer.jobs.policy import effective_policy
from reviewer.jobs.supersession import StillWanted, WatchedMeter
from reviewer.jobs.verdicts import memory_of
from reviewer.ledger.meter import LedgerMeter
from reviewer.ledger.terms import Terms
from reviewer.prompts.about import About
from reviewer.prompts.redact import redact_change
from reviewer.steps.only_paths import only_notes
from reviewer.steps.request import ReviewRequest


@dataclass(frozen=True, slots=True)
class Code:
    """The change of a pull request, both its commits, and the policy at the base."""

    fetched: FetchedChange
    base: Snapshot
    head: Snapshot
    policy: Policy


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a review is made from."""

    request: ReviewRequest
    policy: Policy
    models: Models
    base: Snapshot
    head: Snapshot


def open_code(job: Job, access: Access, pr: PullRequest, stack: ExitStack) -> Code:
    """Fetch the change, open both commits until `stack` ends, and read the policy at the base.

    ConfigurationError for a policy that cannot be used.
    """
    mirrors = Mirrors(
        job.settings.state_dir / "mirrors",
        limit=job.settings.mirror_limit,
        repository_limit=job.settings.mirror_repository_limit,
    )
    stack.callback(mirrors.close)
    installation = job.key.installation_id
    token = access.auth.installation_token(
        installation, repository_ids=(job.key.repo_id,), permissions=READ_PERMISSIONS
    )
    with job.shared.fetching:
        fetched = fetch_change(
            access.reader, pr, lambda: mirrors.ensure(pr, token.token, installation_id=installation)
        )
    base, head = open_commits(access.reader, pr, fetched, stack)
    return Code(fetched, base, head, effective_policy(job.settings, base=base, private=pr.private))


def open_inputs(job: Job, access: Access, pr: PullRequest, stack: ExitStack) -> Inputs:
    """Open the code until `stack` ends, the models, and what the pull request was told before.

    ConfigurationError for a policy, or a model that a command names, that cannot be used.
    """
    code = open_code(job, access, pr, stack)
    fetched, policy = code.fetched, code.policy
    unasked = analysers_only(occasion_of(job, pr), policy, asked=not job.key.automatic)
    models = no_models(unasked) if unasked else models_for(job, access, policy, pr)
    locks = lock_file_note(fetched.change) if unasked else ""
    memory = memory_of(job.ledger, pr)
    dismissed = job.ledger.dismissals.of_pull_request(pr.repo_id, pr.number)
    people = People(access.reader, pr.repository, policy.command_permission)
    reader = EarlierReader(access.reader, job.ledger, people, access.identity.login, job.now, dismissed)
    earlier = reader.read(pr, lambda: ChangedCode(redact_change(fetched.change).change), memory)
    request = ReviewRequest(
        change=fetched.change,
        about=About(pr.title, pr.body, pr.author),
        labels=pr.labels,
        criteria=criteria_of_pull_request(access.reader, pr) if policy.intent else (),
        private=pr.private,
        strategy=job.payload.chosen_strategy,
        earlier=earlier.findings,
        told=earlier.told,
        memory=memory,
        only=job.payload.paths,
        notices=tuple(
            filter(
                None,
                (
                    *only_notes(fetched.change, job.payload.paths, job.row.actor),
                    *policy.notices,
                    *fetched.notices,
                    models.reason,
                    locks,
                ),
            )
        ),
    )
    return Inputs(request, policy, models, code.base, code.head)


def account_of(job: Job, pr: PullRequest) -> Account:
    """Return whose limits a job counts on."""
    return Account(
        run=str(job.id),
        pull_request=job.key.pull_request,
        user=job.row.actor,
        repository=pr.repository,
        organisation=pr.repository.partition("/")[0],
        user_id=job.payload.actor_id,
        repository_id=job.key.repo_id,
        organisation_id=pr.owner_id,
        outsider=job.payload.outsider,
    )


def models_for(job: Job, access: Access, policy: Policy, pr: PullRequest) -> Models:
    """Return the models that settings, policy and command allow, metered on this review's account.

    Superseded is raised by the first call after the pull request moved on.
    """
    account = account_of(job, pr)
    unknown = policy.unknown_price == "allow"
    terms = Terms(account, policy.limits, job.id, job.held.lease, allow_unknown_price=unknown)
    # The writer is idle while models are asked; the reader may be in the middle of reading a commit.
    wanted = StillWanted(job, access.writer, pr)
    meter = WatchedMeter(LedgerMeter(job.ledger.money, terms, job.now), wanted.check)
    return open_models(
        job.settings,
        policy,
        meter,
        private=pr.private,
        model=job.payload.model,
        strategy=job.payload.chosen_strategy,
        discover_local=not job.settings.provider_keys and not job.settings.model_url,
    )
