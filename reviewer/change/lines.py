r"""Lines as git, GitHub and a diff count them: a line ends at `\n`, and at nothing else.

`str.splitlines` also ends lines at form feeds, vertical tabs, U+2028 and a bare `\r`: counted so, a replacement
lands on the wrong line.
"""

from __future__ import annotations


def split_lines(text: str) -> list[str]:
    r"""Return the lines of a text without their ends; a `\r` before the `\n` is part of the end."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def replace_lines(source: bytes, first: int, last: int, text: str) -> bytes:
    r"""Return the file with lines `first`..`last` (1-based, inclusive) replaced by those of `text`.

    The new lines get the line end of the first one that is replaced; a last line without `\n` stays without.
    Raises ValueError where the file has no such lines.
    """
    lines = source.split(b"\n")
    count = len(lines) - (lines[-1] == b"")
    if not 1 <= first <= last <= count:
        raise ValueError(f"lines {first} to {last} are not in a text of {count} lines")
    ending = b"\r" if lines[first - 1].endswith(b"\r") else b""
    fresh = [line.encode("utf-8", "surrogateescape") + ending for line in text.split("\n")]
    if last == len(lines) and ending:
        fresh[-1] = fresh[-1].removesuffix(ending)
    return b"\n".join((*lines[: first - 1], *fresh, *lines[last:]))
