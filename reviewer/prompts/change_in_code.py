"""Show a unit's hunks inside their code: numbered lines of the head, changed lines marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reviewer.change.model import Hunk, Line, LineKind, Unit
from reviewer.change.paths import quote
from reviewer.context.surroundings import LINE_CHARS, NOTHING_AROUND, Surroundings

CUT: Final = " … (line cut)"
# A changed line that is longer is data or generated: its beginning and its end say what it is.
LONGEST_LINE: Final = 2000
_BEGINNING, _END = 1500, 200


def render_in_code(unit: Unit, around: Surroundings = NOTHING_AROUND) -> str:
    """Render each file of a unit under a `### path` line, its hunks within the lines that `around` chose.

    A line starts with its number at the head, then `+` where it was added and a blank where it was not; a removed
    line has `-` and no number. What is left out between two lines is said with its number of lines.
    """
    parts: list[str] = []
    for path in unit.paths:
        hunks = sorted((hunk for hunk in unit.hunks if hunk.path == path), key=lambda hunk: hunk.new_start)
        parts.append(f"### {quote(path)}")
        parts += _file(hunks, around.of(path), around.text.get(path, ()))
    return "\n".join(parts)


def _file(hunks: Sequence[Hunk], spans: Sequence[tuple[int, int]], lines: Sequence[str]) -> Iterator[str]:
    shown = 0
    for first, last in _pieces(hunks, spans):
        if shown and first > shown + 1:
            yield f"… ({first - shown - 1} lines not shown)"
        elif not shown and first > 1:
            yield f"… ({first - 1} lines above)"
        at = first
        for hunk in hunks:
            start = _start(hunk)
            if not first <= start <= last + 1:
                continue
            yield from _context(lines, at, start - 1)
            yield from (_line(line) for line in hunk.lines)
            at = start + hunk.new_length
        yield from _context(lines, at, last)
        shown = max(last, at - 1)


def _pieces(hunks: Sequence[Hunk], spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans to show: the chosen ones, and each hunk that none of them holds by itself."""
    pieces = list(spans)
    for hunk in hunks:
        start = _start(hunk)
        if not any(first <= start <= last + 1 for first, last in pieces):
            pieces.append((start, start + hunk.new_length - 1))
    return sorted(pieces)


def _start(hunk: Hunk) -> int:
    """Return the line of the head before which a hunk's lines stand; git names the line above an empty side."""
    return hunk.new_start if hunk.new_length else hunk.new_start + 1


def _context(lines: Sequence[str], first: int, last: int) -> Iterator[str]:
    for number in range(first, min(last, len(lines)) + 1):
        text = lines[number - 1]
        yield f"{number}  {text[:LINE_CHARS] + CUT if len(text) > LINE_CHARS else text}"


def _line(line: Line) -> str:
    text = shortened(line.text)
    if line.kind is LineKind.REMOVED:
        return f"-{text}"
    return f"{line.new_no} {'+' if line.kind is LineKind.ADDED else ' '}{text}"


def shortened(text: str) -> str:
    """Return a line as it is shown: one that is longer than LONGEST_LINE by its beginning and its end."""
    if len(text) <= LONGEST_LINE:
        return text
    left = len(text) - _BEGINNING - _END
    return f"{text[:_BEGINNING]} … ({left:,} characters not shown) … {text[-_END:]}"


def cut_lines(unit: Unit) -> tuple[str, ...]:
    """Return the places, as `path:line`, of changed lines that are too long to be shown whole."""
    return tuple(
        f"{quote(hunk.path)}:{line.new_no or line.old_no}"
        for hunk in unit.hunks
        for line in hunk.lines
        if line.kind is not LineKind.CONTEXT and len(line.text) > LONGEST_LINE
    )
