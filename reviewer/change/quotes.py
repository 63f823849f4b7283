"""Find the lines of a file's diff that a quote copies, however carelessly it was copied.

White space, quotation marks, a diff marker and a line number are forgiven, and so is a part of a line behind an
ellipsis, a line of a range that is left out, and one line in three that was not copied well. What was forgiven is
counted, so that a better copy elsewhere goes before a worse one.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from reviewer.change.model import Line, LineKind

# A shorter piece of a line matches by accident.
MIN_PARTIAL_QUOTE: Final = 12
# So many lines may be left out of a quote between two of its lines, and so many where it says so by an ellipsis.
MAX_SKIPPED: Final = 3
MAX_ELIDED: Final = 40
# A line this short stands in many places.
SHORT_LINE: Final = 4
# Of so many lines of a quote one may be found nowhere.
LINES_PER_MISS: Final = 3
# More lines of a quote are not compared.
MAX_LINES: Final = 40

_NUMBERED: Final = re.compile(r"^\s*\d+ ?[|:]? ?(?=[+\- ]|$)")
_LOOSE: Final = re.compile(r"^\s*\d+\s*[|:]?\s*")
_BLANK: Final = re.compile(r"\s*\d+\s*[|:]?\s*[+-]?\s*")
_MARK: Final = re.compile(r"^[+-]")
_ELLIPSIS: Final = re.compile(r"\.{3}|…")
_MARKS: Final = str.maketrans(dict.fromkeys("'`‘’‚“”„«»´", '"'))
EXACT, SQUEEZED, COMPACT, PIECES = range(4)


def squeeze(text: str) -> str:
    """Return the text with every run of white space as one blank, none at the ends."""
    return " ".join(text.split())


def compact(text: str) -> str:
    """Return the text without white space, all quotation marks the same."""
    return "".join(text.split()).translate(_MARKS)


@dataclass(frozen=True, slots=True)
class Match:
    """Positions of the first and last line that a quote copies, and what had to be forgiven.

    `missed` are lines of the quote that are nowhere, `pieces` those of which a part matched, `skipped` lines
    between that the quote leaves out or that stand on the other side. `loose` counts lines whose white space
    differs from a quote that shows indentation.
    """

    start: int
    end: int
    missed: int = 0
    pieces: int = 0
    skipped: int = 0
    loose: int = 0


@dataclass(slots=True)
class QuotedLines:
    """The lines of one file's diff by their texts; `lines` are (number of the hunk, line)."""

    lines: list[tuple[int, Line]] = field(default_factory=list)
    compacted: list[str] = field(default_factory=list)
    by_text: dict[str, list[int]] = field(default_factory=dict)

    def add(self, hunk: int, line: Line) -> None:
        """Append a line of the diff."""
        text = compact(line.text)
        if text:
            self.by_text.setdefault(text, []).append(len(self.lines))
        self.lines.append((hunk, line))
        self.compacted.append(text)

    def find(self, quote: str) -> Iterator[Match]:
        """Return every place that a quote may be a copy of."""
        rows = [row for row in quote.split("\n") if row.strip()][:MAX_LINES]
        wanted = list(_wanted(rows, self.by_text))
        if not wanted:
            return
        allowed = len(wanted) // LINES_PER_MISS
        # The first line may be the one that was not copied well.
        for missed in range(min(allowed, 1) + 1):
            first = wanted[missed]
            found = False
            for start in self._positions(first, alone=len(wanted) == 1):
                match = self._run(start, wanted[missed:], missed, allowed)
                if match is not None:
                    found = True
                    yield match
            if found:
                return

    def _positions(self, row: _Row, *, alone: bool) -> list[int]:
        """Return the positions whose line is this row of a quote, or holds it where it is the only one."""
        found = list(dict.fromkeys(position for text in row.texts for position in self.by_text.get(text, ())))
        if not found and (alone or row.pieces):
            found = [at for at, text in enumerate(self.compacted) if row.is_part_of(text, alone=alone)]
        return found

    def _run(self, start: int, wanted: Sequence[_Row], missed: int, allowed: int) -> Match | None:
        """Follow a quote that begins at `start` line by line; None where it goes another way."""
        hunk, first = self.lines[start]
        other = LineKind.ADDED if first.kind is LineKind.REMOVED else LineKind.REMOVED
        shows_indent = any(row.indented for row in wanted)
        end, skipped = start, 0
        levels = [self._level(start, wanted[0])]
        for row in wanted[1:]:
            at, between = self._next(end, row, hunk, other)
            between += at is not None and self.lines[at][1].kind is other
            if at is None:
                missed += 1
                if missed > allowed:
                    return None
                continue
            levels.append(self._level(at, row))
            end, skipped = at, skipped + (0 if row.elided_before else between)
        loose = sum(level != EXACT for level in levels) if shows_indent else 0
        return Match(start, end, missed, sum(level == PIECES for level in levels), skipped, loose)

    def _next(self, end: int, row: _Row, hunk: int, other: LineKind) -> tuple[int | None, int]:
        """Return where the next row of a quote stands behind `end`, and how many lines are skipped before it."""
        most, between = (MAX_ELIDED if row.elided_before else MAX_SKIPPED), 0
        found: tuple[int | None, int] = (None, 0)
        for at in range(end + 1, len(self.lines)):
            owner, line = self.lines[at]
            if owner != hunk or between > most:
                break
            text = self.compacted[at]
            if text in row.texts or row.is_part_of(text, alone=False):
                # A brace that is indented otherwise closes another block: one that is indented alike may follow.
                if not row.indented or len(text) > SHORT_LINE or self._level(at, row) == EXACT:
                    return (at, between) if found[0] is None or len(text) <= SHORT_LINE else found
                found = found if found[0] is not None else (at, between)
            between += bool(text) and line.kind is not other
        return found

    def _level(self, position: int, row: _Row) -> int:
        text = self.lines[position][1].text
        if text.rstrip() in row.readings:
            return EXACT
        if squeeze(text) in {squeeze(reading) for reading in row.readings}:
            return SQUEEZED
        return COMPACT if self.compacted[position] in row.texts else PIECES


@dataclass(frozen=True)
class _Row:
    """One line of a quote: how it may be read, and whether lines are said to be left out before it."""

    text: str
    elided_before: bool = False

    @cached_property
    def readings(self) -> tuple[str, ...]:
        """The ways to read it, most literal first: as is, without number, without marker, without back-ticks."""
        plain = _NUMBERED.sub("", self.text, count=1)
        loose = _LOOSE.sub("", self.text, count=1)
        ways = [self.text, plain, _MARK.sub("", self.text), _MARK.sub("", plain), plain[1:]]
        ways += [loose, _MARK.sub("", loose), self.text.strip().strip("`")]
        if plain == self.text and self.text[:1] not in ("+", "-", " "):
            ways.remove(plain[1:])
        return tuple(way for way in dict.fromkeys(way.rstrip() for way in ways) if way.strip())

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The readings without white space, also without an ellipsis at the end."""
        ways = [compact(reading) for reading in self.readings]
        ways += [way.removesuffix("…").removesuffix("...") for way in ways]
        return tuple(way for way in dict.fromkeys(ways) if way)

    @cached_property
    def pieces(self) -> tuple[tuple[str, ...], ...]:
        """For each reading, the texts between its ellipses; none where it has no ellipsis or too little text."""
        split = ([compact(part) for part in _ELLIPSIS.split(reading)] for reading in self.readings)
        kept = (tuple(part for part in parts if part) for parts in split if len(parts) > 1)
        return tuple(dict.fromkeys(parts for parts in kept if sum(map(len, parts)) >= MIN_PARTIAL_QUOTE // 2))

    @property
    def indented(self) -> bool:
        """True where the row shows indentation behind its marker, so that white space can decide."""
        return any(reading[:1] in (" ", "\t") for reading in self.readings if reading != self.text) or (
            self.text[:1] in (" ", "\t")
        )

    def is_part_of(self, text: str, *, alone: bool) -> bool:
        """Tell whether a line, without white space, holds all pieces of this row in their order."""
        if not text:
            return False
        if alone and any(len(part) >= MIN_PARTIAL_QUOTE and part in text for part in self.texts):
            return True
        return any(_in_order(parts, text) for parts in self.pieces)


def _in_order(parts: Iterable[str], text: str) -> bool:
    at = 0
    for part in parts:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _wanted(rows: Sequence[str], known: Container[str]) -> Iterator[_Row]:
    """Return the rows of a quote; one that is an ellipsis says that lines are left out before the next.

    Where the diff itself has a line that is an ellipsis (`known`), it is that line.
    """
    elided = False
    for row in rows:
        bare = compact(_MARK.sub("", _NUMBERED.sub("", row, count=1)).strip())
        if _BLANK.fullmatch(row) and compact(row) not in known:
            continue  # a blank line that was copied with its number
        if not bare.strip(".…#/*-()<!>") and ("..." in bare or "…" in bare) and bare not in known:
            elided = True
            continue
        yield _Row(row.rstrip("\r"), elided)
        elided = False
