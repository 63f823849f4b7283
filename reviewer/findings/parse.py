"""A model's text → findings as it stated them; what cannot be read is named, never guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from policies.words import Check, Severity
from reviewer.change.model import Unit
from reviewer.context.lookup_request import LookupRequest
from reviewer.findings.model import Category
from reviewer.findings.schema import (
    LOOKUP_KINDS,
    MAX_BODY,
    MAX_EVIDENCE,
    MAX_FINDINGS,
    MAX_LINE,
    MAX_LOOKUPS,
    MAX_NAME,
    MAX_PATH,
    MAX_QUOTE,
    MAX_SUGGESTION,
    MAX_TITLE,
)
from reviewer.findings.tolerant_json import decode_json

_Word = TypeVar("_Word")
_REFUSAL: Final = re.compile(
    r"\b(?:I\s*(?:'m|’m| am) (?:sorry|unable|not able)|(?:as|being) an AI|"
    r"I (?:can(?:no|'|’)t|won(?:'|’)t) (?:help|assist|comply|do|review))\b",
    re.IGNORECASE,
)
_SEVERITY_WORDS: Final = {
    **dict.fromkeys(("blocker", "severe", "p0"), Severity.CRITICAL),
    **dict.fromkeys(("major", "error", "important", "p1"), Severity.HIGH),
    **dict.fromkeys(("moderate", "warning", "medium-high", "p2"), Severity.MEDIUM),
    **dict.fromkeys(("minor", "info", "note", "nit", "trivial", "p3"), Severity.LOW),
}
_CATEGORY_WORDS: Final = {
    **dict.fromkeys(("bug", "correctness", "error", "logic", "reliability"), Category.DEFECT),
    **dict.fromkeys(("vulnerability", "privacy"), Category.SECURITY),
    **dict.fromkeys(("race", "threading"), Category.CONCURRENCY),
    **dict.fromkeys(("test", "testing"), Category.TESTS),
    **dict.fromkeys(("docs", "doc"), Category.DOCUMENTATION),
    **dict.fromkeys(("api", "breaking", "breaking-change"), Category.COMPATIBILITY),
}


@dataclass(frozen=True, slots=True)
class RawFinding:
    """A finding as the model stated it, bounded, not yet checked against the diff. `line` is 0 where not given."""

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
    """Read an answer about a unit: its object, or just the list of findings, in or out of a fence."""
    if not text.strip():
        return Parsed(failed=Check.SCHEMA, detail="the answer is empty")
    decoded = decode_json(text)
    if decoded is None:
        if _REFUSAL.search(text[:600]):
            return Parsed(failed=Check.REFUSED, detail="the model declined to review this change")
        return Parsed(failed=Check.SCHEMA, detail="the answer holds no JSON object")
    value = {"findings": decoded.value} if isinstance(decoded.value, list) else decoded.value
    listed = value.get("findings") if isinstance(value, dict) else None
    if listed is None and isinstance(value, dict) and {"title", "body"} <= value.keys():
        listed = [value]
    if not isinstance(listed, list):
        if decoded.cut:
            return Parsed(failed=Check.TRUNCATED, detail="the answer ends before its first finding")
        return Parsed(failed=Check.SCHEMA, detail='the answer has no list named "findings"')
    findings, malformed = _findings(listed, unit)
    lookups = tuple(_lookups(value.get("lookups")))
    failed = Check.TRUNCATED if decoded.cut else None
    detail = "the answer ends in the middle" if decoded.cut else ""
    return Parsed(findings, value.get("uncertain") is True, lookups, failed, detail, malformed)


def _findings(listed: list[Any], unit: Unit) -> tuple[tuple[RawFinding, ...], tuple[tuple[RawFinding, str], ...]]:
    good, malformed = [], []
    for item in listed[:MAX_FINDINGS]:
        if not isinstance(item, Mapping):
            continue
        finding, problem = _finding(item, unit)
        if problem:
            malformed.append((finding, problem))
        else:
            good.append(finding)
    return tuple(good), tuple(malformed)


def _finding(item: Mapping[str, Any], unit: Unit) -> tuple[RawFinding, str]:
    """Return the finding and what is wrong with it, "" where nothing is."""
    problems = []
    severity = _word(item.get("severity"), _SEVERITY_WORDS, {level.label: level for level in Severity})
    if severity is None:
        problems.append(f"severity {item.get('severity')!r} is none of critical, high, medium, low"[:200])
    path = _text(item.get("path") or item.get("file"), MAX_PATH)
    if not path and len(unit.paths) == 1:
        path = unit.paths[0]
    title, body = _text(item.get("title"), MAX_TITLE), _text(item.get("body"), MAX_BODY)
    quote = _text(item.get("quote"), MAX_QUOTE, strip=False)
    problems += [f"{name} is missing" for name, has in (("path", path), ("quote", quote.strip())) if not has]
    if not title and not body:
        problems.append("title and body are missing")
    evidence = item.get("evidence")
    finding = RawFinding(
        path=path,
        line=_line(item.get("line")) or 0,
        quote=quote,
        severity=severity if severity is not None else Severity.LOW,
        category=_word(item.get("category"), _CATEGORY_WORDS, {kind.value: kind for kind in Category})
        or Category.DEFECT,
        title=title or body.split(". ")[0][:MAX_TITLE],
        body=body or title,
        suggestion=_suggestion(item.get("suggestion")),
        confidence=_confidence(item.get("confidence")),
        evidence=tuple(_text(entry, MAX_PATH) for entry in evidence[:MAX_EVIDENCE] if isinstance(entry, str))
        if isinstance(evidence, list)
        else (),
    )
    return finding, "; ".join(problems)


def _word(value: object, others: Mapping[str, _Word], words: Mapping[str, _Word]) -> _Word | None:
    word = str(value).strip().lower()
    return words[word] if word in words else others.get(word)


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


def _confidence(value: object) -> float:
    """Return 0 to 1; a percentage is read as one, and what is no number counts as no confidence."""
    try:
        number = float(str(value).strip().rstrip("%"))
    except ValueError:
        return 0.0
    if not math.isfinite(number):
        return 0.0
    if 1 < number <= 100 and (number >= 5 or str(value).strip().endswith("%")):
        number /= 100
    return min(1.0, max(0.0, number))


def _suggestion(value: object) -> str | None:
    """Return the replacement, None where there is none.

    An empty one is none, in a fence or not: models write "" where the form asks for null, nothing in the form says
    that it deletes the line, and to offer a deletion with one click on that guess would cost more than it gives.
    """
    text = _text(value, MAX_SUGGESTION + 1, strip=False)
    if not text or len(text) > MAX_SUGGESTION or text.strip().lower() in ("null", "none", "n/a"):
        return None
    fence = re.fullmatch(r"\s*```[\w+-]*\n(.*?)\n?```\s*", text, re.DOTALL)
    return (fence[1] or None) if fence else text


def _lookups(value: object) -> list[LookupRequest]:
    found = []
    for item in value[:MAX_LOOKUPS] if isinstance(value, list) else ():
        if not isinstance(item, Mapping) or item.get("kind") not in LOOKUP_KINDS:
            continue
        name, path = _text(item.get("name"), MAX_NAME), _text(item.get("path"), MAX_PATH) or None
        if name or path:
            start, end = _line(item.get("start_line")), _line(item.get("end_line"))
            found.append(LookupRequest(item["kind"], name, path, start, end))
    return found
