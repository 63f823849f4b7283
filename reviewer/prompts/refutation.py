"""The smallest text that can refute findings: their functions, their evidence, and the definitions they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
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
# Lines of a hunk that are shown on each side of a finding, and around a line that it rests on.
LINES_AROUND: Final = 40

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
    part = replace(unit, hunks=tuple(_near(hunk, places) for hunk in hunks))
    spans = {path: tuple(_nearest(path, around.of(path), part.hunks, places)) for path in part.paths}
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


def _near(hunk: Hunk, places: Sequence[Place]) -> Hunk:
    """Return a hunk with its lines far from every place cut off at both ends."""
    numbers = [
        at
        for at, line in enumerate(hunk.lines)
        if any(
            start - LINES_AROUND <= number <= end + LINES_AROUND
            for number in (line.new_no, line.old_no)
            if number is not None
            for _path, start, end in places
        )
    ]
    if not numbers or len(numbers) == len(hunk.lines):
        return hunk
    lines = hunk.lines[numbers[0] : numbers[-1] + 1]
    old, new = [line.old_no for line in lines if line.old_no], [line.new_no for line in lines if line.new_no]
    return replace(
        hunk,
        lines=lines,
        old_start=old[0] if old else hunk.old_start,
        old_length=len(old),
        new_start=new[0] if new else hunk.new_start,
        new_length=len(new),
    )


def _nearest(
    path: str, spans: Sequence[tuple[int, int]], hunks: Sequence[Hunk], places: Sequence[Place]
) -> Iterable[tuple[int, int]]:
    """Return the spans around the kept hunks, no further than LINES_AROUND from a place."""
    own = [(hunk.new_start, hunk.new_start + hunk.new_length - 1) for hunk in hunks if hunk.path == path]
    for first, last in spans:
        inside = [span for span in own if span[0] <= last and first <= span[1]]
        near = [
            (start, end) for _other, start, end in places if _touches((path, first, last), [(_other, start, end)])
        ]
        if not inside and not near:
            continue
        edges = [*inside, *near]
        least = min(start for start, _end in edges) - LINES_AROUND
        most = max(end for _start, end in edges) + LINES_AROUND
        yield max(first, least), min(last, most)
