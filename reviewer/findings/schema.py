"""What a model answers: one JSON Schema, closed and complete, so that every provider's strict mode takes it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from policies.words import Severity
from reviewer.findings.model import Category

# What is asked for fits the tokens of an answer (policy's caps.max_output_tokens), every text at its longest.
MAX_FINDINGS: Final = 12
MAX_LOOKUPS: Final = 6
MAX_EVIDENCE: Final = 3
ASKED_PATH: Final = 120
ASKED_QUOTE: Final = 400
ASKED_TITLE: Final = 80
ASKED_BODY: Final = 520
ASKED_SUGGESTION: Final = 520
ASKED_PLACE: Final = 90
ASKED_NAME: Final = 80
ASKED_WHY: Final = 80
# One finding with every text at its longest, and all needs; the instructions say MAX_FINDINGS.
TOKENS_PER_FINDING: Final = 600
TOKENS_OF_NEEDS: Final = 700
LEAST_FINDINGS: Final = 3
# What is read of an answer: not every mode holds a model to the schema, and no finding is lost for its length.
MAX_ALSO: Final = 200
MAX_PATH: Final = 400
MAX_QUOTE: Final = 1200
MAX_TITLE: Final = 120
MAX_BODY: Final = 1500
MAX_SUGGESTION: Final = 3000
MAX_NAME: Final = 120
MAX_LINE: Final = 10_000_000

SEVERITIES: Final = tuple(severity.label for severity in reversed(Severity))
CATEGORIES: Final = tuple(category.value for category in Category)
LOOKUP_KINDS: Final = ("definition", "references", "file")


def _text(limit: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": limit}


def _optional(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object schema that requires every property and allows no other, as strict modes ask.

    https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


_LINE: Final = {"type": "integer", "minimum": 0, "maximum": MAX_LINE}

# The order is the order of writing: what the claim rests on comes before the claim, the verdict last.
FINDING_SCHEMA: Final = _closed(
    {
        "path": _text(ASKED_PATH),
        "line": _LINE,
        "quote": _text(ASKED_QUOTE),
        "evidence": {"type": "array", "items": _text(ASKED_PLACE), "maxItems": MAX_EVIDENCE},
        "category": {"type": "string", "enum": list(CATEGORIES)},
        "title": _text(ASKED_TITLE),
        "body": _text(ASKED_BODY),
        "also": _optional(_text(ASKED_PLACE)),
        "suggestion": _optional(_text(ASKED_SUGGESTION)),
        "severity": {"type": "string", "enum": list(SEVERITIES)},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    }
)

LOOKUP_SCHEMA: Final = _closed(
    {
        "kind": {"type": "string", "enum": list(LOOKUP_KINDS)},
        "name": _text(ASKED_NAME),
        "path": _optional(_text(ASKED_PATH)),
        "start_line": _optional(_LINE),
        "end_line": _optional(_LINE),
        "why": _text(ASKED_WHY),
    }
)

FINDINGS_SCHEMA: Final[Mapping[str, Any]] = _closed(
    {
        "findings": {"type": "array", "items": FINDING_SCHEMA, "maxItems": MAX_FINDINGS},
        "needs": {"type": "array", "items": LOOKUP_SCHEMA, "maxItems": MAX_LOOKUPS},
        "uncertain": {"type": "boolean"},
    }
)


def findings_that_fit(max_output_tokens: int) -> int:
    """Return how many findings, each at its longest, fit an answer of so many tokens beside its needs."""
    room = (max_output_tokens - TOKENS_OF_NEEDS) // TOKENS_PER_FINDING
    return max(LEAST_FINDINGS, min(MAX_FINDINGS, room))


def schema_for(max_output_tokens: int) -> Mapping[str, Any]:
    """Return the schema of an answer of at most so many tokens."""
    fit = findings_that_fit(max_output_tokens)
    if fit == MAX_FINDINGS:
        return FINDINGS_SCHEMA
    properties = dict(FINDINGS_SCHEMA["properties"])
    return _closed({**properties, "findings": {**properties["findings"], "maxItems": fit}})


ANSWER_MEMBERS: Final = tuple(FINDINGS_SCHEMA["properties"])
FINDING_MEMBERS: Final = tuple(FINDING_SCHEMA["properties"])
# "lookups" is what `needs` was called; models that have seen it still write it.
_MEMBERS: Final = "|".join((*ANSWER_MEMBERS, *FINDING_MEMBERS, "lookups", "verdicts", "verdict"))
_MEMBER: Final = re.compile(rf"""(?<!\\)(["'])(?P<name>{_MEMBERS})\1\s*:""", re.IGNORECASE)


def states_member(text: str) -> bool:
    """Tell whether a text states a member of an answer, such as `"title":`; an escaped one is part of a text."""
    return _MEMBER.search(text) is not None


def count_members(text: str) -> Counter[str]:
    """Count the members of an answer that a text states, by name, in the quotes that its first name stands in."""
    found = list(_MEMBER.finditer(text))
    return Counter(match["name"] for match in found if match[1] == found[0][1])


def narrowed(
    paths: Iterable[str], *, lines: Iterable[int] = (), max_findings: int = 5, max_text: int = 400
) -> dict[str, Any]:
    """Return the schema for a small model under a grammar: only these paths (and lines, where given), short texts.

    What a grammar cannot write need not be checked away afterwards, and a bounded answer always ends.
    """
    properties: dict[str, Any] = dict(FINDING_SCHEMA["properties"])
    properties["path"] = {"type": "string", "enum": list(dict.fromkeys(paths))}
    numbers = sorted(set(lines))
    if numbers:
        properties["line"] = {"type": "integer", "enum": numbers}
    properties["title"] = _text(min(ASKED_TITLE, max_text))
    properties["body"] = _text(max_text)
    properties["quote"] = _text(min(ASKED_QUOTE, max_text))
    # Neither has ever been of use from a model this small, and each token is a wait.
    properties["suggestion"] = {"type": "null"}
    properties["also"] = {"type": "null"}
    properties["evidence"] = {"type": "array", "items": _text(80), "maxItems": 0}
    # A grammar lets a number have digits without end, and a small model takes it up on that.
    properties["confidence"] = {"type": "number", "enum": [0.1, 0.3, 0.5, 0.7, 0.9]}
    findings = {"type": "array", "items": _closed(properties), "maxItems": max_findings}
    needs = {"type": "array", "items": LOOKUP_SCHEMA, "maxItems": 0}
    return _closed({"findings": findings, "needs": needs, "uncertain": {"type": "boolean"}})
