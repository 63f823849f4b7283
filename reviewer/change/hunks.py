"""Hunk bodies: from the lines under an `@@` header to a Hunk, in one pass."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from reviewer.change.model import Hunk, Line, LineKind
from reviewer.errors import DiffUnreadable

# At most ten digits: a longer "number" is hostile, and int() on thousands of digits is slow.
HEADER = re.compile(r"@@ -(\d{1,10})(?:,(\d{1,10}))? \+(\d{1,10})(?:,(\d{1,10}))? @@(.*)", re.DOTALL)


def read_hunk(lines: Sequence[str], position: int, path: str) -> tuple[Hunk, int]:
    """Read the hunk whose `@@` header is at `position` (0-based); return it and the position after it.

    The lengths in the header decide where it ends. Raises DiffUnreadable where the body does not keep them.
    """
    header = HEADER.match(lines[position])
    if header is None:
        raise DiffUnreadable(
            f"line {position + 1} is not a hunk header: {lines[position][:100]!r}", line_no=position + 1
        )
    old_start, new_start = int(header[1]), int(header[3])
    old_length = 1 if header[2] is None else int(header[2])
    new_length = 1 if header[4] is None else int(header[4])
    body, position = _read_body(lines, position + 1, (old_start, old_length), (new_start, new_length), path)
    hunk = Hunk(path, old_start, old_length, new_start, new_length, header[5].strip(), body)
    return hunk, position


def _read_body(
    lines: Sequence[str], position: int, old: tuple[int, int], new: tuple[int, int], path: str
) -> tuple[tuple[Line, ...], int]:
    first, total = position, len(lines)
    old_no, new_no = old[0], new[0]
    old_end, new_end = old_no + old[1], new_no + new[1]
    context, added, removed = LineKind.CONTEXT, LineKind.ADDED, LineKind.REMOVED
    body: list[Line] = []
    append = body.append
    while old_no < old_end or new_no < new_end:
        if position >= total:
            raise _cut(path, first, position)
        text = lines[position]
        position += 1
        crlf = text[-1:] == "\r"
        if crlf:
            text = text[:-1]
        marker = text[:1]
        if marker == "+":
            append(Line(None, new_no, added, text[1:], False, crlf))  # noqa: FBT003 - keywords cost a tenth here
            new_no += 1
        elif marker == "-":
            append(Line(old_no, None, removed, text[1:], False, crlf))  # noqa: FBT003
            old_no += 1
        elif marker in (" ", ""):  # mailers and editors strip the blank of an empty context line
            append(Line(old_no, new_no, context, text[1:], False, crlf))  # noqa: FBT003
            old_no += 1
            new_no += 1
        elif marker == "\\" and body:
            body[-1] = replace(body[-1], no_newline=True)
        else:
            raise _cut(path, first, position - 1)
        if old_no > old_end or new_no > new_end:
            raise DiffUnreadable(
                f"line {position}: the hunk of {path!r} at line {first} is longer than its header says",
                line_no=position,
            )
    if position < total and lines[position][:1] == "\\" and body:
        body[-1] = replace(body[-1], no_newline=True)
        position += 1
    return tuple(body), position


def _cut(path: str, header_line: int, position: int) -> DiffUnreadable:
    return DiffUnreadable(
        f"line {position + 1}: the hunk of {path!r} at line {header_line} ends before its header says;"
        " the diff was cut off, so fetch it again",
        line_no=position + 1,
    )
