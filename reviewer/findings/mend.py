"""Mend an answer that is nearly JSON, and accept the result only where nothing of the text was lost or moved."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.words import Severity
from reviewer.findings.schema import ANSWER_MEMBERS, FINDING_MEMBERS, count_members, states_member

# An answer has at most some 30 KB; mending takes about a second per MB.
MAX_LENGTH: Final = 200_000
MAX_BRACKETS: Final = 2_000

_OPENING: Final = re.compile(r"""\{\s*(?=["'}/#])|\[\s*\{""")
_LINE_COMMENT: Final = re.compile(r"//|#")
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_WORD: Final = re.compile(r"\w+")
_SEVERITIES: Final = frozenset(severity.label for severity in Severity)


def mend(text: str) -> Mapping[str, Any] | None:
    """Return the answer of a text after mending it, None where that cannot be done without a doubt.

    Invalid escapes, quotes that are not escaped, commas that are missing or too many, Python's literals and
    comments are mended by json-repair, which guesses. The guess counts only where the result has the exact shape
    of an answer, every member that the text states, and every word of the text in its order.
    """
    opening = _OPENING.search(text)
    end = max(text.rfind("}"), text.rfind("]")) + 1
    if opening is None or end <= opening.start() or len(text) > MAX_LENGTH:
        return None
    region, around = text[opening.start() : end], f"{text[: opening.start()]}\0{text[end:]}"
    if states_member(around) or region.count("{") + region.count("[") > MAX_BRACKETS:
        return None
    if {"{": "}", "[": "]"}[region[0]] != region[-1]:
        return None
    for candidate in dict.fromkeys((region, _without_comments(region))):
        value = _repaired(candidate)
        if value is not None and _is_answer(value) and _says_the_same(value, candidate):
            return value
    return None


def _without_comments(text: str) -> str:
    """Take out comments that hold no quote mark: where one does, it may be part of a string."""
    parts = re.split(r"""(["'])""", text)
    parts[::2] = map(_without_blocks, parts[::2])
    return "\n".join(map(_without_line_comment, "".join(parts).split("\n")))


def _without_blocks(text: str) -> str:
    kept, at = [], 0
    while (start := text.find("/*", at)) >= 0 and (end := text.find("*/", start + 2)) >= 0:
        kept.append(text[at:start])
        at = end + 2
    return "".join((*kept, text[at:]))


def _without_line_comment(line: str) -> str:
    tail = max(line.rfind('"'), line.rfind("'")) + 1
    comment = _LINE_COMMENT.search(line, tail)
    return line[: comment.start()] if comment else line


def _repaired(text: str) -> Mapping[str, Any] | None:
    import json_repair  # noqa: PLC0415 - few answers need it, and every start of the program would wait for it

    try:
        value = json_repair.loads(text, skip_json_loads=True)
    except Exception:  # noqa: BLE001 - its own assertions fail on some damaged texts (found by fuzzing)
        return None
    if isinstance(value, list):
        value = {"findings": value, "needs": [], "uncertain": False}
    return value if isinstance(value, dict) else None


def _is_answer(value: Mapping[str, Any]) -> bool:
    """Tell whether a value has every member of an answer, no other, and each of its kind."""
    if set(value) != set(ANSWER_MEMBERS) or not isinstance(value["uncertain"], bool):
        return False
    findings, needs = value["findings"], value["needs"]
    if not isinstance(findings, list) or not isinstance(needs, list):
        return False
    return all(map(_is_finding, findings)) and all(isinstance(need, dict) for need in needs)


def _is_finding(item: object) -> bool:
    if not isinstance(item, dict) or set(item) != set(FINDING_MEMBERS):
        return False
    texts = all(isinstance(item[name], str) for name in ("path", "quote", "category", "title", "body"))
    numbers = all(
        isinstance(item[name], int | float) and not isinstance(item[name], bool) for name in ("line", "confidence")
    )
    evidence = item["evidence"]
    return (
        texts
        and numbers
        and item["severity"] in _SEVERITIES
        and isinstance(item["suggestion"], str | None)
        and isinstance(evidence, list)
        and all(isinstance(entry, str) for entry in evidence)
    )


def _says_the_same(value: Mapping[str, Any], text: str) -> bool:
    stated = count_members(text)
    whole = Counter(dict.fromkeys(ANSWER_MEMBERS, 1) if text.lstrip()[:1] == "{" else {})
    for name in FINDING_MEMBERS:
        whole[name] = len(value["findings"])
    whole["path"] += sum("path" in need for need in value["needs"])
    if +whole != stated:
        return False
    kept = value if text.lstrip()[:1] == "{" else value["findings"]
    return list(_words_of(kept)) == list(_words(_ESCAPE.sub(_unescaped, text)))


def _words_of(value: object) -> Iterator[str]:
    """Return the words of a value's names, texts and numbers, in their order."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _words(str(name))
            yield from _words_of(member)
    elif isinstance(value, list):
        for member in value:
            yield from _words_of(member)
    else:
        yield from _words(value if isinstance(value, str) else str(value))


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        yield "null" if word in ("None", "null") else word.lower()


def _unescaped(escape: re.Match[str]) -> str:
    letter = escape[1]
    if len(letter) == 5:
        return chr(int(letter[1:], 16))
    return " " if letter in "nrtbf" else letter
