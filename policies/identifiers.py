"""Identifiers taken apart: `setHttpCookie` is set, http, cookie, and the neighbours sethttp, httpcookie."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

# What is read of a line and of a part: keeps the work bounded on minified or hostile lines.
MAX_LINE_CHARACTERS: Final = 500
MAX_LINES: Final = 3000
MAX_PIECE_CHARACTERS: Final = 32

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PIECE: Final = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*")


@lru_cache(maxsize=65_536)
def pieces(identifier: str) -> tuple[str, ...]:
    """Split on camel case and underscores, in lower case, without single letters."""
    return tuple(piece.lower()[:MAX_PIECE_CHARACTERS] for piece in _PIECE.findall(identifier) if len(piece) > 1)


@lru_cache(maxsize=65_536)
def words(identifier: str) -> tuple[str, ...]:
    """Return the pieces and every two neighbours written together."""
    split = pieces(identifier)
    return (*split, *(first + second for first, second in pairwise(split)))


def bounded(lines: Sequence[str]) -> str:
    """Join lines into one text, no longer than the limits above allow."""
    return "\n".join(
        line if len(line) <= MAX_LINE_CHARACTERS else line[:MAX_LINE_CHARACTERS] for line in lines[:MAX_LINES]
    )


def count(text: str) -> Counter[str]:
    """Count the identifiers of a text."""
    return Counter(_IDENTIFIER.findall(text))
