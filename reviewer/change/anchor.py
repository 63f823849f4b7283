"""Where a comment may stand: GitHub refuses a whole review for one line that is not part of the diff."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from reviewer.change.model import Anchor, Change, FileChange, FileStatus, Hunk, Line, LineKind, Side

# A shorter piece of a line matches by accident.
MIN_PARTIAL_QUOTE = 12
# A model is often a few lines off: among several matches, one this near to the line it named is the one it meant.
NEAR_LINES = 3

_PREFIX = re.compile(r"^\s*\d+\s*[|:]?\s?(?=[+\- ]|$)|^[+-]")
_ELLIPSIS = re.compile(r"\s*(?:\.\.\.|…)\s*$")


@dataclass(slots=True)
class _FileLines:
    """The lines of one file: `right` and `left` map numbers to hunks, `moved` context from base to head."""

    right: dict[int, int] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    lines: list[tuple[int, Line, str]] = field(default_factory=list)
    texts: dict[str, list[int]] = field(default_factory=dict)


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

        White space, a diff marker, a line number and a trailing ellipsis are forgiven; so is a piece of a line
        of at least MIN_PARTIAL_QUOTE characters. Added lines are preferred, then context, then removed ones
        (these first where `side` is LEFT), then the nearest to `near`; a match within NEAR_LINES of `near` goes
        before all.
        """
        if path not in self._files:
            return None
        wanted = [part for part in quote.split("\n") if part.strip()]
        if not wanted:
            return None
        lines = self._index(path)
        starts = self._matches(lines, wanted[0], whole=len(wanted) == 1)
        best: tuple[tuple[int, int, int], Anchor] | None = None
        for start in starts:
            end = start if len(wanted) == 1 else _run_end(lines, start, wanted)
            if end is None:
                continue
            anchor = _anchor(path, lines, start, end)
            rank = _rank(lines.lines[start][1], anchor, near, side)
            if anchor is not None and (best is None or rank < best[0]):
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

    def _matches(self, lines: _FileLines, quote: str, *, whole: bool) -> list[int]:
        """Return the positions whose line is the quote, or, for a quote of one line, contains it."""
        for text in _readings(quote):
            if text in lines.texts:
                return lines.texts[text]
        if whole:
            for text in _readings(quote):
                if len(text) >= MIN_PARTIAL_QUOTE:
                    found = [position for position, entry in enumerate(lines.lines) if text in entry[2]]
                    if found:
                        return found
        return []

    def _index(self, path: str) -> _FileLines:
        known = self._indexed.get(path)
        if known is None:
            known = self._indexed[path] = _index_hunks(self._files[path].hunks)
        return known


def squeeze(text: str) -> str:
    """Return the text with every run of white space as one blank, none at the ends."""
    return " ".join(text.split())


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
            text = squeeze(line.text)
            if text:
                index.texts.setdefault(text, []).append(len(index.lines))
            index.lines.append((number, line, text))
    return index


def _readings(quote: str) -> list[str]:
    """Return the ways to read a quote, most literal first: as is, without number and marker, unelided."""
    stripped = _PREFIX.sub("", quote)
    stripped = stripped[1:] if stripped[:1] in ("+", "-") and stripped != quote else stripped
    readings = [squeeze(quote), squeeze(stripped), squeeze(quote.strip().strip("`"))]
    readings += [squeeze(_ELLIPSIS.sub("", reading)) for reading in readings]
    return [reading for reading in dict.fromkeys(readings) if reading]


def _run_end(lines: _FileLines, start: int, wanted: list[str]) -> int | None:
    """Return the position where a quote of several lines that begins at `start` ends, None where it does not match.

    Lines of the other side and blank lines may stand between.
    """
    hunk, first, _ = lines.lines[start]
    removed = first.kind is LineKind.REMOVED
    position, end = start + 1, start
    for text in wanted[1:]:
        readings = _readings(text)
        while position < len(lines.lines):
            owner, line, squeezed = lines.lines[position]
            if owner != hunk:
                return None
            position += 1
            if squeezed in readings:
                end = position - 1
                break
            other = LineKind.ADDED if removed else LineKind.REMOVED
            if squeezed and line.kind is not other:
                return None
        else:
            return None
    return end


def _anchor(path: str, lines: _FileLines, start: int, end: int) -> Anchor | None:
    _, first, _ = lines.lines[start]
    _, last, _ = lines.lines[end]
    if first.new_no is not None and last.new_no is not None:
        return Anchor(path, Side.RIGHT, last.new_no, first.new_no if first.new_no < last.new_no else None)
    if first.new_no is None and last.new_no is None and first.old_no is not None and last.old_no is not None:
        return Anchor(path, Side.LEFT, last.old_no, first.old_no if first.old_no < last.old_no else None)
    if last.new_no is not None:
        return Anchor(path, Side.RIGHT, last.new_no)
    return Anchor(path, Side.LEFT, last.old_no) if last.old_no is not None else None


def _rank(line: Line, anchor: Anchor | None, near: int | None, side: Side | None) -> tuple[int, int, int]:
    order = {LineKind.ADDED: 0, LineKind.CONTEXT: 1, LineKind.REMOVED: 2}
    if side is Side.LEFT:
        order = {LineKind.REMOVED: 0, LineKind.CONTEXT: 1, LineKind.ADDED: 2}
    distance = abs((anchor.line if anchor else 0) - near) if near is not None else 0
    wrong_side = side is not None and anchor is not None and anchor.side is not side
    close = 0 if near is not None and distance <= NEAR_LINES and not wrong_side else 1
    return close, order[line.kind], distance
