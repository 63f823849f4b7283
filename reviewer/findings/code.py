"""The code that findings stand on: where a quote is found again in a change, which lines are the same as before."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reviewer.change.model import Change, Hunk, LineKind, Side
from reviewer.change.quotes import squeeze

# Lines above and below a finding that count as its surroundings: a mend stands there more often than not.
NEARBY: Final = 8
# And those that make a line the same line: what stands this near to a change was changed with it.
BESIDE: Final = 2
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Lines of one side of a hunk, as positions in its list of lines of that side."""

    path: str
    hunk: int
    side: Side
    first: int
    last: int


class ChangedCode:
    """The lines of a change, to look code up by its text. White space does not count; line numbers neither."""

    def __init__(self, change: Change) -> None:
        self.paths: Collection[str] = frozenset(file.path for file in change.files)
        self._sides: dict[tuple[str, int, Side], tuple[list[str], list[int]]] = {}
        self._starts: dict[str, list[tuple[str, int, Side, int]]] = defaultdict(list)
        for file in change.files:
            for number, hunk in enumerate(file.hunks):
                for side in Side:
                    self._index(file.path, number, hunk, side)

    def _index(self, path: str, number: int, hunk: Hunk, side: Side) -> None:
        lost = LineKind.ADDED if side is Side.LEFT else LineKind.REMOVED
        lines = [line for line in hunk.lines if line.kind is not lost]
        if side is Side.LEFT and not any(line.kind is LineKind.REMOVED for line in lines):
            return  # its context stands on the other side too
        texts = [squeeze(line.text) for line in lines]
        numbers = [(line.old_no if side is Side.LEFT else line.new_no) or 0 for line in lines]
        self._sides[path, number, side] = (texts, numbers)
        for position, text in enumerate(texts):
            if text:
                self._starts[text].append((path, number, side, position))

    def find(self, quote: str, paths: Collection[str] | None = None) -> tuple[Place, ...]:
        """Return where the lines of a quote stand one after the other, in these files or (None) in any."""
        wanted = [text for text in map(squeeze, quote.split("\n")) if text]
        if not wanted:
            return ()
        found = []
        for path, number, side, position in self._starts.get(wanted[0], ()):
            if paths is not None and path not in paths:
                continue
            last = self._run(self._sides[path, number, side][0], position, wanted)
            if last is not None:
                found.append(Place(path, number, side, position, last))
        return tuple(found)

    @staticmethod
    def _run(texts: Sequence[str], start: int, wanted: Sequence[str]) -> int | None:
        """Return the position of the last of the wanted lines, None where they do not follow each other."""
        at = start
        for text in wanted:
            while at < len(texts) and not texts[at]:
                at += 1  # blank lines do not part a quote
            if at >= len(texts) or texts[at] != text:
                return None
            at += 1
        return at - 1

    def line(self, place: Place) -> int:
        """Return the number of the last line of a place."""
        return self._sides[place.path, place.hunk, place.side][1][place.last]

    def nearby(self, place: Place) -> str:
        """Return a digest of the lines of a place and NEARBY lines on both sides of it, as far as its hunk goes."""
        texts, _ = self._sides[place.path, place.hunk, place.side]
        return _digest(texts[max(0, place.first - NEARBY) : place.last + 1 + NEARBY])

    def at(self, path: str, line: int, side: Side) -> Place | None:
        """Return the place of a line by its number, None where the change does not show it."""
        for (own, number, of), (_, numbers) in self._sides.items():
            if own == path and of is side and line in numbers:
                position = numbers.index(line)
                return Place(path, number, side, position, position)
        return None

    def same_lines(self, start: int, end: int, at: Place) -> frozenset[str]:
        """Return what names the lines `start`..`end` (numbers) of a place's hunk, empty where one is not shown."""
        texts, numbers = self._sides[at.path, at.hunk, at.side]
        shown = [position for position, number in enumerate(numbers) if start <= number <= end]
        return (
            frozenset(_line(texts, position) for position in shown)
            if len(shown) == end - start + 1
            else frozenset()
        )

    def all_lines(self) -> frozenset[str]:
        """Return what names each line that the change shows: its text and that of its neighbours."""
        return frozenset(
            _line(texts, position) for texts, _ in self._sides.values() for position in range(len(texts))
        )


def _line(texts: Sequence[str], position: int) -> str:
    return _digest(texts[max(0, position - BESIDE) : position + 1 + BESIDE])


def _digest(texts: Iterable[str]) -> str:
    joined = "\n".join(text for text in texts if text)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
