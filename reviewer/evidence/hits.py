"""What the analysers print, read into Hits. Pure: bytes in, records out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from policies.words import Severity
from reviewer.errors import PermanentError


class AnalyserUnreadable(PermanentError):
    """An analyser printed something else than its documented output."""


@dataclass(frozen=True, slots=True)
class Fix:
    """Lines `start`..`end` of the file replaced by `text` (no trailing line end)."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of an analyser's report; lines are 1-based. `secret` never prints."""

    tool: str
    code: str
    path: str
    line: int
    end_line: int
    message: str
    url: str = ""
    severity: Severity | None = None
    edits: tuple[tuple[int, int, int, int, str], ...] = ()
    secret: str = field(default="", repr=False)


def read_ruff(output: bytes) -> tuple[Hit, ...]:
    """Read `ruff check --output-format json`; only fixes that ruff calls safe are kept."""
    hits = []
    for row in as_json(output, "ruff", list):
        fix = row.get("fix") or {}
        edits = tuple(
            (
                edit["location"]["row"],
                edit["location"]["column"],
                edit["end_location"]["row"],
                edit["end_location"]["column"],
                edit["content"],
            )
            for edit in (fix.get("edits") or () if fix.get("applicability") == "safe" else ())
        )
        hits.append(
            Hit(
                tool="ruff",
                code=row.get("code") or "invalid-syntax",
                path=row["filename"],
                line=row["location"]["row"],
                end_line=row["end_location"]["row"],
                message=row["message"],
                url=row.get("url") or "",
                edits=edits,
            )
        )
    return tuple(hits)


def read_bandit(output: bytes) -> tuple[Hit, ...]:
    """Read `bandit -f json`; hits that bandit itself is unsure of are left out."""
    return tuple(
        Hit(
            tool="bandit",
            code=row["test_id"],
            path=row["filename"],
            line=row["line_number"],
            end_line=max(row["line_range"], default=row["line_number"]),
            message=row["issue_text"],
            url=row.get("more_info") or "",
        )
        for row in as_json(output, "bandit", dict)["results"]
        if row["issue_confidence"] != "LOW"
    )


def read_gitleaks(output: bytes) -> tuple[Hit, ...]:
    """Read `gitleaks dir --report-format json`; the message never holds the secret."""
    return tuple(
        Hit(
            tool="gitleaks",
            code=row["RuleID"],
            path=row["File"],
            line=row["StartLine"],
            end_line=row["EndLine"],
            message=row["Description"],
            secret=row["Secret"],
        )
        for row in as_json(output, "gitleaks", list)
    )


# Zizmor's words; "Informational" stays out: it is advice, not a finding.
_ZIZMOR_SEVERITY = {"High": Severity.HIGH, "Medium": Severity.MEDIUM, "Low": Severity.LOW}


def read_zizmor(output: bytes) -> tuple[Hit, ...]:
    """Read `zizmor --format json-v1`; the primary location is where the hit is."""
    hits = []
    for row in as_json(output, "zizmor", list):
        severity = _ZIZMOR_SEVERITY.get(row["determinations"]["severity"])
        unsure = row["determinations"]["confidence"] == "Low" and severity is not Severity.HIGH
        if severity is None or unsure:
            continue
        for place in row["locations"]:
            if place["symbolic"]["kind"] != "Primary" or "Local" not in place["symbolic"]["key"]:
                continue
            local = place["symbolic"]["key"]["Local"]
            point = place["concrete"]["location"]
            hits.append(
                Hit(
                    tool="zizmor",
                    code=row["ident"],
                    path=local.get("verbatim_path") or local["given_path"],
                    line=point["start_point"]["row"] + 1,
                    end_line=point["end_point"]["row"] + 1,
                    message=f"{row['desc']}: {place['symbolic']['annotation']}",
                    url=row.get("url") or "",
                    severity=severity,
                )
            )
            break
    return tuple(hits)


def fix_of(hit: Hit, lines: list[str]) -> Fix | None:
    """Apply a hit's safe edits to the file's lines; None where there are none or they span several places."""
    if not hit.edits or len(hit.edits) > 1:
        return None
    row, column, end_row, end_column, content = hit.edits[0]
    if not (1 <= row <= end_row <= len(lines)):
        return None
    text = lines[row - 1][: column - 1] + content + lines[end_row - 1][end_column - 1 :]
    return Fix(row, end_row, text) if text.strip() else None


def as_json(output: bytes, tool: str, kind: type) -> Any:
    """Return a report as JSON of the kind that its tool documents; raises AnalyserUnreadable for anything else."""
    try:
        value = json.loads(output or b"[]")
    except ValueError:
        raise AnalyserUnreadable(f"{tool} printed no JSON: {output[:120]!r}") from None
    if not isinstance(value, kind):
        raise AnalyserUnreadable(f"{tool} printed {type(value).__name__} where {kind.__name__} was expected")
    return value
