"""Snippets: how a definition, or the code around a hunk, is shown: short first, whole where it fits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reviewer.syntax.symbols import Definition, Source

BODY_LINES: Final = 60
CLASS_LINES: Final = 24
OUTLINE_MEMBERS: Final = 40
AROUND_HUNK: Final = 6
LINE_CHARS: Final = 240
SIGNATURE_LINES: Final = 4
SIGNATURE_WORTH: Final = 0.45
# `type Order struct {`, `} order_t;`, half a signature: no more than the use said, and readers had no use for it.
STUB_WORTH: Final = 0.2
# Of a long type so many lines are its beginning.
TYPE_LINES: Final = 12
TYPE_WORTH: Final = 0.6
# Where a hunk is says little: the diff names its file, and often its function.
PLACE_WORTH: Final = 0.15
# A form worth less than this stands under no heading.
LEAST_WORTH: Final = 0.25
AROUND_WORTH: Final = 0.7
# A getter's body is its name once more.
ACCESSOR_WORTH: Final = 0.4
_ACCESSOR: Final = re.compile(r"(?:get|set|is|has)(?:_|[A-Z])")
_WORD: Final = re.compile(r"\w+")
# What stands around the name of a type without saying anything of it.
_PLAIN: Final = frozenset(
    (
        *(
            "class",
            "struct",
            "interface",
            "type",
            "enum",
            "union",
            "trait",
            "module",
            "record",
            "object",
            "namespace",
        ),
        *("pub", "public", "private", "protected", "internal", "export", "default", "static", "final", "abstract"),
        *("sealed", "open", "data", "declare", "typedef", "partial", "crate", "const"),
    )
)


@dataclass(frozen=True, slots=True)
class Snippet:
    """Lines of a file, some perhaps elided; `worth` is the share of the whole definition's value, 0 to 1.

    `spans` are the ranges of lines that the text really shows, where they are not all of `start`..`end`.
    """

    start: int
    end: int
    text: str
    worth: float
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def lines(self) -> set[int]:
        """The numbers of the lines that the text shows."""
        spans = self.spans or ((self.start, self.end),)
        return {number for first, last in spans for number in range(first, last + 1)}


def definition_snippets(source: Source, definition: Definition) -> list[Snippet]:
    """Return the ways to show a definition, shortest first: its signature with its doc, then its body.

    A long body is cut at BODY_LINES with a line that says which are left out; of a long class the body is the
    outline of its members. A form that says nothing but the name is worth next to nothing.
    """
    lines = source.lines
    length = definition.end - definition.start + 1
    whole = Snippet(definition.start, definition.end, _text(lines, definition.start, definition.end), 1.0)
    if length <= 4:
        return [whole if not _ACCESSOR.match(definition.name) else replace(whole, worth=ACCESSOR_WORTH)]
    head_end = max(definition.line, definition.signature_end)
    if head_end > definition.line and lines[head_end - 1].strip() == "{":
        head_end -= 1
    named = head_end if head_end - definition.line < SIGNATURE_LINES else definition.line
    text = _text(lines, definition.line, named)
    stub = named < head_end or _is_stub(text, definition)
    short = [Snippet(definition.line, named, text, STUB_WORTH if stub else SIGNATURE_WORTH)]
    signature = _text(lines, definition.start, head_end)
    if head_end > named or (definition.start < definition.line and not stub):
        short.append(Snippet(definition.start, head_end, signature, SIGNATURE_WORTH + 0.15))
    if stub and length > TYPE_LINES and not definition.members and named == head_end:
        first = definition.start + TYPE_LINES - 1
        begin = f"{_text(lines, definition.start, first)}\n… (lines {first + 1}-{definition.end} are left out)"
        short.append(Snippet(definition.start, first, begin, TYPE_WORTH))
    if definition.members and length > CLASS_LINES:
        return [*short, _outline(lines, definition, head_end, signature)]
    if length <= BODY_LINES:
        return [*short, whole]
    cut = definition.start + BODY_LINES - 1
    text = f"{_text(lines, definition.start, cut)}\n… (lines {cut + 1}-{definition.end} are left out)"
    return [*short, Snippet(definition.start, cut, text, 0.9)]


def enclosing_snippet(source: Source, hunk_lines: tuple[int, int]) -> Snippet | None:
    """Return the innermost function or class around a hunk, elided to its signatures and the lines near it.

    None where nothing encloses the hunk, or where the hunk already shows all of it.
    """
    first, last = hunk_lines
    around = source.enclosing(first, last) or source.enclosing(first + 3, max(first + 3, last - 3))
    if not around:
        return None
    inner = around[0]
    keep: set[int] = set()
    for item in around[:3]:
        keep.update(range(item.line, min(max(item.line, item.signature_end), item.line + 8) + 1))
    keep.update(range(max(inner.line, first - AROUND_HUNK), first))
    keep.update(range(last + 1, min(inner.end, last + AROUND_HUNK) + 1))
    keep.difference_update(range(first, last + 1))
    return _around(source, keep, inner, hunk_lines, AROUND_WORTH) if keep else None


def enclosing_snippets(source: Source, hunk_lines: tuple[int, int], header: str) -> list[Snippet]:
    """Return the ways to show what encloses a hunk, shortest first: where it is, `enclosing_snippet`, all of it.

    The short form is the line of the function and that of the class around it. A form is left out where the hunk,
    or the function's line in its header, says already what it would say.
    """
    near = enclosing_snippet(source, hunk_lines)
    if near is None:
        return []
    first, last = hunk_lines
    around = source.enclosing(first, last)[:2]
    named = sorted({item.line for item in around if not first <= item.line <= last})
    forms = []
    if not _says_nothing(source, named, header):
        forms.append(_elided(source.lines, named, near.start, near.end, PLACE_WORTH, hole=hunk_lines))
    if not _says_nothing(source, near.lines - set(named), header):
        forms.append(near)
    if around and (around[0].end - around[0].line) < BODY_LINES:
        inner = around[0]
        rest = set(range(inner.line, inner.end + 1)) - set(range(first, last + 1))
        if len(rest | near.lines) > len(near.lines) and not _says_nothing(source, rest, header):
            forms.append(_around(source, rest | near.lines, inner, hunk_lines, 1.0))
    return forms


def _around(
    source: Source, numbers: set[int], inner: Definition, hunk_lines: tuple[int, int], worth: float
) -> Snippet:
    return _elided(source.lines, sorted(numbers), inner.line, inner.end, worth, hole=hunk_lines)


def _says_nothing(source: Source, numbers: Iterable[int], header: str) -> bool:
    """Tell whether lines hold no word that a hunk's header does not show: braces, blanks, the function's own."""
    lines = (source.lines[number - 1].strip() for number in numbers)
    return all(line in header or not _WORD.search(line) for line in lines)


def _is_stub(text: str, definition: Definition) -> bool:
    """Tell whether the first lines of a type say no more than its name."""
    if definition.kind == "function":
        return False
    return not {word for word in _WORD.findall(text) if word != definition.name} - _PLAIN


def lines_snippet(source: Source, first: int, last: int, *, worth: float = 1.0) -> Snippet:
    """Return a range of lines, held to the file's own."""
    first, last = max(1, first), min(len(source.lines), last)
    return Snippet(first, last, _text(source.lines, first, last), worth)


def elided_snippet(source: Source, numbers: Sequence[int], first: int, last: int, *, worth: float = 1.0) -> Snippet:
    """Return some lines, in order, of the range `first`..`last`, with a mark where others are left out."""
    return _elided(source.lines, numbers, first, last, worth, hole=(0, 0))


def _outline(lines: Sequence[str], definition: Definition, head_end: int, signature: str) -> Snippet:
    shown, spans = [signature], [(definition.start, head_end)]
    for line, end in definition.members[:OUTLINE_MEMBERS]:
        if line > head_end:
            spans.append((line, min(end, line + 2)))
            shown.append(_text(lines, *spans[-1]))
    left = len(definition.members) - OUTLINE_MEMBERS
    shown.append(f"… ({left} more members)" if left > 0 else "… (bodies left out)")
    return Snippet(definition.start, definition.end, "\n".join(shown), 0.9, tuple(spans))


def _elided(
    lines: Sequence[str], numbers: Sequence[int], first: int, last: int, worth: float, *, hole: tuple[int, int]
) -> Snippet:
    shown: list[str] = []
    before = first - 1
    for number in numbers:
        if before < hole[0] <= number:
            shown.append("… (the hunk)")
        elif number > before + 1:
            shown.append("…")
        shown.append(_text(lines, number, number))
        before = max(number, hole[1]) if number >= hole[0] else number
    if before < hole[0]:
        shown.append("… (the hunk)")
        before = hole[1]
    if before < last:
        shown.append("…")
    return Snippet(first, last, "\n".join(shown), worth, tuple((number, number) for number in numbers))


def _text(lines: Sequence[str], first: int, last: int) -> str:
    return "\n".join(
        line if len(line) <= LINE_CHARS else f"{line[:LINE_CHARS]}…" for line in lines[first - 1 : last]
    )
