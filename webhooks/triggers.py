"""Decide which deliveries ask for work, from the delivery alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from policies.starting import ASK_LABEL
from reviewer.errors import DeliveryRefused
from reviewer.jobs.correction import Problem
from reviewer.jobs.payload import JobPayload, Work
from reviewer.ledger.keys import ASKED, AUTOMATIC, ReviewKey
from reviewer.publish.check_runs import pull_request_of
from webhooks.commands import CommandInvalid, ReviewCommand, parse_command
from webhooks.delivery import Delivery, whole, word

# What a row's trigger begins with whose work is to say that there is no review.
SKIPPED: Final = "skip:"

# The events that decide() reads; app.yml subscribes to exactly these.
EVENTS: Final = (
    "check_run",
    "check_suite",
    "issue_comment",
    "merge_group",
    "pull_request",
    "pull_request_review_comment",
)
THREAD_EVENT: Final = "pull_request_review_comment"
PULL_REQUEST_ACTIONS: Final = frozenset({"opened", "synchronize", "reopened", "ready_for_review"})
# What else may change a verdict: another base branch (`edited` with `changes.base`), a label that routes.
RETARGETED: Final = "edited"
LABELED: Final = "labeled"

# GitHub's `author_association`: it gives no permission here; it only decides whether the tighter caps apply.
INSIDERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
FIRST_TIMERS = frozenset({"FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR"})

# Commands that need an open pull request.
_OF_OPEN: Final = (Work.REVIEW, Work.ESTIMATE, Work.FIX, Work.RESUME)

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}(?:_[A-Za-z0-9]{1,20})?/[A-Za-z0-9._-]{1,100}")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
# refs/heads/gh-readonly-queue/BASE/pr-NUMBER-SHA
_QUEUE_REF = re.compile(r"refs/heads/gh-readonly-queue/.{1,255}/pr-(\d{1,18})-[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LOGIN = re.compile(r"[A-Za-z0-9_-]{1,100}(?:\[bot\])?")


@dataclass(frozen=True, slots=True)
class TriggerRules:
    """What the organisation decides about triggers. Bots are named by their numeric user id, never by a name.

    `on` holds pull_request actions and the word "command"; `ignore_authors` logins in lower case, whose pull
    requests are reviewed by command only.
    """

    app_id: int = 0
    allowed_bots: frozenset[int] = frozenset()
    review_drafts: bool = False
    review_forks: bool = True
    ignore_authors: frozenset[str] = frozenset()
    on: frozenset[str] = PULL_REQUEST_ACTIONS | {"command"}


@dataclass(frozen=True, slots=True)
class Trigger:
    """A delivery that asks for work. `head_sha` in the key is "" where the job has to look it up.

    `number` in the key is 0 where the delivery names no pull request but a head (a check suite of a fork): it means
    every pull request with this head. `needs_permission`: the actor asked for something, so GitHub is asked whether
    they may write to the repository. `problem` is what is wrong with a command that does not exist: the work is
    then to say so. `updated_at` is the pull request's, "" where the payload has none.
    `outsider`: the event is of an outsider's pull request, whose caps and limits are tighter. `skipped` is why the
    pull request is not reviewed: the work is then to say so on its check.
    """

    key: ReviewKey
    repository: str
    actor: str
    actor_id: int
    event: str
    delivery: str
    command: ReviewCommand = field(default_factory=lambda: ReviewCommand(verb=Work.REVIEW))
    comment_id: int = 0
    thread_id: int = 0
    needs_permission: bool = False
    problem: Problem | None = None
    updated_at: str = ""
    work: Work = Work.REVIEW
    outsider: bool = False
    skipped: str = ""

    def payload(self) -> JobPayload:
        """Return what the job needs beside the key."""
        asked = self.command.verb if self.work is Work.REVIEW else self.work
        return JobPayload(
            repository=self.repository,
            verb=Work.CORRECTION if self.problem else asked,
            event=self.event,
            delivery=self.delivery,
            problem=self.problem.value if self.problem else self.skipped,
            strategy=self.command.strategy.value if self.command.strategy else "",
            model=self.command.model,
            comment_id=self.comment_id,
            full=self.command.full,
            thread_id=self.thread_id,
            argument=self.command.argument,
            paths=self.command.paths,
            actor_id=self.actor_id,
            updated_at=self.updated_at,
            outsider=self.outsider,
        )


@dataclass(frozen=True, slots=True)
class Ignored:
    """A delivery that asks for nothing, with the reason, which the App's delivery log shows."""

    reason: str


@dataclass(frozen=True, slots=True)
class Merged:
    """A pull request was merged: findings that nobody decided were ignored."""

    installation_id: int
    repo_id: int
    number: int


def merged(delivery: Delivery) -> Merged | None:
    """Return the pull request that a delivery says was merged, None for every other delivery."""
    if (delivery.event, delivery.action) != ("pull_request", "closed") or not delivery.installation_id:
        return None
    pull_request = _record(delivery.payload, "pull_request")
    if pull_request.get("merged") is not True:
        return None
    repository = _record(delivery.payload, "repository")
    return Merged(delivery.installation_id, whole(repository, "id"), whole(pull_request, "number"))


def refused(trigger: Trigger) -> Trigger | None:
    """Return the work of saying that a label's request was refused; None for what is refused in silence.

    Whoever puts a label on is trusted with the pull request's labels; whoever comments may be anybody.
    """
    if not trigger.key.trigger.startswith(ASKED) or not trigger.event.endswith(f".{LABELED}"):
        return None
    why = f"{trigger.actor} may not ask for reviews by the label {ASK_LABEL}: this takes write permission"
    key = replace(trigger.key, trigger=f"{SKIPPED}{trigger.delivery}")
    return replace(trigger, key=key, work=Work.SKIPPED, skipped=why, needs_permission=False)


def decide(delivery: Delivery, rules: TriggerRules) -> Trigger | Ignored:
    """Return what a delivery asks for; DeliveryRefused where a payload of a known event cannot be used."""
    if delivery.event == "ping":
        return Ignored("pong: webhooks arrive here and their signature is right")
    if delivery.event not in EVENTS:
        return Ignored(f"the event {delivery.event} asks for no review")
    if not delivery.installation_id:
        raise DeliveryRefused(
            "this webhook belongs to a repository or organisation, not to a GitHub App installation: "
            "install the App and remove the webhook",
            rule="no-installation",
        )
    if delivery.event == "pull_request":
        return _pull_request(delivery, rules)
    if delivery.event in ("issue_comment", THREAD_EVENT):
        return _comment(delivery, rules)
    if delivery.event == "merge_group":
        return _merge_group(delivery)
    return _rerun(delivery, rules)


def _pull_request(delivery: Delivery, rules: TriggerRules) -> Trigger | Ignored:
    asked = _asked_by_label(delivery, rules)
    refusal = "" if asked else _unasked(delivery, rules)
    if refusal:
        return Ignored(refusal)
    pull_request = _record(delivery.payload, "pull_request")
    head, base = _record(pull_request, "head"), _record(pull_request, "base")
    if closed := _closed(pull_request):
        return Ignored(closed)
    skipped = "" if asked else _unwanted(delivery, pull_request, head, rules)
    updated_at = pull_request.get("updated_at")
    # A label may route the same commit to another model: new work, once per delivery.
    trigger = f"label:{delivery.guid}" if delivery.action == LABELED else AUTOMATIC
    trigger = f"{ASKED}{delivery.guid}" if asked else trigger
    trigger = f"{SKIPPED}{delivery.guid}" if skipped else trigger
    key = _key(delivery, whole(pull_request, "number"), word(head, "sha", _SHA), trigger)
    return replace(
        _trigger(delivery, replace(key, base_sha=word(base, "sha", _SHA)), _record(delivery.payload, "sender")),
        updated_at=updated_at if isinstance(updated_at, str) and _MOMENT.fullmatch(updated_at) else "",
        outsider=_by_outsider(delivery, pull_request, head),
        needs_permission=asked,
        work=Work.SKIPPED if skipped else Work.REVIEW,
        skipped=skipped,
    )


def _asked_by_label(delivery: Delivery, rules: TriggerRules) -> bool:
    """Tell whether a person put on the label that asks for a review: a command, given with the mouse."""
    label = delivery.payload.get("label")
    name = label.get("name") if isinstance(label, Mapping) else None
    return (
        delivery.action == LABELED
        and isinstance(name, str)
        and name.casefold() == ASK_LABEL
        and "command" in rules.on
        and not _not_a_person(_record(delivery.payload, "sender"), rules)
    )


def _by_outsider(delivery: Delivery, pull_request: Mapping[str, Any], head: Mapping[str, Any]) -> bool:
    """Return whether a pull request comes from an outsider's fork, or from a first-time contributor.

    Who may push to the repository itself is let in by its owners; a fork may be a member's too. A fork that was
    deleted is still not this repository.
    """
    association = pull_request.get("author_association")
    source = head.get("repo")
    source_id = source.get("id") if isinstance(source, Mapping) else None
    is_fork = source_id != whole(_record(delivery.payload, "repository"), "id")
    return association in FIRST_TIMERS or (is_fork and association not in INSIDERS)


def _unasked(delivery: Delivery, rules: TriggerRules) -> str:
    """Return why an action asks for no review, "" where it does."""
    if delivery.action == RETARGETED:
        changes = delivery.payload.get("changes")
        if not isinstance(changes, Mapping) or not isinstance(changes.get("base"), Mapping):
            return "pull_request edited changes no code"
        # Another base is another diff, as another head is.
        wanted = "synchronize" in rules.on
    elif delivery.action in PULL_REQUEST_ACTIONS or delivery.action == LABELED:
        wanted = delivery.action in rules.on
    else:
        return f"pull_request {delivery.action or 'without action'} changes no code"
    return "" if wanted else f"the organisation's policy does not review on {delivery.action}"


def _unwanted(
    delivery: Delivery, pull_request: Mapping[str, Any], head: Mapping[str, Any], rules: TriggerRules
) -> str:
    """Return why a pull request is not reviewed by itself, "" where it is."""
    if pull_request.get("draft") is True and not rules.review_drafts:
        return "the pull request is a draft; its review starts when it is ready"
    source = head.get("repo")
    # The head repository is null once the fork was deleted.
    source_id = source.get("id") if isinstance(source, Mapping) else None
    if not rules.review_forks and source_id != whole(_record(delivery.payload, "repository"), "id"):
        return "the organisation's policy reviews forks by command only"
    author = pull_request.get("user")
    login = author.get("login") if isinstance(author, Mapping) else None
    if isinstance(login, str) and login.lower() in rules.ignore_authors:
        return f"the organisation's policy reviews pull requests of {login} by command only"
    return ""


def _closed(pull_request: Mapping[str, Any]) -> str:
    return "the pull request is closed" if pull_request.get("state", "open") != "open" else ""


def _comment(delivery: Delivery, rules: TriggerRules) -> Trigger | Ignored:
    if delivery.action != "created":
        return Ignored("only a new comment is read for commands")
    if "command" not in rules.on:
        return Ignored("the organisation's policy takes no commands")
    in_thread = delivery.event == THREAD_EVENT
    issue = _record(delivery.payload, "pull_request" if in_thread else "issue")
    if not in_thread and not isinstance(issue.get("pull_request"), Mapping):
        return Ignored("the comment is on an issue, not on a pull request")
    comment = _record(delivery.payload, "comment")
    body = comment.get("body")
    command = parse_command(body) if isinstance(body, str) else None
    if command is None:
        return Ignored("the comment holds no /kilo command of its own")
    refusal = _foreign(comment, rules) or _not_a_person(_record(comment, "user"), rules)
    if refusal:
        return Ignored(refusal)
    problem = command.problem if isinstance(command, CommandInvalid) else None
    if isinstance(command, CommandInvalid) and _record(comment, "user").get("type") != "User":
        # A bot would not read the answer, and two that answer each other never end.
        return Ignored(command.reason)
    if isinstance(command, ReviewCommand) and issue.get("state", "open") != "open" and command.verb in _OF_OPEN:
        problem = Problem.CLOSED
    comment_id = whole(comment, "id")
    # The payload of a comment does not say which commit it was written under.
    # Comments of the conversation and of threads are numbered apart.
    key = _key(delivery, whole(issue, "number"), "", f"{'thread' if in_thread else 'comment'}:{comment_id}")
    return replace(
        _trigger(delivery, key, _record(comment, "user")),
        command=ReviewCommand(verb=Work.REVIEW) if isinstance(command, CommandInvalid) else command,
        problem=problem,
        comment_id=comment_id,
        thread_id=(whole(comment, "in_reply_to_id") if comment.get("in_reply_to_id") else comment_id)
        if in_thread
        else 0,
        needs_permission=whole(_record(comment, "user"), "id") not in rules.allowed_bots,
    )


def _rerun(delivery: Delivery, rules: TriggerRules) -> Trigger | Ignored:
    """Read "Re-run" of a check run and "Re-run all checks" of a check suite."""
    if delivery.action != "rerequested":
        return Ignored(f"{delivery.event} {delivery.action or 'without action'} asks for no review")
    check = _record(delivery.payload, delivery.event)
    app = check.get("app")
    if rules.app_id and (not isinstance(app, Mapping) or app.get("id") != rules.app_id):
        return Ignored("the check belongs to another App")
    refusal = _not_a_person(_record(delivery.payload, "sender"), rules)
    if refusal:
        return Ignored(refusal)
    identity = check.get("external_id")
    # GitHub names no pull request of a fork; our own check runs say whose they are.
    number = pull_request_of(identity) if isinstance(identity, str) else 0
    named = check.get("pull_requests")
    if not number and isinstance(named, list) and len(named) == 1:
        number = whole(named[0], "number")
    # A press of the button is a delivery; its redelivery carries the same id.
    key = _key(delivery, number, word(check, "head_sha", _SHA), f"rerun:{delivery.guid}")
    return replace(_trigger(delivery, key, _record(delivery.payload, "sender")), needs_permission=True)


def _merge_group(delivery: Delivery) -> Trigger | Ignored:
    """Read a merge queue's request for checks: the pull request's verdict answers it, no model is asked."""
    if delivery.action != "checks_requested":
        return Ignored(f"merge_group {delivery.action or 'without action'} asks for no check")
    group = _record(delivery.payload, "merge_group")
    ref = group.get("head_ref")
    match = _QUEUE_REF.fullmatch(ref) if isinstance(ref, str) else None
    if match is None:
        return Ignored("the merge group names no pull request")
    number = whole({"number": int(match[1])}, "number")
    key = _key(delivery, number, word(group, "head_sha", _SHA), f"merge:{delivery.guid}")
    return replace(_trigger(delivery, key, _record(delivery.payload, "sender")), work=Work.MERGE_GROUP)


def _foreign(comment: Mapping[str, Any], rules: TriggerRules) -> str:
    """Return why a comment that an App wrote is not taken for a command, "" for any other."""
    app = comment.get("performed_via_github_app")
    if not isinstance(app, Mapping):
        return ""
    if rules.app_id and app.get("id") == rules.app_id:
        return "the comment is our own"
    user = comment.get("user")
    user_id = user.get("id") if isinstance(user, Mapping) else None
    return "" if user_id in rules.allowed_bots else "the comment was written by an App"


def _not_a_person(user: Mapping[str, Any], rules: TriggerRules) -> str:
    """Return why an account may not command, "" for a person or for a bot that is allowed by its id."""
    if user.get("id") in rules.allowed_bots or user.get("type") == "User":
        return ""
    return "commands of bots are not obeyed, unless the bot's numeric id is allowed"


def _key(delivery: Delivery, number: int, head_sha: str, trigger: str) -> ReviewKey:
    repository = _record(delivery.payload, "repository")
    return ReviewKey(
        installation_id=delivery.installation_id,
        repo_id=whole(repository, "id"),
        number=number,
        head_sha=head_sha,
        trigger=trigger,
    )


def _trigger(delivery: Delivery, key: ReviewKey, actor: Mapping[str, Any]) -> Trigger:
    return Trigger(
        key=key,
        repository=word(_record(delivery.payload, "repository"), "full_name", _REPOSITORY),
        actor=word(actor, "login", _LOGIN),
        actor_id=whole(actor, "id"),
        event=f"{delivery.event}.{delivery.action}",
        delivery=delivery.guid,
    )


def _record(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    if not isinstance(value, Mapping):
        raise DeliveryRefused(f"the payload has no usable {key!r}", rule="payload")
    return value
