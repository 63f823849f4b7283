"""Answer the commands that ask no model: do what they say, and say what was done."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from typing import Final

from policies.budgets import Account, Scope, dollars, limit_for, resets_at
from policies.caps import caps_of
from policies.load import load_policy
from policies.origins import settings_of
from policies.plain import plain_value
from policies.policy import Policy
from policies.words import Conclusion
from reviewer.errors import NotFound, PermissionMissing
from reviewer.github.records import PullRequest
from reviewer.jobs import command_findings
from reviewer.jobs.access import Access
from reviewer.jobs.command_reply import reply_to_command
from reviewer.jobs.correction import HELP
from reviewer.jobs.inputs import account_of, open_code
from reviewer.jobs.job import Job
from reviewer.jobs.pause import pause_note
from reviewer.jobs.payload import JobPayload, Work
from reviewer.jobs.shown_summary import show_pause
from reviewer.ledger.keys import AUTOMATIC, ReviewKey, ReviewState
from reviewer.publish.escape import fence, plain
from reviewer.publish.figures import count
from reviewer.publish.outgoing import outgoing
from reviewer.settings import organisation_policy

# Balances of the whole organisation are nobody's business on a pull request that the world may read.
_SHOWN: Final = (Scope.PULL_REQUEST, Scope.USER_DAY, Scope.REPOSITORY_DAY, Scope.REPOSITORY_MONTH)
_NOT_SHOWN: Final = ("limits", "credits")


def answer_command(job: Job, access: Access, stack: ExitStack) -> None:
    """Do what a command says and answer it where it was written."""
    pr = access.reader.pull_request(job.payload.repository, job.key.number)
    body = _answer(job, access, pr, stack)
    try:
        reply_to_command(job, access, pr.repository, job.payload.verb.value, outgoing(body, job.redact))
    except (NotFound, PermissionMissing) as error:
        job.held.finish(ReviewState.REFUSED, job.words(error))
    else:
        job.held.finish(ReviewState.PUBLISHED, "")


def _answer(job: Job, access: Access, pr: PullRequest, stack: ExitStack) -> str:
    match job.payload.verb:
        case Work.EXPLAIN:
            return command_findings.explain(job)
        case Work.DISMISS:
            return command_findings.dismiss(job, access, pr, stack)
        case Work.PAUSE:
            job.ledger.pauses.add(pr.repo_id, pr.number, job.row.actor, job.now())
            show_pause(job, access, pr)
            return (
                "Paused: pushes to this pull request are not reviewed until `/kilo resume`. "
                "`/kilo review` still works, and a review that is under way goes on (`/kilo cancel` stops it)."
            )
        case Work.RESUME:
            return _resume(job, access, pr)
        case Work.CANCEL:
            return _cancel(job, access, pr)
        case Work.USAGE:
            return _usage(job, pr, open_code(job, access, pr, stack).policy)
        case Work.CONFIG:
            return _config(job, open_code(job, access, pr, stack).policy)
        case _:
            return help_text()


def help_text() -> str:
    """Return the list of commands in Markdown."""
    return "\n".join(["What there is:", "", *(f"- `{usage}`: {words}" for usage, words in HELP.items())])


def paused(job: Job) -> str:
    """Return why an automatic review does not start, "" where its pull request is not paused."""
    return pause_note(job.ledger.pauses, job.key.repo_id, job.key.number) if job.key.automatic else ""


def _resume(job: Job, access: Access, pr: PullRequest) -> str:
    was = job.ledger.pauses.paused_by(pr.repo_id, pr.number)
    job.ledger.pauses.end(pr.repo_id, pr.number)
    if was:
        show_pause(job, access, pr)
    said = "Resumed: pushes are reviewed again." if was else "Nothing was paused: pushes are reviewed."
    if pr.state != "open" or pr.draft:
        return f"{said} This one is {'a draft' if pr.draft else pr.state} and is not reviewed now."
    payload = JobPayload(
        pr.repository,
        event="pull_request.synchronize",
        delivery=job.payload.delivery,
        actor_id=job.payload.actor_id,
    )
    accepted = job.ledger.requests.accept(
        ReviewKey(job.key.installation_id, pr.repo_id, pr.number, pr.head_sha, AUTOMATIC, pr.base_sha),
        actor=job.row.actor,
        payload=payload.to_json(),
        now=job.now(),
        caps=caps_of(organisation_policy(job.settings), outsider=False),
    )
    head = f"`{pr.head_sha[:7]}`"
    if accepted.refusal:
        return f"{said} {head} is not reviewed: {plain(accepted.refusal)}."
    if accepted.state.final:
        return f"{said} {head} was reviewed already."
    return f"{said} The review of {head} starts within a minute."


def _cancel(job: Job, access: Access, pr: PullRequest) -> str:
    """Close the checks of what the web process cancelled when the command arrived."""
    ids = job.ledger.requests.cancelled(job.key, job.id, job.row.actor)
    if not ids:
        return "No review of this pull request waits or runs, so nothing was cancelled."
    rows = [row for row in map(job.ledger.reviews.get, ids) if row is not None]
    with suppress(PermissionMissing):
        checks = access.check_runs(job, pr.repository)
        for head in sorted({row.key.head_sha or pr.head_sha for row in rows}):
            checks.end_open(
                head,
                title="Cancelled",
                summary=f"Cancelled by {plain(job.row.actor)} with /kilo cancel.",
                conclusion=Conclusion.CANCELLED,
            )
    for row in rows:
        # The worker may have been killed in the middle of a call: what it held is no promise any more.
        job.ledger.money.expire(job.now(), review_id=row.id)
    return (
        f"Cancelled {count(len(ids), 'review')}: no further model call is made for it. A call that was under way "
        "is still billed. `/kilo review` starts again."
    )


def _usage(job: Job, pr: PullRequest, policy: Policy) -> str:
    spend = job.ledger.calls.totals(str(job.id), job.key.pull_request).pull_request
    verbs = job.ledger.requests.verbs(pr.repo_id, pr.number)
    reviews = verbs.get(Work.REVIEW, 0) + verbs.get("", 0)
    unknown = f"at least {dollars(spend.known)}, the rest is unknown"
    cost = dollars(spend.cost) if spend.cost is not None else unknown
    used = spend.usage
    tokens = used.input + used.cache_read + used.cache_write + used.output
    asked = f"{count(spend.calls, 'call')}, {tokens:,} tokens"
    lines = [
        f"This pull request had {count(reviews, 'review')}: {asked}, {cost}.",
        "",
        *_limits(job, account_of(job, pr), policy),
    ]
    return "\n".join(lines)


def _limits(job: Job, account: Account, policy: Policy) -> list[str]:
    lines = []
    for scope in _SHOWN:
        limit = limit_for(policy.limits, scope, account)
        if limit is None:
            continue
        left = job.ledger.money.standing(scope, account, job.now()).left(limit.amount)
        again = resets_at(scope, job.now())
        until = f", until {again:%Y-%m-%d %H:%M} UTC" if again else ""
        lines.append(f"- {scope.words}: {dollars(left)} of {dollars(limit.amount)} left{until}")
    return [*lines, "", "Limits of the organisation and of one run are not listed here."]


def _config(job: Job, policy: Policy) -> str:
    rows = settings_of(load_policy(), organisation_policy(job.settings), policy)
    lines = [
        f"{row.key} = {json.dumps(plain_value(row.value))}  # {row.origin.value}"
        for row in rows
        if row.key.partition(".")[0] not in _NOT_SHOWN
    ]
    notes = [f"- {plain(notice)}" for notice in policy.notices]
    head = "The policy of reviews here, and where each value comes from (limits: `/kilo usage`):"
    return "\n".join([head, "", fence("\n".join(lines)), *notes])
