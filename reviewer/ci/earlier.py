"""What a pull request shows of us already, read from its threads: there is no ledger beside a workflow run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from policies.words import Severity
from reviewer.findings.earlier import EarlierFinding
from reviewer.github.threads import Thread
from reviewer.publish.marker import Kind, is_own, read_marker

_TITLE: Final = re.compile(r"\*\*\S{1,8} (Critical|High|Medium|Low|Ungraded) · (.{1,400})\*\*")
_DISMISSING: Final = ("THUMBS_DOWN", "CONFUSED")


def earlier_in_threads(threads: Iterable[Thread], login: str) -> tuple[EarlierFinding, ...]:
    """Return the findings that `login` posted as inline comments, with what people did to their threads."""
    found = []
    for thread in threads:
        if not thread.comments:
            continue
        first = thread.comments[0]
        marker = read_marker(first.body)
        if marker is None or marker.kind is not Kind.FINDING or not is_own(first.author, login):
            continue
        dismissed = first.minimized or any(first.reactions.get(name) for name in _DISMISSING)
        title, severity, body = _read(first.body)
        found.append(
            EarlierFinding(
                fingerprint=marker.fingerprint,
                path=thread.path,
                title=title,
                body=body,
                line=thread.line,
                state="dismissed" if dismissed else "resolved" if thread.resolved else "open",
                url=first.url,
                severity=severity,
            )
        )
    return tuple(found)


def _read(comment: str) -> tuple[str, Severity | None, str]:
    """Return title, severity and the rest of an inline comment of ours (`publish.inline.render_finding`)."""
    for number, line in enumerate(lines := comment.split("\n")):
        match = _TITLE.fullmatch(line.strip())
        if match:
            severity = None if match[1] == "Ungraded" else Severity.parse(match[1])
            return match[2], severity, "\n".join(lines[number + 1 :]).strip()
    return "", None, comment
