"""Translate a model's words for severity, category and confidence into the schema's."""

from __future__ import annotations

import math
import re
from typing import Final

from policies.words import Severity
from reviewer.findings.model import Category

# Not stated, or not readable: neither believed nor disbelieved.
UNKNOWN_CONFIDENCE: Final = 0.5

_WORD: Final = re.compile(r"[a-z]+\d?")
_SEVERITIES: Final = {
    **{level.label: level for level in Severity},
    **dict.fromkeys(
        ("blocker", "blocking", "severe", "fatal", "urgent", "crit", "p0", "sev0", "sev1", "s1"), Severity.CRITICAL
    ),
    **dict.fromkeys(("major", "error", "important", "serious", "p1", "sev2", "s2"), Severity.HIGH),
    **dict.fromkeys(("moderate", "warning", "warn", "med", "p2", "sev3", "s3"), Severity.MEDIUM),
    **dict.fromkeys(
        ("minor", "info", "informational", "note", "nit", "nitpick", "trivial", "p3", "sev4", "s4"), Severity.LOW
    ),
}
# "not critical", "low to high": words that turn another one round, so that nothing can be concluded.
_TURNS: Final = frozenset({"not", "non", "no", "un", "less", "below", "potentially", "possibly"})
_CATEGORIES: Final = {
    **{kind.value: kind for kind in Category},
    **dict.fromkeys(("bug", "correctness", "error", "logic", "reliability"), Category.DEFECT),
    **dict.fromkeys(("vulnerability", "privacy"), Category.SECURITY),
    **dict.fromkeys(("race", "threading"), Category.CONCURRENCY),
    **dict.fromkeys(("test", "testing"), Category.TESTS),
    **dict.fromkeys(("docs", "doc"), Category.DOCUMENTATION),
    **dict.fromkeys(("api", "breaking", "breaking-change"), Category.COMPATIBILITY),
}
_CONFIDENCES: Final = {
    **dict.fromkeys(("certain", "very high"), 0.9),
    "high": 0.8,
    **dict.fromkeys(("medium", "moderate"), 0.5),
    "low": 0.3,
    "very low": 0.1,
}


def severity_of(value: object) -> Severity | None:
    """Return the severity that a value names, None where it names none of the scale: a number is no word.

    Of several words the worst counts; "medium-high" was always read as medium.
    """
    if not isinstance(value, str):
        return None
    text = value.strip().lower()
    if text == "medium-high":
        return Severity.MEDIUM
    words = _WORD.findall(text)
    if any(word in _TURNS for word in words):
        return None
    return max((_SEVERITIES[word] for word in words if word in _SEVERITIES), default=None)


def category_of(value: object) -> Category:
    """Return the category that a value names, DEFECT where it names none."""
    return _CATEGORIES.get(str(value).strip().lower(), Category.DEFECT)


def confidence_of(value: object) -> float:
    """Return 0 to 1: of ten and of a hundred are read as such, words too; UNKNOWN_CONFIDENCE for anything else."""
    text = str(value).strip().lower()
    if text in _CONFIDENCES:
        return _CONFIDENCES[text]
    try:
        number = float(text.rstrip("%").strip().replace(",", "."))
    except ValueError:
        return UNKNOWN_CONFIDENCE
    if not math.isfinite(number) or isinstance(value, bool):
        return UNKNOWN_CONFIDENCE
    if text.endswith("%") or 10 < number <= 100:
        number /= 100
    elif 5 <= number <= 10:
        number /= 10
    return min(1.0, max(0.0, number))
