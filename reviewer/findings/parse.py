"""A model's text → findings as it stated them; what cannot be read is named, never guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from policies.words import Check, Severity
from reviewer.change.model import Unit
from reviewer.context.lookup_request import LookupRequest
from reviewer.findings.grades import UNKNOWN_CONFIDENCE, category_of, confidence_of, severity_of
from reviewer.findings.model import Category
from reviewer.findings.reading import read_json
from reviewer.findings.schema import (
    LOOKUP_KINDS,
    MAX_ALSO,
    MAX_BODY,
    MAX_EVIDENCE,
    MAX_LINE,
    MAX_LOOKUPS,
    MAX_NAME,
    MAX_PATH,
    MAX_QUOTE,
    MAX_SUGGESTION,
    MAX_TITLE,
)
from reviewer.findings.shapes import name_of

# What stands in place of a suggestion where the quoted lines should go.
DELETE: Final = "DELETE"
# Findings of one answer that are read; the schema asks for at most MAX_FINDINGS, not every mode enforces it.
MAX_READ: Final = 200

_REFUSAL: Final = re.compile(
    r"\b(?:I\s*(?:'m|’m| am) (?:sorry|unable|not able)|(?:as|being) an AI|"
    r"I (?:can(?:no|'|’)t|won(?:'|’)t) (?:help|assist|comply|do|review))\b",
    re.IGNORECASE,
)
# "shop/cart.py:4: text", as analysers and compilers write it.
_PLACE: Final = re.compile(r"^[\s`\"'*-]*+(?P<path>[\w./\\-]+\.\w+)[`\"']?:(?:L)?(?P<line>\d{1,7})[:,\s-]*")
_GRADE: Final = re.compile(r"[(\[](?P<inside>[^()\[\]]{1,40})[)\]]|^\W*(?P<first>\w+)\s*:")

_PATHS: Final = ("path", "file", "filename", "file_path")
_LINES: Final = ("line", "line_number", "start_line", "lineno")
_QUOTES: Final = ("quote", "code", "snippet", "code_snippet")
_TITLES: Final = ("title", "issue", "problem", "summary", "name")
_BODIES: Final = ("body", "description", "message", "comment", "explanation", "details")
_SUGGESTIONS: Final = ("suggestion", "suggested_fix", "suggested_code", "replacement")
_OTHER_PLACES: Final = ("also", "also_at", "second_place")
_SEVERITIES: Final = ("severity", "level", "priority")
_CATEGORIES: Final = ("category", "type", "kind")


@dataclass(frozen=True, slots=True)
class RawFinding:
    """A finding as the model stated it, bounded, not yet checked against the diff. `line` is 0 where not given.

    `graded` is False where the stated severity is none of the scale; `severity` is HIGH then, so that the finding
    is not ranked lower than it may deserve. `also` is a second place of the problem, "" where there is none;
    `deletes` says that the quoted lines should go, and there is no `suggestion` then.
    """

    path: str
    line: int
    quote: str
    severity: Severity
    category: Category
    title: str
    body: str
    suggestion: str | None
    confidence: float
    evidence: tuple[str, ...]
    graded: bool = True
    also: str = ""
    deletes: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """An answer as far as it could be read. `failed` is the check that the whole answer fails, None where it reads.

    `malformed` are findings that break the schema, with what is wrong.
    """

    findings: tuple[RawFinding, ...] = ()
    uncertain: bool = False
    lookups: tuple[LookupRequest, ...] = ()
    failed: Check | None = None
    detail: str = ""
    malformed: tuple[tuple[RawFinding, str], ...] = ()


def parse_answer(text: str, unit: Unit) -> Parsed:
    """Read an answer about a unit: an object with `findings`, or findings alone, in any usual wrapping.

    An answer that cannot be read to its end fails a check; the findings that were whole are kept beside that.
    """
    if not text.strip():
        return Parsed(failed=Check.SCHEMA, detail="the answer is empty")
    reading = read_json(text)
    findings, malformed = _findings(reading.findings, unit)
    lookups = tuple(_lookups(reading.lookups))
    failed, detail = None, reading.problem
    if len(reading.findings) > MAX_READ:
        detail = f"the answer states {len(reading.findings)} findings; {MAX_READ} are read"
    if detail:
        failed = Check.TRUNCATED if reading.cut else Check.SCHEMA
        detail = "the answer ends in the middle" if reading.cut else detail
    if failed and not reading.findings and _REFUSAL.search(text[:600]):
        return Parsed(failed=Check.REFUSED, detail="the model declined to review this change")
    return Parsed(findings, reading.uncertain, lookups, failed, detail, malformed)


def _findings(
    listed: Sequence[Any], unit: Unit
) -> tuple[tuple[RawFinding, ...], tuple[tuple[RawFinding, str], ...]]:
    good, malformed = [], []
    for item in listed[:MAX_READ]:
        finding = _finding(item, unit) if isinstance(item, Mapping) else _from_text(str(item), unit)
        if finding.graded:
            good.append(finding)
        else:
            stated = _first(item, _SEVERITIES) if isinstance(item, Mapping) else None
            grade = "no severity is stated" if stated is None else f"severity {stated!r} is none of the scale"
            malformed.append((finding, f"{grade} (critical, high, medium, low)"[:200]))
    return tuple(good), tuple(malformed)


def _finding(item: Mapping[str, Any], unit: Unit) -> RawFinding:
    severity = severity_of(_first(item, _SEVERITIES))
    title, body = _text(_first(item, _TITLES), MAX_TITLE), _text(_first(item, _BODIES), MAX_BODY)
    # Without title and body the quote is all there is to show.
    body = body or title or _text(_first(item, _QUOTES), MAX_BODY)
    evidence = item.get("evidence")
    return RawFinding(
        path=_text(_first(item, _PATHS), MAX_PATH) or _only_path(unit),
        line=_line(_first(item, _LINES)) or 0,
        quote=_text(_first(item, _QUOTES), MAX_QUOTE, strip=False),
        severity=severity if severity is not None else Severity.HIGH,
        category=category_of(_first(item, _CATEGORIES)),
        title=title or body.split(". ")[0][:MAX_TITLE],
        body=body,
        suggestion=_suggestion(_first(item, _SUGGESTIONS)),
        confidence=confidence_of(item.get("confidence")),
        evidence=tuple(_text(entry, MAX_PATH) for entry in evidence[:MAX_EVIDENCE] if isinstance(entry, str))
        if isinstance(evidence, list)
        else (),
        graded=severity is not None,
        also=_text(_first(item, _OTHER_PLACES), MAX_ALSO),
        deletes=_text(_first(item, _SUGGESTIONS), MAX_SUGGESTION).strip("\"'`<> ") == DELETE,
    )


def _from_text(text: str, unit: Unit) -> RawFinding:
    """Read a finding that is one string: its place and its severity where it states them."""
    place = _PLACE.match(text)
    rest = text[place.end() :] if place else text
    grades = (severity_of(match["inside"] or match["first"]) for match in _GRADE.finditer(rest))
    severity = max((grade for grade in grades if grade is not None), default=None)
    body = _text(rest, MAX_BODY) or _text(text, MAX_BODY)
    return RawFinding(
        path=place["path"] if place else _only_path(unit),
        line=_line(place["line"]) or 0 if place else 0,
        quote="",
        severity=severity if severity is not None else Severity.HIGH,
        category=Category.DEFECT,
        title=body.split(". ")[0][:MAX_TITLE],
        body=body,
        suggestion=None,
        confidence=UNKNOWN_CONFIDENCE,
        evidence=(),
        graded=severity is not None,
    )


def _only_path(unit: Unit) -> str:
    return unit.paths[0] if len(unit.paths) == 1 else ""


def _first(item: Mapping[str, Any], names: Sequence[str]) -> object:
    """Return the first member of these names that says anything, else None."""
    members = {name_of(name): member for name, member in item.items()}
    return next((members[name] for name in names if members.get(name) not in (None, "")), None)


def _text(value: object, limit: int, *, strip: bool = True) -> str:
    text = value if isinstance(value, str) else ""
    text = text.replace("\r\n", "\n").encode("utf-8", "replace").decode("utf-8")
    return (text.strip() if strip else text)[:limit]


def _line(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 12:
        value = int(value)
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    return value if isinstance(value, int) and 0 < value <= MAX_LINE else None


def _suggestion(value: object) -> str | None:
    """Return the replacement, None where there is none.

    An empty one is none, in a fence or not: models write "" where the form asks for null, and to offer a deletion
    with one click on that guess would cost more than it gives. The form has a word for a deletion.
    """
    text = _text(value, MAX_SUGGESTION + 1, strip=False)
    if text.strip("\"'`<> \n") == DELETE:
        return None
    if not text.strip() or len(text) > MAX_SUGGESTION or text.strip().lower() in ("null", "none", "n/a"):
        return None
    fence = re.fullmatch(r"\s*```[\w+-]*\n(.*?)\n?```\s*", text, re.DOTALL)
    if fence:
        return fence[1] if fence[1].strip() else None
    return text


def _lookups(value: Sequence[Any]) -> list[LookupRequest]:
    found = []
    for item in value[:MAX_LOOKUPS]:
        if not isinstance(item, Mapping) or item.get("kind") not in LOOKUP_KINDS:
            continue
        name, path = _text(item.get("name"), MAX_NAME), _text(item.get("path"), MAX_PATH) or None
        if name or path:
            start, end = _line(item.get("start_line")), _line(item.get("end_line"))
            found.append(LookupRequest(item["kind"], name, path, start, end))
    return found
