"""Read what was published on a pull request before: the ledger's findings, and what people did to their threads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from reviewer.errors import NotFound
from reviewer.findings.code import ChangedCode
from reviewer.findings.earlier import CLOSED, DISMISSED, OPEN, RESOLVED, EarlierFinding
from reviewer.findings.memory import Memory
from reviewer.findings.model import Category, Disposition
from reviewer.findings.replies import Stance, stance_of
from reviewer.findings.standing import stands_still
from reviewer.github.client import GitHub
from reviewer.github.permission import ROLES, role_of
from reviewer.github.records import PullRequest
from reviewer.github.threads import MAX_THREADS
from reviewer.ledger.findings import FindingState, KnownFinding, Outcome
from reviewer.ledger.ledger import Ledger
from reviewer.publish.marker import fingerprint_in_marker
from reviewer.publish.open_findings import still_open
from reviewer.publish.thread_state import ACCEPTING, DISMISSING, OwnThread, own_threads
from reviewer.steps.result import Review

_SHOWN: Final = (Disposition.INLINE, Disposition.SUMMARY, Disposition.OUT_OF_DIFF)
_STATES: Final = {
    OPEN: FindingState.OPEN,
    CLOSED: FindingState.RESOLVED,
    RESOLVED: FindingState.RESOLVED,
    DISMISSED: FindingState.DISMISSED,
}
_OUTCOMES: Final = {FindingState.RESOLVED: Outcome.ACCEPTED, FindingState.DISMISSED: Outcome.DISMISSED}


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a pull request was told before: findings with a thread, and those that only its summary had."""

    findings: tuple[EarlierFinding, ...] = ()
    told: tuple[EarlierFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class People:
    """Who may dismiss a finding: whoever may command. What an outsider resolves stays open for the check."""

    gh: GitHub
    repository: str
    least: str
    _known: dict[str, bool] = field(default_factory=dict)

    def may_dismiss(self, login: str) -> bool:
        """Tell whether GitHub gives a person the role that commands take; asked once for each."""
        if login not in self._known:
            try:
                role = role_of(self.gh.api, self.repository, login) if login else "none"
            except NotFound:
                role = "none"
            self._known[login] = ROLES.index(role) >= ROLES.index(self.least)
        return self._known[login]


@dataclass(frozen=True, slots=True)
class EarlierReader:
    """Reads what became of a pull request's findings; what changed since the last look is recorded in the ledger.

    `dismissed` are fingerprints that a command dismissed: they stay so whatever their threads say.
    """

    gh: GitHub
    ledger: Ledger
    people: People
    login: str
    now: Callable[[], datetime]
    dismissed: Collection[str] = ()

    def read(self, pr: PullRequest, code_of: Callable[[], ChangedCode], memory: Memory) -> Earlier:
        """Return what the pull request was told before, and what people made of it.

        `code_of` gives the lines of the change; it is called where anything was told.
        """
        known = self.ledger.findings.of_pull_request(pr.repo_id, pr.number)
        threads = self.gh.threads(pr.repository, pr.number)
        if not known:
            return Earlier()
        code = code_of()
        own = own_threads(threads, self.login)
        found, told = [], []
        for finding in known:
            one = _earlier(finding, memory)
            thread = own.get(fingerprint_in_marker(finding.fingerprint))
            state = self._state(finding, one, thread, code, all_listed=len(threads) < MAX_THREADS, pr=pr)
            if state is None:
                told.append(one)
                continue
            self._learn(pr, finding, _STATES[state], accepted=self._is_accepted(thread))
            found.append(replace(one, state=state))
        return Earlier(tuple(found), tuple(told))

    def _state(
        self,
        finding: KnownFinding,
        one: EarlierFinding,
        thread: OwnThread | None,
        code: ChangedCode,
        *,
        all_listed: bool,
        pr: PullRequest,
    ) -> str | None:
        """Return what became of a finding, None where it never had a comment of its own."""
        if finding.fingerprint in self.dismissed:
            return DISMISSED
        if thread is None:
            if finding.comment_id is None:
                return None
            # Whoever may delete our comment may write to the repository.
            gone = all_listed and self.gh.review_comment(pr.repository, finding.comment_id) is None
            return DISMISSED if gone else OPEN
        if thread.closed_by_us:
            return CLOSED
        if self._is_rejected(thread):
            return DISMISSED
        if not thread.thread.resolved or not self.people.may_dismiss(thread.thread.resolved_by):
            return OPEN
        if not stands_still(one, code):
            return RESOLVED
        # Resolved for a change that has been taken back since: it is as open as it was.
        return CLOSED if finding.state is FindingState.RESOLVED else DISMISSED

    def _is_rejected(self, own: OwnThread) -> bool:
        """Tell whether an entitled person rejected the finding: a vote, a reply that says why, a comment hidden."""
        if own.first.minimized:
            return True
        voters = (login for name in DISMISSING for login in own.first.reactors.get(name, ()))
        if any(self.people.may_dismiss(login) for login in voters):
            return True
        return any(
            stance_of(reply.body) is Stance.REJECTS and self.people.may_dismiss(reply.author["login"])
            for reply in own.by_people
        )

    def _is_accepted(self, own: OwnThread | None) -> bool:
        """Tell whether an entitled person said that the finding is right: a vote, or a reply that agrees."""
        if own is None:
            return False
        voters = (login for name in ACCEPTING for login in own.first.reactors.get(name, ()))
        if any(self.people.may_dismiss(login) for login in voters):
            return True
        return any(
            stance_of(reply.body) is Stance.AGREES and self.people.may_dismiss(reply.author["login"])
            for reply in own.by_people
        )

    def _learn(self, pr: PullRequest, finding: KnownFinding, state: FindingState, *, accepted: bool) -> None:
        """Record what people did with a finding: what cost per accepted finding is counted from.

        RESOLVED means that its code was mended: a thread resolved without that is DISMISSED, or open. A finding
        that is open again after it was mended is undecided again, unless a person said that it is right.
        """
        at = self.now()
        if state is not finding.state:
            self.ledger.findings.set_state(pr.repo_id, pr.number, finding.fingerprint, state, at)
        outcome, why = _OUTCOMES.get(state), f"thread {state.value}"
        if state is FindingState.OPEN and accepted:
            outcome, why = Outcome.ACCEPTED, "a person agreed"
        elif state is finding.state:
            return
        self.ledger.findings.record_outcome(
            pr.repo_id, pr.number, finding.fingerprint, outcome or Outcome.UNKNOWN, why, at
        )


def _earlier(finding: KnownFinding, memory: Memory) -> EarlierFinding:
    told = memory.by_fingerprint.get(finding.fingerprint)
    return EarlierFinding(
        fingerprint=finding.fingerprint,
        path=finding.path,
        title=finding.title,
        body=finding.body,
        line=finding.line,
        state=OPEN,
        url=finding.url,
        severity=finding.severity,
        category=_category(finding.category),
        quote=told.quote if told else "",
        nearby=told.nearby if told else "",
        source=finding.source,
    )


def _category(name: str) -> Category | None:
    return Category(name) if name in set(Category) else None


def known_findings(review: Review, urls: Mapping[str, str]) -> tuple[KnownFinding, ...]:
    """Return what is shown or still open, for the ledger.

    `urls` maps a fingerprint (as a marker spells it) to its comment.
    """
    found = []
    for placed in (*review.by_disposition(*_SHOWN), *still_open(review)):
        finding = placed.finding
        url = urls.get(fingerprint_in_marker(finding.fingerprint), "")
        found.append(
            KnownFinding(
                fingerprint=finding.fingerprint,
                path=finding.path,
                title=finding.title,
                body=finding.body,
                line=finding.line,
                severity=finding.severity,
                category=finding.category.value,
                source=finding.source,
                comment_id=_comment_id(url),
                url=url,
            )
        )
    return tuple(found)


def _comment_id(url: str) -> int | None:
    tail = url.rpartition("discussion_r")[2]
    return int(tail) if tail.isdigit() else None
