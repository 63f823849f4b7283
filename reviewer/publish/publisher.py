"""From a Review to GitHub, exactly once: one review with the inline comments, one sticky summary, one check run.

What was published carries its identity; before anything is posted, what is there is listed. A write goes out once,
and where its answer does not come, GitHub is asked what it has before anything else happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from policies.gates import Verdict
from reviewer.errors import GitHubUnavailable, PermissionMissing
from reviewer.findings.model import Disposition
from reviewer.github.client import GitHub
from reviewer.github.records import PullRequest
from reviewer.ledger.keys import Publication
from reviewer.publish import sticky
from reviewer.publish.check import CheckOutput, render_check
from reviewer.publish.check_runs import CheckRuns
from reviewer.publish.cost import Totals
from reviewer.publish.marker import Kind, Marker
from reviewer.publish.outgoing import outgoing, outgoing_output
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.publish.reviews import HeadMoved, Poster
from reviewer.publish.settle import Settle
from reviewer.publish.summary import SummaryInput, render_summary
from reviewer.publish.threads import ThreadKeeper
from reviewer.steps.redact_review import redact_review
from reviewer.steps.result import Review

NOT_PERMITTED: Final = "the App may not comment on lines here"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are: the bot's login and the App's id (`AppAuth.identity()`)."""

    login: str
    app_id: int


@dataclass(frozen=True, slots=True)
class Posted:
    """What a publication came to. `urls` maps a fingerprint (as a marker spells it) to its inline comment.

    `stale`: head or base had moved on, nothing was posted. `problems` are sentences on what GitHub refused.
    `review` is the review as it was published: refused anchors are OUT_OF_DIFF in it.
    """

    publication: Publication
    review: Review
    stale: bool = False
    urls: Mapping[str, str] = field(default_factory=dict)
    summary_url: str = ""
    problems: tuple[str, ...] = ()


def publish(
    review: Review,
    pr: PullRequest,
    gh: GitHub,
    *,
    verdict: Verdict,
    identity: Identity,
    fence: Callable[[], None],
    save: Callable[[Publication], None] | None = None,
    before: Publication | None = None,
    totals: Totals | None = None,
    secrets: OwnSecrets | None = None,
    external_id: str = "",
    settle: Settle | None = None,
) -> Posted:
    """Publish a review and return what is on GitHub.

    `fence` is called before every write and raises LeaseLost where this worker may write no more; `save` is called
    after every step, for the next attempt. `before` is what an earlier attempt saved. Running it again, with
    the same findings or after any fault, posts nothing twice. `secrets` redacts every text before it is rendered;
    what is rendered is looked at once more and never rewritten.

    Raises GitHubUnavailable and RateLimited (try again later; nothing is lost), LeaseLost, NotFound, and
    PermissionMissing only where GitHub refused everything.
    """
    settle = settle or Settle()
    secrets = secrets or OwnSecrets()
    state = _State(redact_review(review, secrets), pr, before or Publication(), fence, save or (lambda _: None))
    now = _moved(gh, pr, review.change.head)
    if now is not None:
        return _stale(state, gh, identity, external_id, now.head_sha)
    state.note(replace(state.publication, head_sha=review.change.head, base_sha=pr.base_sha))
    try:
        _inline(state, gh, identity, secrets, settle)
    except HeadMoved as moved:
        return _stale(state, gh, identity, external_id, moved.head)
    _threads(state, gh, identity, settle)
    source = SummaryInput(
        state.review,
        repository_url=pr.repository_url,
        comment_urls=state.urls,
        totals=totals,
        notices=tuple(secrets(problem) for problem in state.problems),
        verdict=verdict,
    )
    _summary(state, gh, identity, source, secrets, settle)
    no_comments = len(state.denied) > 0
    output = render_check(
        state.review,
        verdict,
        totals=totals,
        summary_url=state.summary_url,
        notices=[secrets(problem) for problem in state.problems],
        annotate=no_comments,
    )
    _check(state, gh, identity, output, external_id, secrets, settle)
    if len(state.denied) == len(_OUTLETS):
        raise state.denied[0]
    if state.check_denied and state.summary_url:
        notices = tuple(secrets(problem) for problem in state.problems)
        _summary(state, gh, identity, replace(source, notices=notices), secrets, settle)
    return state.posted()


# What a review comes out by, and the permission that each takes.
_OUTLETS: Final = {
    "inline comments": "pull_requests: write",
    "summary": "pull_requests: write",
    "check run": "checks: write",
}


@dataclass(slots=True)
class _State:
    """What a publication knows as it goes on."""

    review: Review
    pr: PullRequest
    publication: Publication
    fence: Callable[[], None]
    save: Callable[[Publication], None]
    urls: dict[str, str] = field(default_factory=dict)
    summary_url: str = ""
    problems: list[str] = field(default_factory=list)
    denied: list[PermissionMissing] = field(default_factory=list)
    check_denied: bool = False

    def note(self, publication: Publication) -> None:
        if publication != self.publication:
            self.publication = publication
            self.save(publication)

    def announce(self, what: str) -> None:
        """Save that a write is about to be sent: a later run waits until GitHub's lists can show it."""
        self.publication = replace(self.publication, writing=what)
        self.save(self.publication)

    def deny(self, error: PermissionMissing, outlet: str) -> None:
        needed = _OUTLETS[outlet]
        self.denied.append(PermissionMissing(str(error), permission=needed))
        self.problems.append(f"No {outlet}: the App needs {needed} here. {error}")

    def posted(self, *, stale: bool = False) -> Posted:
        return Posted(self.publication, self.review, stale, dict(self.urls), self.summary_url, tuple(self.problems))


def _inline(state: _State, gh: GitHub, identity: Identity, secrets: OwnSecrets, settle: Settle) -> None:
    poster = Poster(
        gh,
        state.pr,
        state.review,
        login=identity.login,
        fence=state.fence,
        secrets=secrets,
        settle=settle,
        announce=lambda: state.announce("review"),
    )
    try:
        result = poster.post()
    except PermissionMissing as error:
        state.deny(error, "inline comments")
        findings = tuple(
            replace(placed, disposition=Disposition.OUT_OF_DIFF, anchor=None, reason=NOT_PERMITTED)
            if placed.disposition is Disposition.INLINE
            else placed
            for placed in state.review.findings
        )
        state.review = replace(state.review, findings=findings)
        return
    state.review = result.review
    state.urls.update(result.urls)
    state.note(
        replace(
            state.publication,
            github_review_id=result.review_id or state.publication.github_review_id,
            comment_ids=result.comment_ids,
            writing="",
            marker=Marker(Kind.REVIEW, head=state.review.change.head).line(),
        )
    )


def _threads(state: _State, gh: GitHub, identity: Identity, settle: Settle) -> None:
    """Close and reopen the threads of earlier findings; GitHub's refusals leave a thread as it is."""
    try:
        ThreadKeeper(gh, state.pr, identity.login, settle, state.announce).tend(state.review)
    except PermissionMissing:
        # Told already: without this permission no line was commented on either.
        return
    state.note(replace(state.publication, writing=""))


def _summary(
    state: _State, gh: GitHub, identity: Identity, source: SummaryInput, secrets: OwnSecrets, settle: Settle
) -> None:
    body = outgoing(render_summary(source), secrets)
    try:
        comment = sticky.upsert(
            gh,
            state.pr,
            body,
            login=identity.login,
            known=state.publication.summary_comment_id,
            fence=state.fence,
            settle=settle,
            announce=lambda: state.announce("summary"),
        )
    except PermissionMissing as error:
        state.deny(error, "summary")
        return
    state.summary_url = comment.html_url
    state.note(replace(state.publication, summary_comment_id=comment.id, writing=""))


def _check(
    state: _State,
    gh: GitHub,
    identity: Identity,
    output: CheckOutput,
    external_id: str,
    secrets: OwnSecrets,
    settle: Settle,
) -> None:
    checks = CheckRuns(
        gh,
        state.pr.repository,
        identity.app_id,
        external_id,
        fence=state.fence,
        announce=lambda: state.announce("check run"),
        settle=settle,
        known=state.publication.check_run_id,
    )
    try:
        run = checks.conclude(
            state.review.change.head, replace(output, output=outgoing_output(output.output, secrets))
        )
    except PermissionMissing as error:
        state.check_denied = True
        state.deny(error, "check run")
        return
    state.note(replace(state.publication, check_run_id=run.id, writing=""))


def _moved(gh: GitHub, pr: PullRequest, head: str) -> PullRequest | None:
    """Return the pull request where its head or base is another one by now, None where it is not.

    Two answers in a row have to say so, and not be older than what was seen before: a replica may lag.
    """
    now = gh.pull_request(pr.repository, pr.number)
    if now.head_sha != head or now.has_other_base(pr):
        now = gh.pull_request(pr.repository, pr.number)
    if now.head_sha == head and not now.has_other_base(pr):
        return None
    if now.updated_at < pr.updated_at:
        raise GitHubUnavailable(f"GitHub's answer on {pr.repository}#{pr.number} is older than its last one")
    return now


def _stale(state: _State, gh: GitHub, identity: Identity, external_id: str, head: str) -> Posted:
    """Say nothing on lines that moved: the newer head has its own review. End what shows this one as under way."""
    if head == state.review.change.head:
        # Another base: its review uses the same check run.
        return state.posted(stale=True)
    known = state.publication.check_run_id
    checks = CheckRuns(gh, state.pr.repository, identity.app_id, external_id, fence=state.fence, known=known)
    try:
        checks.end_superseded(state.review.change.head, head)
    except PermissionMissing as error:
        state.deny(error, "check run")
    return state.posted(stale=True)
