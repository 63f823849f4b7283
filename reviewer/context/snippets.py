"""Snippets: how a definition is shown: short first, whole where it fits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from reviewer.syntax.symbols import Definition, Source

BODY_LINES: Final = 60
CLASS_LINES: Final = 24
OUTLINE_MEMBERS: Final = 40
LINE_CHARS: Final = 240
SIGNATURE_LINES: Final = 4
SIGNATURE_WORTH: Final = 0.45
# `type Order struct {`, `} order_t;`, half a signature: no more than the use said, and readers had no use for it.
STUB_WORTH: Final = 0.2
# Of a long type so many lines are its beginning.
TYPE_LINES: Final = 12
TYPE_WORTH: Final = 0.6
# A form worth less than this stands under no heading.
LEAST_WORTH: Final = 0.25
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


def _is_stub(text: str, definition: Definition) -> bool:
    """Tell whether the first lines of a type say no more than its name."""
    if definition.kind == "function":
        return False
    return not {word for word in _WORD.findall(text) if word != definition.name} - _PLAIN


def lines_snippet(source: Source, first: int, last: int, *, worth: float = 1.0) -> Snippet:
    """Return a range of lines, held to the file's own."""
    first, last = max(1, first), min(len(source.lines), last)
    return Snippet(first, last, _text(source.lines, first, last), worth)


def _outline(lines: Sequence[str], definition: Definition, head_end: int, signature: str) -> Snippet:
    shown, spans = [signature], [(definition.start, head_end)]
    for line, end in definition.members[:OUTLINE_MEMBERS]:
        if line > head_end:
            spans.append((line, min(end, line + 2)))
            shown.append(_text(lines, *spans[-1]))
    left = len(definition.members) - OUTLINE_MEMBERS
    shown.append(f"… ({left} more members)" if left > 0 else "… (bodies left out)")
    return Snippet(definition.start, definition.end, "\n".join(shown), 0.9, tuple(spans))


def _text(lines: Sequence[str], first: int, last: int) -> str:
    return "\n".join(
        line if len(line) <= LINE_CHARS else f"{line[:LINE_CHARS]}…" for line in lines[first - 1 : last]
    )
