"""A Review for a coding agent: what to fix in which order, how to verify it, and when to stop. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from reviewer.change.anchor import Anchors
from reviewer.errors import ConfigurationError
from reviewer.findings.model import PlacedFinding
from reviewer.local.report import finding_json, in_new_file, money
from reviewer.publish.open_findings import ordered
from reviewer.steps.result import Review

AGENT_VERSION: Final = 1
MAX_PREVIOUS_BYTES: Final = 8 * 1024 * 1024
FIX, DONE, STOP = "fix", "done", "stop"


def as_agent(review: Review, previous: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the findings in the order to fix, and `next`: "fix", "done" or "stop".

    `previous` is the document of the round before. A finding that was there already was not fixed by the last
    attempt: `next` is then "stop", so that a loop of fixing and reviewing ends. "done" needs a complete review.
    """
    before = _fingerprints(previous or {})
    anchors = Anchors.from_change(review.change)
    findings = [
        _step(number, placed, anchors, before) for number, placed in enumerate(ordered(review.shown()), start=1)
    ]
    missed = sum(not row.excluded for row in review.coverage.skipped)
    following, why = _next(findings, complete=review.coverage.complete, status=review.status.value)
    return {
        "version": AGENT_VERSION,
        "next": following,
        "why": why,
        "round": int((previous or {}).get("round", 0)) + 1,
        "findings": findings,
        "not_reviewed": missed,
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
    if not isinstance(document, dict) or document.get("version") != AGENT_VERSION or "next" not in document:
        raise ConfigurationError(
            f"--after {name}: this is no document of `--format agent`",
            remedy="Name the file that the round before wrote: kilo-review local -f agent -o FILE.",
        )
    return document


def _step(number: int, placed: PlacedFinding, anchors: Anchors, before: frozenset[str]) -> dict[str, Any]:
    finding = placed.finding
    start, end, note = in_new_file(finding, anchors)
    row = finding_json(placed)
    step = {
        "order": number,
        "id": finding.fingerprint,
        "file": finding.path,
        "range": {"start_line": start, "end_line": end},
        **{key: row[key] for key in ("severity", "category", "title", "quote", "source", "confidence")},
        "why": finding.body + note,
        "patch": None,
        "repeated": finding.fingerprint in before,
        "verify": f"The next review of {finding.path} no longer has the id {finding.fingerprint}.",
    }
    if finding.suggestion is not None and not note:
        step["patch"] = {"replace_lines": [start, end], "with": finding.suggestion}
    return step


def _next(findings: list[dict[str, Any]], *, complete: bool, status: str) -> tuple[str, str]:
    again = [step for step in findings if step["repeated"]]
    if again:
        return STOP, f"{len(again)} of {len(findings)} findings were there in the round before: ask a person."
    if findings:
        return FIX, "Fix the findings in this order, then review again with --after."
    if not complete:
        return STOP, f"Nothing was found, and the review is not complete ({status}): this is no proof."
    return DONE, "Everything was reviewed and nothing was found."


def _fingerprints(document: Mapping[str, Any]) -> frozenset[str]:
    rows = document.get("findings")
    steps = rows if isinstance(rows, list) else []
    return frozenset(str(step.get("id")) for step in steps if isinstance(step, Mapping))
