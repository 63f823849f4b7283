"""Expressions for foreign text that take linear time whatever the text, compiled when first used.

They are RE2's (https://github.com/google/re2): no backreferences, no look-around, and no way to make them slow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Protocol, cast

import re2  # type: ignore[import-untyped]


class Match(Protocol):
    """The part of a match that is used here; as Python's own."""

    def start(self, group: int = 0) -> int: ...  # noqa: D102
    def end(self, group: int = 0) -> int: ...  # noqa: D102
    def group(self, group: int = 0) -> str | None: ...  # noqa: D102


class Expression(Protocol):
    """The part of a compiled expression that is used here; as Python's own."""

    groups: int

    def search(self, text: str) -> Match | None: ...  # noqa: D102
    def fullmatch(self, text: str) -> Match | None: ...  # noqa: D102
    def finditer(self, text: str) -> Iterator[Match]: ...  # noqa: D102


@cache
def expression(pattern: str) -> Expression:
    """Return a compiled expression."""
    options = re2.Options()
    # A line that is not UTF-8 or holds lone surrogates is no reason to write to standard error.
    options.log_errors = False
    return cast("Expression", re2.compile(pattern, options))


class Words:
    """Finds which of many words a text holds, whatever their case, in one pass."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)
        options = re2.Options()
        options.case_sensitive = False
        options.literal = True
        self._set = re2.Set.SearchSet(options)
        for word in self._words:
            self._set.Add(word)
        self._set.Compile()

    def found(self, text: str) -> frozenset[str]:
        """Return the words that occur in a text."""
        data = text.encode("utf-8", "replace")
        return frozenset(self._words[at] for at in self._set.Match(data) or ())
