"""Which lines of code are remarks: what a comment or a docstring claims is no proof of what the code does. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

_WHOLE: Final = re.compile(
    r"#(?!\s*(?:include|define|ifn?def|if|elif|else|endif|undef|pragma|error)\b|!)"
    r"|//|/\*|\*(?:\s|/|$)|--\s|;;|%\s|<!--|@?rem\b|\"\"\"|'''",
    re.IGNORECASE,
)
_TRAILING: Final = re.compile(r"\s(?:#|//|--|/\*)\s?\S")
_TEXT_ALONE: Final = re.compile(r"[rbfu]{0,2}(\"[^\"]*\"|'[^']*')[,;]?", re.IGNORECASE)
# Hunks, files and snippets begin anew: what was left open above says nothing about them. So it is after LONGEST
# lines, since the lines of a diff are not those of one file.
_SECTIONS: Final = ("@@", "###", "<diff ", "</diff ", "<context ", "</context ")
LONGEST: Final = 40
_DOCSTRING: Final = re.compile(r"\"\"\"|'''")


def remarks(lines: Iterable[str]) -> Iterator[bool]:
    """Tell of each of consecutive lines whether it is, or carries, a remark: a comment, a docstring, text alone."""
    inside = ""
    since = 0
    for line in lines:
        bare = line.strip()
        if since >= LONGEST or bare.startswith(_SECTIONS):
            inside = ""
        told = bool(inside) or is_remark(bare)
        inside = _still_inside(bare, inside)
        since = since + 1 if inside else 0
        yield told


def is_remark(line: str) -> bool:
    """Tell whether a line by itself is a comment, ends in one, or is nothing but text in quotes."""
    bare = line.strip()
    return bool(_WHOLE.match(bare) or _TRAILING.search(bare) or _TEXT_ALONE.fullmatch(bare))


def _still_inside(line: str, inside: str) -> str:
    """Return the mark that ends the comment or docstring that a line leaves open, "" for none."""
    if inside in ("*/", "-->"):
        return "" if inside in line else inside
    for mark in _DOCSTRING.findall(line):
        inside = "" if inside == mark else (inside or mark)
    if inside:
        return inside
    for opening, closing in (("/*", "*/"), ("<!--", "-->")):
        at = line.rfind(opening)
        if at >= 0 and closing not in line[at:]:
            return closing
    return ""
