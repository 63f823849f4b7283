"""Answers that run away are noticed while they stream: repetition, length, text that is no JSON."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

# A token is rarely longer than this many characters of JSON or code; more than this times the limit is no answer.
LONGEST_TOKEN: Final = 12
CHECK_EVERY: Final = 256
REPEAT_SPAN: Final = 1_200
REPEAT_PERIOD: Final = 300
BLANK_SPAN: Final = 400
PROSE_LIMIT: Final = 1_500
TRAILING_LIMIT: Final = 2_000

_FIRST_KEY: Final = re.compile(r"\{\s*\"((?:[^\"\\]|\\.)*)\"\s*:")
# Reasoning that some local models write in front of their answer.
_THINK: Final = "<think"
_THOUGHT: Final = "</think"


class RunawayGuard:
    """Watches one answer. `keys` are the top-level properties of its schema; empty where any text is welcome."""

    def __init__(self, *, max_output_tokens: int, keys: Collection[str] = ()) -> None:
        self._limit = max_output_tokens * LONGEST_TOKEN
        self._keys = frozenset(keys)
        self._text = ""
        self._checked = 0
        self._shape_known = not keys
        self._depth = _Depth()
        self._body_from = -1 if keys else 0

    @property
    def text(self) -> str:
        """Everything seen so far."""
        return self._text

    def feed(self, piece: str) -> str:
        """Take more of the answer; return why it must be cut, or ""."""
        self._text += piece
        if len(self._text) > self._limit:
            return f"longer than {self._limit} characters"
        if self._keys and (reason := self._off_schema(piece)):
            return reason
        if len(self._text) - self._checked < CHECK_EVERY:
            return ""
        self._checked = len(self._text)
        tail = self._text[-BLANK_SPAN:]
        if len(tail) == BLANK_SPAN and not tail.strip():
            return f"{BLANK_SPAN} blank characters in a row"
        period = repeated(self._text[-REPEAT_SPAN:]) if len(self._text) >= REPEAT_SPAN else 0
        return f"the same {period} characters repeated over {REPEAT_SPAN}" if period else ""

    def _off_schema(self, piece: str) -> str:
        if self._body_from < 0:
            self._body_from = self._begin()
            if self._body_from < 0:
                return ""
            piece = self._text[self._body_from :]
        if self._depth.feed(piece) > TRAILING_LIMIT:
            return f"{TRAILING_LIMIT} characters after the end of the answer"
        if self._shape_known:
            return ""
        body = self._text[self._body_from :]
        if found := _FIRST_KEY.search(body):
            self._shape_known = True
            return (
                "" if found.group(1) in self._keys else f"off the schema: {found.group(1)[:40]!r} is not a property"
            )
        limit = PROSE_LIMIT if "{" not in body else 2 * PROSE_LIMIT
        return f"no JSON in {limit} characters" if len(body) > limit else ""

    def _begin(self) -> int:
        """Return where the answer begins, after any thinking; -1 while that is not known."""
        start = self._text.lstrip()
        if not start.startswith(_THINK):
            return -1 if _THINK.startswith(start) else 0
        return self._text.find(_THOUGHT)


class _Depth:
    """Follows braces outside strings; counts what comes after the first whole object."""

    def __init__(self) -> None:
        self._depth = 0
        self._opened = self._in_string = self._escaped = False
        self._after = 0

    def feed(self, piece: str) -> int:
        for char in piece:
            if self._opened and self._depth == 0 and char != "{":
                self._after += 1
            elif self._in_string:
                self._string(char)
            elif char == '"' and self._depth:
                self._in_string = True
            elif char in "{[":
                # Prose before the answer may hold brackets, and braces too: the last object counts.
                if self._depth or char == "{":
                    self._depth += 1
                    self._opened = True
                    self._after = 0
            elif char in "}]" and self._depth:
                self._depth -= 1
        return self._after

    def _string(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
        elif char == '"':
            self._in_string = False


def repeated(span: str) -> int:
    """Return the period of a text that is one short block again and again, 0 where it is not.

    The period is the length less the longest border (Knuth, Morris and Pratt 1977), in linear time.
    """
    border = [0] * len(span)
    length = 0
    for index in range(1, len(span)):
        while length and span[index] != span[length]:
            length = border[length - 1]
        if span[index] == span[length]:
            length += 1
        border[index] = length
    period = len(span) - border[-1] if span else 0
    return period if 0 < period <= min(REPEAT_PERIOD, len(span) // 4) else 0
