"""JSON as models really write it: in a fence, after a sentence, with a comma too many, cut off in the middle."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

# Deeper nesting is no answer of ours, and json's own recursion would fail on hostile depth.
MAX_DEPTH: Final = 40
# Braces in the prose before the answer are tried and left; so many of them are no answer.
MAX_STARTS: Final = 20

_OPENING: Final = re.compile(r"[{\[]")

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|"(?:[^"\\]|\\.)*$|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The value, and whether the text ended before the value did."""

    value: Any
    cut: bool


def decode_json(text: str) -> Decoded | None:
    """Return the first JSON object or list of a text, None where there is none.

    Commas before a closing bracket are forgiven. A text that ends too early gives what was complete by then:
    a member or item that was cut is left out.
    """
    best: Decoded | None = None
    for number, start in enumerate(_OPENING.finditer(text)):
        if number >= MAX_STARTS:
            break
        found = _decode_at(text, start.start())
        if found is None:
            continue
        if isinstance(found.value, dict) and (found.value or not found.cut):
            return found
        if best is None or not best.value:
            best = found
        if isinstance(found.value, list) and any(isinstance(item, dict) for item in found.value):
            return found
    return best


def _decode_at(text: str, start: int) -> Decoded | None:
    try:
        value, _end = json.JSONDecoder(strict=False).raw_decode(text, start)
    except (ValueError, RecursionError):
        return _repaired(text[start:])
    return Decoded(value, cut=False)


def _repaired(text: str) -> Decoded | None:
    """Read as far as the brackets balance, mend commas, and close what is open at a point where that is sound."""
    pieces: list[str] = []
    closers: list[str] = []
    sound: tuple[int, tuple[str, ...]] | None = None  # pieces kept, brackets then open
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "{[":
            closers.append("}" if token == "{" else "]")
            if len(closers) > MAX_DEPTH:
                return None
        elif token in "}]":
            if not closers or closers.pop() != token:
                return None
            while pieces and pieces[-1] == ",":
                pieces.pop()
        pieces.append(token)
        if token in "}]":
            sound = (len(pieces), tuple(closers))
            if not closers:
                return _loaded("".join(pieces), cut=False)
        elif token in "{[" and closers == ["}"]:
            sound = (len(pieces), tuple(closers))
    if sound is None:
        return None
    kept, open_brackets = sound
    return _loaded("".join(pieces[:kept]) + "".join(reversed(open_brackets)), cut=True)


def _loaded(text: str, *, cut: bool) -> Decoded | None:
    try:
        return Decoded(json.loads(text, strict=False), cut=cut)
    except (ValueError, RecursionError):
        return None
