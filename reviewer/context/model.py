"""ContextItem, and Snapshot: a read-only view of one commit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ContextKind(StrEnum):
    """Why a snippet can help, from the nearest to the farthest."""

    SURROUNDINGS = "surroundings"
    DEFINITION = "definition"
    CALLER = "caller"
    TEST = "test"
    CO_CHANGE = "co-change"
    GUIDELINE = "guideline"
    LOOKUP = "lookup"


@dataclass(frozen=True, slots=True)
class ContextItem:
    """A snippet of one commit and why it is in the prompt; `start_line`..`end_line` 1-based and inclusive."""

    path: str
    start_line: int
    end_line: int
    text: str
    kind: ContextKind
    reason: str
    tokens: int
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class LookUpCounts:
    """How look-ups ended; `asked` is the sum of the others."""

    asked: int = 0
    answered: int = 0
    empty: int = 0
    refused: int = 0

    def __add__(self, other: LookUpCounts) -> LookUpCounts:
        return LookUpCounts(
            self.asked + other.asked,
            self.answered + other.answered,
            self.empty + other.empty,
            self.refused + other.refused,
        )
