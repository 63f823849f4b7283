"""Collect the findings of an answer's value, in whichever of the usual shapes the model put them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# Deeper nesting is no answer of ours.
MAX_DEPTH: Final = 8

_TEXTS: Final = frozenset(
    {"title", "body", "message", "description", "comment", "explanation", "issue", "problem", "summary", "quote"}
)
_PLACES: Final = frozenset({"path", "file", "filename", "file_path", "line", "line_number", "severity", "quote"})
# What a summary of a file ("path", "summary") does not have.
_JUDGEMENTS: Final = frozenset({"severity", "level", "priority", "confidence", "suggestion", "quote", "category"})
# Needs were called "lookups" once, and models that have seen that still write it.
_NEEDS: Final = ("needs", "lookups")
_BESIDE_FINDINGS: Final = frozenset({"findings", *_NEEDS, "uncertain"})


@dataclass(slots=True)
class Collected:
    """What a value says: its findings as stated, and whether an answer stands in it at all.

    `problems` are members that should hold findings and cannot be read as such.
    """

    answered: bool = False
    findings: list[Any] = field(default_factory=list)
    lookups: list[Any] = field(default_factory=list)
    uncertain: bool = False
    problems: list[str] = field(default_factory=list)


def collect(value: object) -> Collected:
    """Collect from an object with `findings`, a list of findings, one finding, or any of these in a wrapper.

    A wrapper is a tool call (`arguments`), the echo of a schema (`properties`) or any other object around the
    answer; a member may be encoded as a string. Whatever looks like a finding counts, wherever it stands.
    """
    collected = Collected()
    _collect(value, collected, 0)
    return collected


def is_finding(value: object) -> bool:
    """Tell whether a value is an object that says something about a place, and judges it."""
    if not isinstance(value, Mapping):
        return False
    names = {name_of(name) for name in value}
    return all(names & some for some in (_TEXTS, _PLACES, _JUDGEMENTS))


def name_of(key: str) -> str:
    """Return a member's name in the spelling of the schema."""
    return key.strip().lower().replace("-", "_").replace(" ", "_")


def _collect(value: object, collected: Collected, depth: int) -> None:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, str):
        _collect(_decoded(value), collected, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _collect(item, collected, depth + 1)
    elif isinstance(value, Mapping):
        _collect_object(value, collected, depth)


def _collect_object(value: Mapping[str, Any], collected: Collected, depth: int) -> None:
    members = {name_of(name): member for name, member in value.items()}
    if "findings" in members:
        _add_listed(members["findings"], collected)
        for name in _NEEDS:
            if isinstance(members.get(name), list):
                collected.lookups += members[name]
        collected.uncertain |= members.get("uncertain") is True
    elif is_finding(value):
        collected.answered = True
        collected.findings.append(value)
        return
    before = len(collected.findings)
    for name, member in members.items():
        if name not in _BESIDE_FINDINGS and isinstance(member, Mapping | list | str):
            _collect(member, collected, depth + 1)
    if "findings" not in members and len(collected.findings) > before:
        collected.uncertain |= members.get("uncertain") is True


def _add_listed(listed: object, collected: Collected) -> None:
    """Add what stands under `findings`; every entry counts or is named as a problem."""
    if isinstance(listed, str):
        listed = _decoded(listed)
    if isinstance(listed, Mapping):
        if is_finding(listed):
            listed = [listed]
        elif "findings" in {name_of(name) for name in listed}:
            _collect(listed, collected, 0)
            return
        elif listed and all(isinstance(member, Mapping | str | list) for member in listed.values()):
            listed = list(listed.values())
    if not isinstance(listed, list):
        collected.problems.append(f'"findings" is {_kind(listed)}, not a list')
        return
    collected.answered = True
    for item in listed:
        _add(item, collected)


def _add(item: object, collected: Collected) -> None:
    """Add one entry of a list of findings: an object, a text, or either in a list or an object of its own."""
    if isinstance(item, str) and isinstance(decoded := _decoded(item), Mapping | list):
        item = decoded
    if isinstance(item, Mapping) and len(item) == 1 and is_finding(inner := next(iter(item.values()))):
        item = inner
    if isinstance(item, list) and item:
        for entry in item:
            _add(entry, collected)
    elif item.strip() if isinstance(item, str) else _says_something(item):
        collected.findings.append(item)
    else:
        collected.problems.append(f'"findings" has an entry that is {_kind(item)}, not a finding')


def _says_something(item: object) -> bool:
    return isinstance(item, Mapping) and bool({name_of(name) for name in item} & _TEXTS)


def _decoded(text: str) -> object:
    """Return what a string encodes, the string itself where it is no JSON object or list."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict | list) else text


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return "an object without text" if value else "an empty object"
    if isinstance(value, str):
        return "a text" if value.strip() else "an empty text"
    return json.dumps(value)[:40]
