"""Limits: which bounds of the context engine were reached, so that nothing is left out without a word."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Limit(Enum):
    """A bound of the engine, in the words that a reader is told it in."""

    UNIT_NAMES = "names looked up for one unit"
    UNITS = "units whose names are looked up in a repository of this size"
    CHANGE_NAMES = "names looked up for the change as a whole"
    CHANGE_LINES = "changed lines read for the names of the whole change"
    CHANGED_FILES = "changed files whose names are looked for"
    COMMON_NAMES = "names that stand in too many files to look for"
    PLACES = "places kept of one name"
    EDITED_NAMES = "edited definitions of a unit whose callers are looked for"
    PARSED_FILES = "files read for a unit's definitions"
    SEARCH_BYTES = "bytes of places that one search may find"
    COMMITS = "past commits compared"
    FILE_BYTES = "bytes of a file that is read"
    PARSED_BYTES = "bytes of a file that is parsed, not only searched by keyword"
    TREE_FILES = "files of the repository that are listed and searched"
    FAILED = "context is missing because a read of the repository failed"
    GUIDELINE_FILES = "guideline files read"
    GUIDELINE_CHARS = "characters of a guideline file read"
    GUIDELINE_TOKENS = "tokens of guidelines shown in each prompt"

    @property
    def counts_places(self) -> bool:
        """True where the places are what is left out, and there is no other figure."""
        return self in (Limit.COMMON_NAMES, Limit.FAILED)


# What the reader of a review should hear of: something was to be read and was not. The others bound a ranking, and
# what they leave out is what it puts last.
MATTERS: Final = (
    *(Limit.CHANGE_LINES, Limit.SEARCH_BYTES, Limit.TREE_FILES, Limit.FAILED),
    *(Limit.GUIDELINE_FILES, Limit.GUIDELINE_CHARS, Limit.GUIDELINE_TOKENS),
)
# What is reached unit by unit: the place is the unit's identity.
OF_A_UNIT: Final = frozenset((Limit.UNIT_NAMES, Limit.EDITED_NAMES, Limit.PARSED_FILES))
# How many places of one limit are named.
NAMED_PLACES: Final = 4


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit that was reached: `most` is its value, `left_out` how many were too many, None where not counted.

    `where` is what it was reached in (a path), "" where it is the change as a whole or several places.
    """

    limit: Limit
    most: int
    left_out: int | None = None
    where: str = ""


class LimitsReached:
    """Remembers which limits were reached, each once for every place; any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[Limit, str], Reached] = {}

    def note(self, limit: Limit, most: int, left_out: int | None, *, where: str = "") -> None:
        """Remember that `left_out` were beyond `most`; nothing was where that is 0 or less."""
        if left_out is not None and left_out <= 0:
            return
        with self._lock:
            known = self._found.get((limit, where))
            if known is None or (known.left_out or 0) < (left_out or 0):
                self._found[limit, where] = Reached(limit, most, left_out, where)

    def all(self) -> tuple[Reached, ...]:
        """Return what was reached, in the order of Limit, then of places."""
        with self._lock:
            return told(self._found.values())


def told(reached: Iterable[Reached]) -> tuple[Reached, ...]:
    """Return them in one order whatever the order they came in, each once."""
    order = {limit: number for number, limit in enumerate(Limit)}
    return tuple(
        sorted(dict.fromkeys(reached), key=lambda item: (order[item.limit], item.where, item.left_out or 0))
    )


def sentences(reached: Iterable[Reached]) -> list[str]:
    """Return one line for each limit: its value, how much is left out, and some of the places."""
    groups: dict[Limit, list[Reached]] = {}
    for item in told(reached):
        groups.setdefault(item.limit, []).append(item)
    return [_sentence(limit, items) for limit, items in groups.items()]


def that_matter(reached: Iterable[Reached]) -> list[Reached]:
    """Return what the reader of a review should hear of."""
    return [item for item in reached if item.limit in MATTERS]


def _sentence(limit: Limit, items: list[Reached]) -> str:
    places = [item.where for item in items if item.where]
    named = ", ".join(places[:NAMED_PLACES])
    if len(places) > NAMED_PLACES:
        named += f" and {len(places) - NAMED_PLACES:,} more"
    if limit.counts_places:
        return f"{limit.value}: {named}"
    most, left = items[0].most, sum(item.left_out or 0 for item in items)
    rest = f"{left:,} left out" if left else "the rest is left out"
    return f"{limit.value}: {most:,} at most, {rest}" + (f" ({named})" if named else "")
