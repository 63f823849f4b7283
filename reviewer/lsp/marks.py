"""Findings tied to the lines that were reviewed, so that they follow the lines, or go with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from reviewer.change.lines import split_lines
from reviewer.change.model import Change, Hunk, LineKind, Side
from reviewer.findings.model import Finding
from reviewer.steps.result import Review


@dataclass(frozen=True, slots=True)
class Mark:
    """A finding on lines `start`..`end` (1-based) of the reviewed file; `hunk` is the one that they lie in."""

    finding: Finding
    start: int
    end: int
    hunk: Hunk | None


@dataclass(frozen=True, slots=True)
class FileMarks:
    """The marks of a file and the lines that it had when it was reviewed."""

    path: str
    lines: tuple[str, ...]
    marks: tuple[Mark, ...]

    def suggested_lines(self, mark: Mark) -> tuple[str, ...]:
        """Return the lines that a mark's suggestion replaces, as they were reviewed."""
        return self.lines[mark.start - 1 : mark.end]


def marks_of(review: Review, read: Callable[[str], bytes | None]) -> dict[str, FileMarks]:
    """Return what a reader is to see, by path of each changed file; a finding on a file that is gone has no place.

    `read` returns a file as it was reviewed.
    """
    texts: dict[str, tuple[str, ...]] = {}
    found: dict[str, list[Mark]] = {}
    shown = [placed.finding for placed in review.shown()]
    for path in dict.fromkeys((*(file.path for file in review.change.files), *(one.path for one in shown))):
        data = read(path)
        if data is not None:
            texts[path], found[path] = tuple(split_lines(data.decode("utf-8", "replace"))), []
    for finding in shown:
        if finding.path in texts:
            found[finding.path].append(_mark(finding, review.change, len(texts[finding.path])))
    return {path: FileMarks(path, texts[path], tuple(marks)) for path, marks in found.items()}


def _mark(finding: Finding, change: Change, count: int) -> Mark:
    hunks = _hunks(change, finding.path)
    start, end = finding.start_line or finding.line, finding.line
    if finding.side is Side.LEFT:
        start = end = _line_after(hunks, finding.line)
    start = min(max(start, 1), max(count, 1))
    end = min(max(end, start), max(count, 1))
    hunk = next((h for h in hunks if h.new_start <= end < h.new_start + max(h.new_length, 1)), None)
    return Mark(finding, start, end, hunk)


def _hunks(change: Change, path: str) -> tuple[Hunk, ...]:
    file = change.file(path)
    return file.hunks if file else ()


def _line_after(hunks: Iterable[Hunk], old_line: int) -> int:
    """Return the line of the new file that stands where a removed line was."""
    for hunk in hunks:
        if hunk.old_start <= old_line < hunk.old_start + hunk.old_length:
            kept = 0
            for line in hunk.lines:
                if line.old_no is not None and line.old_no >= old_line:
                    break
                kept += line.kind is not LineKind.REMOVED
            return hunk.new_start + kept
    return old_line


def carried(old: Iterable[FileMarks], change: Change) -> tuple[Mark, ...]:
    """Return a model's marks on hunks that the change still has, each moved with its hunk.

    What a model said holds for the hunk that it saw: an edited one loses its marks until a model sees it again.
    """
    kept = []
    for file in old:
        hunks = _hunks(change, file.path)
        for mark in file.marks:
            was = mark.hunk
            if was is None or not mark.finding.from_model:
                continue
            same = [hunk for hunk in hunks if _identity(hunk) == _identity(was)]
            if same:
                now = min(same, key=lambda hunk, was=was: abs(hunk.new_start - was.new_start))  # type: ignore[misc]
                by = now.new_start - was.new_start
                kept.append(replace(mark, start=mark.start + by, end=mark.end + by, hunk=now))
    return tuple(kept)


def _identity(hunk: Hunk) -> tuple[tuple[LineKind, str], ...]:
    return tuple((line.kind, line.text) for line in hunk.lines)


class Moved:
    """Where the lines of a reviewed file are in its text as it is now."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        self._old, self._new = tuple(old), tuple(new)
        most = min(len(old), len(new))
        same = (n for n in range(most) if old[n] != new[n])
        self._before = next(same, most)
        rest = most - self._before
        ends = (n for n in range(rest) if old[-1 - n] != new[-1 - n])
        self._after = next(ends, rest)

    def start_of(self, mark: Mark) -> int | None:
        """Return the first line (1-based) of a mark now, None where its lines were edited away."""
        if mark.end <= self._before:
            return mark.start
        by = len(self._new) - len(self._old)
        if mark.start > len(self._old) - self._after:
            return mark.start + by
        # Between the first and the last edit: the lines have to be there still, word for word.
        wanted = self._old[mark.start - 1 : mark.end]
        last = len(self._new) - len(wanted)
        places = [
            n for n in range(last + 1) if self._new[n : n + len(wanted)] == wanted and self._touches(n, wanted)
        ]
        return min(places, key=lambda n: abs(n + 1 - mark.start)) + 1 if places and wanted else None

    def _touches(self, place: int, wanted: Sequence[str]) -> bool:
        return place + len(wanted) > self._before and place < len(self._new) - self._after
