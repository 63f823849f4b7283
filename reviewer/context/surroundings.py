"""Choose the lines around the hunks of a file that are shown with them: whole functions where they fit.

A reviewer needs the rest of the edited function more than anything else. A hunk is shown within the innermost
function or method around it; a long one keeps its signature and the lines nearest to the change, so that lines are
left out from the far end inwards and never at the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from reviewer.change.model import Hunk, LineKind
from reviewer.context.model import ContextItem, ContextKind
from reviewer.syntax.symbols import Definition, Source

# A file of at most so many lines is shown whole.
SMALL_FILE_LINES: Final = 60
# Of a function at most so many lines beside those of the hunk; tried in this order until the budget holds.
FUNCTION_LINES: Final = (60, 30, 15, 6, 0)
LEAST_AROUND: Final = 400
SHARE_AROUND: Final = 0.5
# Lines of data say nothing to a reader: a longer line is cut where it is only shown around a change.
LINE_CHARS: Final = 300
# A gap of so few lines costs as much as the line that would stand for it.
SMALL_GAP: Final = 2
SURROUNDS: Final = "the function around a change"

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The lines of the head to show of each path, as ordered spans, 1-based and inclusive; `text` holds them.

    A path that is not in `spans` is shown by its hunks alone.
    """

    spans: Mapping[str, tuple[Span, ...]]
    text: Mapping[str, Sequence[str]]

    def of(self, path: str) -> tuple[Span, ...]:
        """Return the spans of a path."""
        return self.spans.get(path, ())

    def lines_of(self, path: str) -> list[str]:
        """Return the shown lines of a path, without their numbers."""
        lines = self.text.get(path, ())
        return [line for first, last in self.of(path) for line in lines[first - 1 : last]]

    def beside(self, hunks: Sequence[Hunk]) -> tuple[ContextItem, ...]:
        """Return the shown lines that are none of the hunks' own, as context with no text of its own."""
        items: list[ContextItem] = []
        for path, spans in self.spans.items():
            own = {line.new_no for hunk in hunks if hunk.path == path for line in hunk.lines}
            for first, last in spans:
                runs = groupby(range(first, last + 1), key=lambda number: number in own)
                for numbers in (list(group) for is_own, group in runs if not is_own):
                    items.append(
                        ContextItem(path, numbers[0], numbers[-1], "", ContextKind.SURROUNDINGS, SURROUNDS, 0)
                    )
        return tuple(items)


NOTHING_AROUND: Final = Surroundings({}, {})


def around_budget(diff_tokens: int) -> int:
    """Return how many tokens the lines around a diff may cost: half the diff's, `LEAST_AROUND` at least."""
    return max(LEAST_AROUND, round(diff_tokens * SHARE_AROUND))


def surroundings(
    hunks: Iterable[Hunk], sources: Mapping[str, Source], *, budget: int, count: Callable[[str], int]
) -> Surroundings:
    """Choose what to show around hunks, within `budget` tokens beside the hunks' own lines.

    Small files come whole while the budget holds; then each function gets as many lines as fit for all.
    """
    by_path: dict[str, list[Hunk]] = {}
    for hunk in hunks:
        by_path.setdefault(hunk.path, []).append(hunk)
    found = Surroundings({}, {})
    for most in FUNCTION_LINES:
        spans = {
            path: spans_of_file(items, sources[path], most)
            for path, items in by_path.items()
            if path in sources and sources[path].lines
        }
        text = {path: sources[path].lines for path in spans}
        found = Surroundings({path: shown for path, shown in spans.items() if shown}, text)
        if _cost(found, by_path, count) <= budget:
            return found
    return NOTHING_AROUND


def spans_of_file(hunks: Sequence[Hunk], source: Source, most: int) -> tuple[Span, ...]:
    """Return the spans of a file to show, the hunks' own lines included; `most` lines around each hunk."""
    total = len(source.lines) - (not source.lines[-1])
    if most and total <= SMALL_FILE_LINES:
        return ((1, total),) if total else ()
    spans: list[Span] = []
    for hunk in hunks:
        own = _own_lines(hunk)
        spans.append(own)
        if most:
            spans += _around(own, _changed_lines(hunk), source, most)
    return _joined(spans, total)


def _around(own: Span, changed: Sequence[int], source: Source, most: int) -> list[Span]:
    """Return the lines of the functions that a hunk changes, the far ones left out."""
    spans: list[Span] = []
    seen: set[tuple[int, int]] = set()
    for line in changed:
        function = next((item for item in source.enclosing(line, line) if not item.members), None)
        if function is None or (function.start, function.end) in seen:
            continue
        seen.add((function.start, function.end))
        spans += _within(function, own, most)
    return spans


def _within(function: Definition, own: Span, most: int) -> list[Span]:
    first, last = max(own[0], function.start), min(own[1], function.end)
    outside = (first - function.start) + (function.end - last)
    if outside <= most:
        return [(function.start, function.end)]
    signature = (function.line, max(function.line, min(function.signature_end, function.line + 3)))
    left = max(0, most - (signature[1] - signature[0] + 1))
    # As many lines on both sides, more on one where the other has fewer.
    above = min(first - function.start, max(left // 2, left - (function.end - last)))
    below = min(function.end - last, left - above)
    return [signature, (first - above, last + below)]


def _own_lines(hunk: Hunk) -> Span:
    first = max(1, hunk.new_start)
    return first, max(first, hunk.new_start + hunk.new_length - 1)


def _changed_lines(hunk: Hunk) -> list[int]:
    """Return the lines of the head that a hunk changes; a removed line stands for the one that took its place."""
    lines: list[int] = []
    at = hunk.new_start
    for line in hunk.lines:
        if line.new_no is not None:
            at = line.new_no
        if line.kind is not LineKind.CONTEXT:
            lines.append(at)
    return sorted(set(lines))


def _joined(spans: Iterable[Span], total: int) -> tuple[Span, ...]:
    out: list[Span] = []
    inside = sorted((max(1, first), min(last, total)) for first, last in spans)
    for first, last in inside:
        if last < first:
            continue
        if out and first <= out[-1][1] + SMALL_GAP + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return tuple(out)


def _cost(found: Surroundings, by_path: Mapping[str, Sequence[Hunk]], count: Callable[[str], int]) -> int:
    """Return about how many tokens the lines cost that the hunks do not show themselves."""
    shown: list[str] = []
    for path, spans in found.spans.items():
        own = {line.new_no for hunk in by_path[path] for line in hunk.lines}
        lines = found.text[path]
        shown += [
            f"{number}  {lines[number - 1][:LINE_CHARS]}"
            for first, last in spans
            for number in range(first, last + 1)
            if number not in own
        ]
    return count("\n".join(shown))
