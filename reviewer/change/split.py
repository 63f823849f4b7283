"""A hunk that is larger than the budget, cut into hunks that are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reviewer.change.model import Hunk, Line
from reviewer.change.render import render_hunk

# A cut goes back by up to this share of a piece to find a line where reading may pause.
SEEK_SHARE = 0.3


def split_hunk(hunk: Hunk, max_tokens: int, count: Callable[[str], int]) -> tuple[Hunk, ...]:
    """Cut a hunk at line boundaries into hunks of at most `max_tokens` as rendered, with right headers each.

    Cuts prefer blank lines and lines of small indent. A single line that is larger than the budget stays whole.
    """
    if count(render_hunk(hunk)) <= max_tokens or len(hunk.lines) < 2:
        return (hunk,)
    header = count(hunk.header) + 4
    costs = [count(f"{line.new_no or line.old_no} {line.kind.value}{line.text}\n") for line in hunk.lines]
    pieces: list[Hunk] = []
    start = 0
    while start < len(hunk.lines):
        end, tokens = start, header
        while end < len(hunk.lines) and (end == start or tokens + costs[end] <= max_tokens):
            tokens += costs[end]
            end += 1
        if end < len(hunk.lines):
            end = _pause(hunk.lines, start, end)
        pieces.append(_piece(hunk, start, end))
        start = end
    return tuple(pieces)


def _pause(lines: Sequence[Line], start: int, end: int) -> int:
    """Return the best place to cut at or before `end`: before the least indented line, after a blank one."""
    earliest = max(start + 1, end - int((end - start) * SEEK_SHARE))

    def rank(cut: int) -> tuple[int, int, int]:
        text = lines[cut].text
        indent = len(text) - len(text.lstrip()) if text.strip() else 99
        after_blank = 0 if not lines[cut - 1].text.strip() else 1
        return indent, after_blank, -cut

    return min(range(earliest, end + 1), key=rank)


def _piece(hunk: Hunk, start: int, end: int) -> Hunk:
    """Return lines `start`..`end` as a hunk; an empty side stands, as git has it, on the line before it."""
    before, lines = hunk.lines[:start], hunk.lines[start:end]
    old_before = sum(line.old_no is not None for line in before)
    new_before = sum(line.new_no is not None for line in before)
    old_length = sum(line.old_no is not None for line in lines)
    new_length = sum(line.new_no is not None for line in lines)
    old_start = _start(hunk.old_start, hunk.old_length, old_before, old_length)
    new_start = _start(hunk.new_start, hunk.new_length, new_before, new_length)
    return Hunk(hunk.path, old_start, old_length, new_start, new_length, hunk.section, lines)


def _start(whole_start: int, whole_length: int, before: int, length: int) -> int:
    if not whole_length:
        return whole_start
    return whole_start + before if length else whole_start + before - 1
