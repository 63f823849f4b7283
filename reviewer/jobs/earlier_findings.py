"""Read what was published on a pull request before: the ledger's findings, and what people did to their threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from reviewer.findings.earlier import EarlierFinding
from reviewer.findings.model import Category, Disposition
from reviewer.github.client import GitHub
from reviewer.github.records import PullRequest
from reviewer.github.threads import Thread
from reviewer.ledger.findings import FindingState, KnownFinding, Outcome
from reviewer.ledger.ledger import Ledger
from reviewer.publish.marker import Kind, fingerprint_in_marker, is_own, read_marker
from reviewer.steps.result import Review

_SHOWN: Final = (Disposition.INLINE, Disposition.SUMMARY, Disposition.OUT_OF_DIFF)
_OUTCOMES: Final = {FindingState.RESOLVED: Outcome.ACCEPTED, FindingState.DISMISSED: Outcome.DISMISSED}
_DISMISSING: Final = ("THUMBS_DOWN", "CONFUSED")


def earlier_findings(
    gh: GitHub, ledger: Ledger, pr: PullRequest, *, login: str, now: Callable[[], datetime]
) -> tuple[EarlierFinding, ...]:
    """Return what the pull request shows already; threads that people resolved or voted down say so.

    What changed since the last look is recorded in the ledger as the finding's outcome.

    Only findings with a thread count as shown: the summary is written anew each time.
    """
    known = ledger.findings.of_pull_request(pr.repo_id, pr.number)
    states = _states(gh.threads(pr.repository, pr.number), login)
    dismissed = ledger.dismissals.of_pull_request(pr.repo_id, pr.number)
    found = []
    for finding in known:
        state = states.get(fingerprint_in_marker(finding.fingerprint))
        if finding.fingerprint in dismissed:
            # A command dismissed it: whatever became of the thread, also where it was deleted.
            state = FindingState.DISMISSED
        if state is not None and state is not finding.state:
            _learn(ledger, pr, finding, state, now())
        if state is None:
            continue  # never commented on, or its comment was deleted: it stands nowhere, so it may be told again
        found.append(
            EarlierFinding(
                fingerprint=finding.fingerprint,
                path=finding.path,
                title=finding.title,
                body=finding.body,
                line=finding.line,
                state=state.value,
                url=finding.url,
                severity=finding.severity,
                category=_category(finding.category),
            )
        )
    return tuple(found)


def _category(name: str) -> Category | None:
    return Category(name) if name in set(Category) else None


def _learn(ledger: Ledger, pr: PullRequest, finding: KnownFinding, state: FindingState, now: datetime) -> None:
    """Record what people did with a finding: what cost per accepted finding is counted from."""
    ledger.findings.set_state(pr.repo_id, pr.number, finding.fingerprint, state, now)
    outcome = _OUTCOMES.get(state)
    if outcome is not None:
        ledger.findings.record_outcome(
            pr.repo_id, pr.number, finding.fingerprint, outcome, f"thread {state.value}", now
        )


def known_findings(review: Review, urls: Mapping[str, str]) -> tuple[KnownFinding, ...]:
    """Return what was shown, for the ledger; `urls` maps a fingerprint (as a marker spells it) to its comment."""
    found = []
    for placed in review.findings:
        if placed.disposition not in _SHOWN:
            continue
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


def _states(threads: tuple[Thread, ...], login: str) -> dict[str, FindingState]:
    states = {}
    for thread in threads:
        if not thread.comments:
            continue
        first = thread.comments[0]
        marker = read_marker(first.body)
        if marker is None or marker.kind is not Kind.FINDING or not is_own(first.author, login):
            continue
        if any(first.reactions.get(name) for name in _DISMISSING) or first.minimized:
            states[marker.fingerprint] = FindingState.DISMISSED
        elif thread.resolved:
            states[marker.fingerprint] = FindingState.RESOLVED
        else:
            states[marker.fingerprint] = FindingState.OPEN
    return states


def _comment_id(url: str) -> int | None:
    tail = url.rpartition("discussion_r")[2]
    return int(tail) if tail.isdigit() else None
