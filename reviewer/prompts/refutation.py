"""The smallest text that can refute findings: their functions, their evidence, and the definitions they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from reviewer.change.model import Hunk, Unit
from reviewer.context.model import ContextItem, ContextKind
from reviewer.context.surroundings import Surroundings
from reviewer.findings.model import Finding
from reviewer.prompts.change_in_code import render_in_code
from reviewer.prompts.fence import fenced
from reviewer.prompts.snippets import context_texts

_PLACE: Final = re.compile(r"(?<![^\s:`(])(?P<path>[^\s:`(]+):(?P<first>\d{1,7})(?:-(?P<last>\d{1,7}))?")
_WORD: Final = re.compile(r"\w+")
# Lines that are shown on each side of a finding and of a line that it rests on, of its hunk and of its function.
LINES_AROUND: Final = 15

Place = tuple[str, int, int]


def refutation_text(
    unit: Unit, around: Surroundings, items: Sequence[ContextItem], findings: Sequence[Finding]
) -> str:
    """Return what can refute these findings about a unit, fenced as their finder saw it.

    That is the function around each one's lines, every hunk and snippet that its evidence names, and the snippets
    whose name it mentions.
    """
    places = [place for finding in findings for place in _places(finding)]
    words = {word for finding in findings for word in _WORD.findall(_said(finding))}
    kept = [item for item in items if _is_named(item, words) or _touches(_place_of(item), places)]
    texts, _found = context_texts(kept, paths=unit.paths)
    hunks = [hunk for hunk in unit.hunks if _touches(_span(hunk), places)] or list(unit.hunks)
    part = replace(unit, hunks=tuple(near for hunk in hunks for near in _near(hunk, _in(hunk.path, places))))
    spans = {path: tuple(_nearest(path, around.of(path), places)) for path in part.paths}
    shown = Surroundings({path: found for path, found in spans.items() if found}, around.text)
    return "\n\n".join((*texts, fenced("diff", render_in_code(part, shown))))


def _said(finding: Finding) -> str:
    return f"{finding.title} {finding.body} {finding.quote}"


def _places(finding: Finding) -> Iterable[Place]:
    yield finding.path, finding.start_line or finding.line, finding.line
    for text in (*finding.evidence, finding.body):
        for match in _PLACE.finditer(text):
            first = int(match["first"])
            yield match["path"], first, int(match["last"] or first)


def _is_named(item: ContextItem, words: set[str]) -> bool:
    """Tell whether the findings mention what a snippet defines; guidelines define nothing."""
    return item.kind is not ContextKind.GUIDELINE and item.symbol in words


def _place_of(item: ContextItem) -> Place:
    return item.path, item.start_line, item.end_line


def _span(hunk: Hunk) -> Place:
    """Return the lines of a hunk in the numbers of both sides: a finding may stand on a removed line."""
    first = min(hunk.old_start, hunk.new_start)
    return hunk.path, first, max(hunk.old_start + hunk.old_length, hunk.new_start + hunk.new_length)


def _touches(span: Place, places: Iterable[Place]) -> bool:
    path, first, last = span
    return bool(path) and any(
        (path == other or path.endswith("/" + other)) and start <= last and first <= end
        for other, start, end in places
    )


def _in(path: str, places: Sequence[Place]) -> list[Place]:
    return [place for place in places if path == place[0] or path.endswith("/" + place[0])]


def _near(hunk: Hunk, places: Sequence[Place]) -> list[Hunk]:
    """Return the parts of a hunk that are near a place; the whole hunk where none is."""
    near = [
        any(
            start - LINES_AROUND <= number <= end + LINES_AROUND
            for number in (line.new_no, line.old_no)
            if number is not None
            for _path, start, end in places
        )
        for line in hunk.lines
    ]
    if all(near) or not any(near):
        return [hunk]
    runs = groupby(range(len(near)), key=near.__getitem__)
    return [_part(hunk, list(run)) for is_near, run in runs if is_near]


def _part(hunk: Hunk, numbers: Sequence[int]) -> Hunk:
    """Return the lines of a hunk from the first to the last of these indexes as a hunk of their own."""
    lines = hunk.lines[numbers[0] : numbers[-1] + 1]
    before = hunk.lines[: numbers[0]]
    old, new = [line.old_no for line in lines if line.old_no], [line.new_no for line in lines if line.new_no]
    # git names the line above an empty side.
    above_old = sum(line.old_no is not None for line in before) + hunk.old_start - 1
    above_new = sum(line.new_no is not None for line in before) + hunk.new_start - 1
    return replace(
        hunk,
        lines=lines,
        old_start=old[0] if old else above_old,
        old_length=len(old),
        new_start=new[0] if new else above_new,
        new_length=len(new),
    )


def _nearest(path: str, spans: Sequence[tuple[int, int]], places: Sequence[Place]) -> list[tuple[int, int]]:
    """Return the lines of these spans that are no further than LINES_AROUND from a place."""
    found: list[tuple[int, int]] = []
    for first, last in spans:
        for start, end in sorted((start, end) for _path, start, end in _in(path, places)):
            low, high = max(first, start - LINES_AROUND), min(last, end + LINES_AROUND)
            if low > high:
                continue
            if found and low <= found[-1][1] + 1:
                found[-1] = (min(found[-1][0], low), max(found[-1][1], high))
            else:
                found.append((low, high))
    return found
