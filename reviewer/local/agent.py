"""A Review for a coding agent: what to fix in which order, how to verify it, and when to stop. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeGuard

from reviewer.change.anchor import Anchors
from reviewer.errors import ConfigurationError
from reviewer.findings.model import PlacedFinding
from reviewer.local.documents import DONE, FIX, STOP, AgentDocument, StepDocument
from reviewer.local.report import finding_json, in_new_file, money
from reviewer.local.rounds import MAX_ROUNDS
from reviewer.publish.open_findings import ordered
from reviewer.steps.result import Review

AGENT_VERSION: Final = 1
MAX_PREVIOUS_BYTES: Final = 8 * 1024 * 1024


def as_agent(
    review: Review, previous: Mapping[str, Any] | None = None, *, max_rounds: int = MAX_ROUNDS
) -> AgentDocument:
    """Return the findings in the order to fix, and `next`: "fix", "done" or "stop".

    `previous` is the document of the round before. A finding that any earlier round had was not fixed: `next` is
    then "stop", and so it is after `max_rounds`, so that a loop of fixing and reviewing ends. "done" needs a
    complete review.
    """
    before = _seen(previous or {})
    anchors = Anchors.from_change(review.change)
    findings = [
        _step(number, placed, anchors, frozenset(before))
        for number, placed in enumerate(ordered(review.shown()), start=1)
    ]
    number = int((previous or {}).get("round", 0)) + 1
    following, why = _next(findings, complete=review.coverage.complete, status=review.status.value)
    if following == FIX and number >= max_rounds:
        following, why = STOP, f"This is round {number} of at most {max_rounds} (--max-rounds): ask a person."
    return {
        "version": AGENT_VERSION,
        "next": following,
        "why": why,
        "round": number,
        "findings": findings,
        "seen": list(dict.fromkeys((*before, *(step["id"] for step in findings)))),
        "not_reviewed": sum(not row.excluded for row in review.coverage.skipped),
        "cost_usd": money(review.cost),
    }


def read_previous(name: str) -> Mapping[str, Any] | None:
    """Read the document of the round before, None for no name; ConfigurationError for a file that is none."""
    if not name:
        return None
    try:
        with Path(name).open("rb") as file:
            text = file.read(MAX_PREVIOUS_BYTES + 1)
        document = json.loads(text) if len(text) <= MAX_PREVIOUS_BYTES else None
    except (OSError, ValueError):
        document = None
    if not _is_round(document):
        raise ConfigurationError(
            f"--after {name}: this is no document of `--format agent`",
            remedy="Name the file that the round before wrote: kilo-review local -f agent -o FILE.",
        )
    return document


def _is_round(document: object) -> TypeGuard[Mapping[str, Any]]:
    return (
        isinstance(document, dict)
        and document.get("version") == AGENT_VERSION
        and "next" in document
        and type(document.get("round")) is int
    )


def _step(number: int, placed: PlacedFinding, anchors: Anchors, before: frozenset[str]) -> StepDocument:
    finding = placed.finding
    start, end, note = in_new_file(finding, anchors)
    row = finding_json(placed)
    fixable = finding.suggestion is not None and not note
    return {
        "order": number,
        "id": finding.fingerprint,
        "file": finding.path,
        "range": {"start_line": start, "end_line": end},
        "severity": row["severity"],
        "category": row["category"],
        "title": row["title"],
        "quote": row["quote"],
        "source": row["source"],
        "confidence": row["confidence"],
        "why": finding.body + note,
        "patch": {"replace_lines": [start, end], "with": finding.suggestion or ""} if fixable else None,
        "repeated": finding.fingerprint in before,
        "verify": f"The next review of {finding.path} no longer has the id {finding.fingerprint}.",
    }


def _next(findings: Sequence[StepDocument], *, complete: bool, status: str) -> tuple[str, str]:
    again = [step for step in findings if step["repeated"]]
    if again:
        return STOP, f"{len(again)} of {len(findings)} findings were there in an earlier round: ask a person."
    if findings:
        return FIX, "Fix the findings in this order, then review again with --after."
    if not complete:
        return STOP, f"Nothing was found, and the review is not complete ({status}): this is no proof."
    return DONE, "Everything was reviewed and nothing was found."


def _seen(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of all earlier rounds, the first round's first."""
    rows, seen = document.get("findings"), document.get("seen")
    steps = rows if isinstance(rows, list) else []
    last = (str(step.get("id")) for step in steps if isinstance(step, Mapping))
    return tuple(dict.fromkeys((*map(str, seen if isinstance(seen, list) else ()), *last)))
