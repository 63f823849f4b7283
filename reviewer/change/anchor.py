"""Where a comment may stand: GitHub refuses a whole review for one line that is not part of the diff."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from reviewer.change.model import Anchor, Change, FileChange, FileStatus, Hunk, Line, LineKind, Side
from reviewer.change.quotes import Match, QuotedLines

# A model is often a few lines off: among several matches, one this near to the line it named is the one it meant.
NEAR_LINES = 3


@dataclass(slots=True)
class _FileLines:
    """The lines of one file: `right` and `left` map numbers to hunks, `moved` context from base to head."""

    right: dict[int, int] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    quoted: QuotedLines = field(default_factory=QuotedLines)


class Anchors:
    """Every line of a change that a comment can stand on. Files are indexed when first asked for."""

    def __init__(self, files: Mapping[str, FileChange], old_paths: Mapping[str, str]) -> None:
        self._files = files
        self._old_paths = old_paths
        self._indexed: dict[str, _FileLines] = {}

    @classmethod
    def from_change(cls, change: Change) -> Anchors:
        """Return the anchors of a change."""
        old_paths = {file.old_path: file.path for file in change.files if file.old_path}
        return cls({file.path: file for file in change.files}, old_paths)

    @property
    def paths(self) -> Collection[str]:
        """The paths of the change, as they are at the head."""
        return self._files.keys()

    def path_of(self, path: str) -> str | None:
        """Return the changed path that is meant: itself, without `a/`, `b/`, `./`, by old name or unique tail."""
        for name in (path, path.strip().strip("`\"'"), re.sub(r"^(?:[ab]|\.)/", "", path.strip())):
            if name in self._files:
                return name
            if name in self._old_paths:
                return self._old_paths[name]
        tail = "/" + path.strip().strip("/")
        found = [name for name in self._files if ("/" + name).endswith(tail)]
        return found[0] if len(found) == 1 and len(tail) > 1 else None

    def place(self, path: str, line: int, start_line: int | None = None, side: Side = Side.RIGHT) -> Anchor | None:
        """Return the anchor of exactly these lines, None where GitHub would refuse it.

        Both ends must stand in one hunk with the start above the end. An unchanged line named on the LEFT is
        anchored on the RIGHT, where GitHub documents comments on context to stand.
        """
        if path not in self._files:
            return None
        lines = self._index(path)
        start = line if start_line is None else start_line
        if side is Side.LEFT and line in lines.moved and start in lines.moved:
            line, start, side = lines.moved[line], lines.moved[start], Side.RIGHT
        numbers = lines.right if side is Side.RIGHT else lines.left
        if start > line or line not in numbers or numbers.get(start) != numbers[line]:
            return None
        return Anchor(path, side, line, start if start < line else None)

    def reach(self, path: str, line: int, side: Side = Side.RIGHT) -> tuple[int, int] | None:
        """Return the first and last line of the hunk around a line, on its side; None outside every hunk."""
        if path not in self._files:
            return None
        lines = self._index(path)
        numbers = lines.right if side is Side.RIGHT else lines.left
        hunk = numbers.get(line)
        if hunk is None:
            return None
        same = [number for number, owner in numbers.items() if owner == hunk]
        return min(same), max(same)

    def by_quote(self, path: str, quote: str, near: int | None = None, side: Side | None = None) -> Anchor | None:
        """Return the anchor of the line (or run of lines) that a quote copies, None where the diff has none.

        What `reviewer.change.quotes` forgives is forgiven, the better copy before the worse one. Of equal ones,
        that within NEAR_LINES of `near` comes first; then one with the white space of a quote that shows
        indentation; then added lines, context, removed ones (these first where `side` is LEFT); then the nearest.
        """
        if path not in self._files:
            return None
        lines = self._index(path)
        best: tuple[tuple[int, ...], Anchor] | None = None
        for match in lines.quoted.find(quote):
            anchor = _anchor(path, lines.quoted.lines[match.start][1], lines.quoted.lines[match.end][1])
            if anchor is not None:
                rank = _rank(match, lines.quoted.lines[match.start][1], anchor, near, side)
                if best is None or rank < best[0]:
                    best = (rank, anchor)
        return best[1] if best else None

    def line_at(self, path: str, line: int, side: Side = Side.RIGHT) -> Line | None:
        """Return the diff line with this number on a side, None outside every hunk."""
        file = self._files.get(path)
        for hunk in file.hunks if file else ():
            for candidate in hunk.lines:
                if line == (candidate.new_no if side is Side.RIGHT else candidate.old_no):
                    return candidate
        return None

    def successor(self, path: str, line: int) -> int | None:
        """Return the line of the new file that stands where a deleted line stood: the one that follows it there.

        At the end of its hunk it is the one before. None where the file is gone, or no hunk deletes the line.
        """
        file = self._files.get(path)
        if file is None or file.status is FileStatus.REMOVED:
            return None
        for hunk in file.hunks:
            for position, candidate in enumerate(hunk.lines):
                if candidate.kind is LineKind.REMOVED and candidate.old_no == line:
                    after = (later.new_no for later in hunk.lines[position:] if later.new_no)
                    before = (above.new_no for above in hunk.lines[position::-1] if above.new_no)
                    # Of a hunk that only deletes, git names the line before it, 0 at the top of the file.
                    return next(after, None) or next(before, None) or max(1, hunk.new_start)
        return None

    def _index(self, path: str) -> _FileLines:
        known = self._indexed.get(path)
        if known is None:
            known = self._indexed[path] = _index_hunks(self._files[path].hunks)
        return known


def _index_hunks(hunks: tuple[Hunk, ...]) -> _FileLines:
    index = _FileLines()
    for number, hunk in enumerate(hunks):
        for line in hunk.lines:
            if line.new_no is not None:
                index.right[line.new_no] = number
                if line.old_no is not None:
                    index.moved[line.old_no] = line.new_no
            elif line.old_no is not None:
                index.left[line.old_no] = number
            index.quoted.add(number, line)
    return index


def _anchor(path: str, first: Line, last: Line) -> Anchor | None:
    if first.new_no is not None and last.new_no is not None:
        return Anchor(path, Side.RIGHT, last.new_no, first.new_no if first.new_no < last.new_no else None)
    if first.new_no is None and last.new_no is None and first.old_no is not None and last.old_no is not None:
        return Anchor(path, Side.LEFT, last.old_no, first.old_no if first.old_no < last.old_no else None)
    if last.new_no is not None:
        return Anchor(path, Side.RIGHT, last.new_no)
    return Anchor(path, Side.LEFT, last.old_no) if last.old_no is not None else None


def _rank(match: Match, line: Line, anchor: Anchor, near: int | None, side: Side | None) -> tuple[int, ...]:
    order = {LineKind.ADDED: 0, LineKind.CONTEXT: 1, LineKind.REMOVED: 2}
    if side is Side.LEFT:
        order = {LineKind.REMOVED: 0, LineKind.CONTEXT: 1, LineKind.ADDED: 2}
    distance = 0
    if near is not None:
        first = anchor.start_line or anchor.line
        distance = max(first - near, near - anchor.line, 0)
    wrong_side = side is not None and anchor.side is not side
    far = near is None or distance > NEAR_LINES or wrong_side
    worse = (match.missed, match.pieces, match.skipped)
    return (*worse, far, match.loose, order[line.kind], distance)
