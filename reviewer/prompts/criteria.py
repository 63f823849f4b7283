"""Acceptance criteria in prose that people wrote: the list items that say what a change is to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from reviewer.prompts.fence import MAX_PROSE, prose
from reviewer.prompts.redact import redact

MAX_CRITERIA: Final = 20
MAX_CRITERION: Final = 500
# Prose beyond this is not read for criteria.
MAX_READ: Final = 20_000
_HEADING: Final = re.compile(r"(?:#{1,6} +|\*\*)(.+)")
_NAMES: Final = re.compile(r"acceptance|definition of done|requirements|must have", re.IGNORECASE)
_ITEM: Final = re.compile(r"(?:[-*+]|\d{1,3}[.)]) +(?:\[[ xX]\] +)?(\S.*)")
_FENCE: Final = ("```", "~~~")


def criteria_of(text: str) -> tuple[str, ...]:
    """Return the list items under headings such as "Acceptance criteria", without secrets, at most MAX_CRITERIA."""
    return _first(item for item, named in _items(text) if named)


def points_of(text: str) -> tuple[str, ...]:
    """Return the acceptance criteria of a plan or an issue; where it names none, every list item of it."""
    return criteria_of(text) or _first(item for item, _named in _items(text))


def _first(items: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))[:MAX_CRITERIA]


def _items(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each list item, and whether it stands under a heading that names criteria; code is left out."""
    named = inside = False
    for line in prose(redact(text[:MAX_PROSE])[0], limit=MAX_READ).split("\n"):
        bare = line.strip()
        if bare.startswith(_FENCE):
            inside = not inside
        elif not inside and (heading := _HEADING.match(bare)):
            named = bool(_NAMES.search(heading[1]))
        elif not inside and (item := _ITEM.match(bare)):
            yield " ".join(item[1].split())[:MAX_CRITERION], named
