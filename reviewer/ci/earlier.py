"""What a pull request shows of us already, read from its threads: there is no ledger beside a workflow run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from policies.words import Severity
from reviewer.findings.earlier import DISMISSED, OPEN, RESOLVED, EarlierFinding
from reviewer.github.threads import Thread
from reviewer.publish.thread_state import DISMISSING, OwnThread, own_threads

_TITLE: Final = re.compile(r"\*\*\S{1,8} (Critical|High|Medium|Low|Ungraded) · (.{1,400})\*\*")


def earlier_in_threads(threads: Iterable[Thread], login: str) -> tuple[EarlierFinding, ...]:
    """Return the findings that `login` posted as inline comments, with what people did to their threads."""
    return tuple(_earlier(own) for own in own_threads(threads, login).values())


def _earlier(own: OwnThread) -> EarlierFinding:
    first = own.first
    dismissed = first.minimized or any(first.reactions.get(name) for name in DISMISSING)
    title, severity, body = _read(first.body)
    return EarlierFinding(
        fingerprint=own.name,
        path=own.thread.path,
        title=title,
        body=body,
        line=own.thread.line,
        state=DISMISSED if dismissed else RESOLVED if own.thread.resolved else OPEN,
        url=first.url,
        severity=severity,
    )


def _read(comment: str) -> tuple[str, Severity | None, str]:
    """Return title, severity and the rest of an inline comment of ours (`publish.inline.render_finding`)."""
    for number, line in enumerate(lines := comment.split("\n")):
        match = _TITLE.fullmatch(line.strip())
        if match:
            severity = None if match[1] == "Ungraded" else Severity.parse(match[1])
            return match[2], severity, "\n".join(lines[number + 1 :]).strip()
    return "", None, comment
