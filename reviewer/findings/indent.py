"""The indentation of a suggestion: what the model most likely meant, from what it wrote and what the lines have."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from reviewer.findings.overlap import Neighbours

DEFAULT_UNIT: Final = 4
MAX_UNIT: Final = 8
# Lines around the replaced ones that tell how the file indents.
LOOK: Final = 200


def indents(new: Sequence[str], old: Sequence[str]) -> Iterator[list[str]]:
    """Return the lines with the indentations that may be meant, the likeliest first.

    The commonest slip is a text whose first line lost its indent, alone or with all others. Where the first line is
    indented, but not as the first replaced one, what is written goes first: it may be the point of the suggestion.
    """
    wanted, written = _first_indent(old), _first_indent(new)
    if written == wanted:
        yield list(new)
        return
    if written:
        yield list(new)
        yield _moved(new, written, wanted)
        return
    rest = [line for line in new[_first(new) + 1 :] if line.strip()]
    if rest and all(line.startswith(wanted) for line in rest):
        first = _first(new)
        yield [f"{wanted}{line}" if at == first else line for at, line in enumerate(new)]
    all_moved = [f"{wanted}{line}" if line.strip() else line for line in new]
    yield all_moved
    if [line.rstrip() for line in all_moved] != [line.rstrip() for line in old]:
        yield list(new)


def in_files_indent(new: Sequence[str], old: Sequence[str], around: Neighbours) -> list[str]:
    """Return the lines with tabs where the replaced ones have tabs, and blanks where they have blanks."""
    leads = {_indent(line)[:1] for line in old if line.strip()} - {""}
    if leads == {"\t"} and all(set(_indent(line)) <= {" "} for line in new):
        unit = min((len(_indent(line)) for line in new if _indent(line) and line.strip()), default=DEFAULT_UNIT)
        return [_with_tabs(line, unit) for line in new]
    if leads == {" "} and any("\t" in _indent(line) for line in new):
        unit = _unit((*around.above[-LOOK:], *old, *around.below[:LOOK]))
        return [_indent(line).replace("\t", " " * unit) + line.lstrip(" \t") for line in new]
    return list(new)


def _with_tabs(line: str, unit: int) -> str:
    blanks = len(_indent(line))
    return "\t" * (blanks // unit) + " " * (blanks % unit) + line.lstrip(" ")


def _unit(lines: Sequence[str]) -> int:
    """Return how many blanks one level of these lines has."""
    widths = sorted({len(_indent(line)) for line in lines if line.strip() and "\t" not in _indent(line)})
    steps = [later - earlier for earlier, later in itertools.pairwise(widths)]
    return min((step for step in steps if 2 <= step <= MAX_UNIT), default=DEFAULT_UNIT)


def _moved(lines: Sequence[str], written: str, wanted: str) -> list[str]:
    return [wanted + line.removeprefix(written) if line.startswith(written) else line for line in lines]


def _first(lines: Sequence[str]) -> int:
    return next((at for at, line in enumerate(lines) if line.strip()), 0)


def _first_indent(lines: Sequence[str]) -> str:
    return _indent(lines[_first(lines)]) if lines else ""


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
