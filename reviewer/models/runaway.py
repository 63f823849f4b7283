"""Notice while it streams that an answer runs away: repetition, blanks, prose in place of JSON, no end.

The guard cuts nothing that the reader of answers accepts: prose and reasoning in front, wrapping objects, odd
property names, a fence, findings without their object. What it cuts has used the room of an answer without
beginning one, or says the same again and again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from reviewer.models.reasoning import without_reasoning

# A token is rarely longer than this many characters of JSON or code; more than this times the limit is no answer.
LONGEST_TOKEN: Final = 12
# A token of prose has about so many characters.
PROSE_TOKEN: Final = 4
CHECK_EVERY: Final = 256
# Longer than the longest text that an answer may hold (a suggestion of 3,000 characters), so that a rule of dashes
# or a table inside a string is none.
REPEAT_SPAN: Final = 4_000
REPEAT_PERIOD: Final = 300
BLANK_SPAN: Final = 1_000
LEAST_PROSE: Final = 1_500
TRAILING_LIMIT: Final = 2_000


class RunawayGuard:
    """Watches one answer. `schema` is that of the answer, empty where any text is welcome."""

    def __init__(self, *, max_output_tokens: int, schema: Mapping[str, Any] | None = None) -> None:
        self._limit = max_output_tokens * LONGEST_TOKEN
        # Prose that fills the room leaves none for the answer; until then an answer may follow, as after reasoning
        # whose opening tag the server took off.
        self._prose = max(LEAST_PROSE, max_output_tokens * PROSE_TOKEN)
        names = sorted(_property_names(schema or {}))
        self._key = re.compile(r'\\?"(?:' + "|".join(map(re.escape, names)) + r')\\?"\s{0,20}:') if names else None
        self._text = ""
        self._tail = ""
        self._written = 0
        self._checked = 0
        self._begun = self._key is None
        self._depth = _Depth()
        self._starts_with_object: bool | None = None if names else False
        self.after_end = False

    @property
    def text(self) -> str:
        """Everything seen so far."""
        return self._text

    def feed(self, piece: str) -> str:
        """Take more of the answer; return why it must be cut, or "".

        `after_end` is then True where a whole object came first and only what followed it was cut.
        """
        self._text += piece
        self._written += len("".join(piece.split()))
        if self._written > self._limit:
            return f"longer than {self._limit} characters"
        if self._key is not None and (reason := self._off_schema(piece)):
            return reason
        if len(self._text) - self._checked < CHECK_EVERY:
            return ""
        self._checked = len(self._text)
        if not self._begun and len(self._text) > self._prose and len(without_reasoning(self._text)) > self._prose:
            return f"no part of the answer in {self._prose} characters"
        tail = self._text[-BLANK_SPAN:]
        if len(tail) == BLANK_SPAN and not tail.strip() and not self._depth.in_string:
            return f"{BLANK_SPAN} blank characters in a row"
        period = repeated(self._text[-REPEAT_SPAN:]) if len(self._text) >= REPEAT_SPAN else 0
        return f"the same {period} characters repeated over {REPEAT_SPAN}" if period else ""

    def _off_schema(self, piece: str) -> str:
        after = self._depth.feed(piece)
        if self._starts_with_object is None and self._text.strip():
            start = self._text.lstrip()
            self._starts_with_object = start[0] == "{" or start.startswith("```")
        if self._starts_with_object and after > TRAILING_LIMIT:
            self.after_end = True
            return f"{TRAILING_LIMIT} characters after the end of the answer"
        if self._begun:
            return ""
        # A key may be cut in two between pieces.
        assert self._key is not None  # noqa: S101 - `_begun` is True without keys
        if self._key.search(self._tail + piece):
            self._begun = True
            return ""
        self._tail = (self._tail + piece)[-200:]
        return ""


def _property_names(schema: Mapping[str, Any]) -> set[str]:
    """Return the names of all properties of a schema, at any depth: a list of findings lacks the outer ones."""
    names: set[str] = set()
    for key, value in schema.items():
        if key == "properties" and isinstance(value, Mapping):
            names.update(value)
            for child in value.values():
                names |= _property_names(child) if isinstance(child, Mapping) else set()
        elif isinstance(value, Mapping):
            names |= _property_names(value)
    return names


class _Depth:
    """Follows braces outside strings; counts what comes after the first whole object."""

    def __init__(self) -> None:
        self._depth = 0
        self._opened = self.in_string = self._escaped = False
        self._after = 0

    def feed(self, piece: str) -> int:
        for char in piece:
            if self._opened and self._depth == 0 and char != "{":
                self._after += 1
            elif self.in_string:
                self._string(char)
            elif char == '"' and self._depth:
                self.in_string = True
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
            self.in_string = False


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
