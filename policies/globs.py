"""Match paths against glob patterns in gitignore's language, in time that grows with pattern times path.

Language: https://git-scm.com/docs/gitignore#_pattern_format

A pattern becomes a regular expression that cannot backtrack without end, by its structure. Within a name the text
between two stars is searched from the left and kept where it is first found (an atomic group). That is correct
because an earlier end leaves the most for the rest; the text after the last star must end where the name ends.
The names between two `**` are searched in the same way, name by name. So no group is entered a second time from
the same place, and the cost is at most the length of the pattern times the length of the path.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

MAX_PATTERN_CHARACTERS: Final = 512

_ANYTHING: Final = "[^/]"
_NOTHING: Final = "(?!)"
_END_OF_NAME: Final = r"(?=/|\Z)"
_FOLDERS: Final = "(?:[^/]++/)*"
# Inside a token list: `*`, any run of stars, and `/` between names; everything else is one character's expression.
_STAR: Final = "*"
_SLASH: Final = "/"
_CLASSES: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class GlobInvalid(ValueError):
    """A pattern that cannot be used; the text says which and why."""


def check_glob(pattern: str) -> str:
    """Return the pattern; GlobInvalid where it is empty, too long, negated or not a gitignore pattern."""
    if not pattern.strip():
        raise GlobInvalid("a path pattern is empty; write a glob such as docs/**")
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise GlobInvalid(f"a path pattern has more than {MAX_PATTERN_CHARACTERS} characters")
    if pattern.startswith("!"):
        raise GlobInvalid(f"{pattern!r}: negation is not supported here; use `include` and `exclude`")
    if pattern.startswith("#"):
        raise GlobInvalid(f"{pattern!r} matches nothing (a comment); write \\# for a name that begins with #")
    if compile_glob(pattern) is None:
        raise GlobInvalid(
            f"{pattern!r} is not a glob pattern: a bracket or a backslash has no end, or a / has no name"
        )
    return pattern


def matching(path: str, patterns: Sequence[str]) -> str | None:
    """Return the last pattern that matches the path (or a folder above it), None where none does."""
    for pattern in reversed(patterns):
        expression = compile_glob(pattern)
        if expression is not None and expression.match(path):
            return pattern
    return None


@lru_cache(maxsize=8192)
def compile_glob(pattern: str, *, exact: bool = False) -> re.Pattern[str] | None:
    """Compile a pattern to an expression for `match`, None for one that can match nothing.

    Without `exact` the expression also matches a path below a folder that the pattern matches, as in .gitignore.
    With `exact` it matches the path alone, as in .gitattributes, where a pattern for folders matches no file.
    """
    text = _without_trailing_blanks(pattern)
    tokens = _tokens(text)
    if not tokens:
        return None
    folder_only = tokens[-1] == _SLASH
    if folder_only:
        tokens = tokens[:-1]
    # Any slash but one at the end ties a pattern to its folder, for git also one inside brackets.
    anchored = "/" in text[:-1]
    names = _split(tokens[1:] if tokens[:1] == [_SLASH] else tokens)
    if not all(names) or (exact and folder_only):
        return None
    if not anchored:
        names = [[_STAR, _STAR], *([[_STAR]] if _is_globstar(names[0]) else names)]
    inside = "/" if folder_only else _END_OF_NAME
    end = r"\Z" if exact else inside
    return re.compile(_expression(names, end, exact=exact), re.DOTALL)


def _expression(names: list[list[str]], end: str, *, exact: bool) -> str:
    """Return the expression of a list of names, in which `**` stands for any number of folders."""
    blocks: list[list[str]] = [[]]
    for name in names:
        if _is_globstar(name):
            blocks.append([])
        else:
            blocks[-1].append(_name(name))
    first, rest = blocks[0], blocks[1:]
    if not rest:
        return "/".join(first) + end
    parts = ["".join(f"{name}/" for name in first)]
    *middle, last = rest
    parts += [f"(?>{_FOLDERS}?{''.join(f'{name}/' for name in block)})" for block in middle if block]
    if not last:
        # A `**` at the end stands for everything inside, so one more name is needed.
        parts.append(f"{_ANYTHING}.*{end}" if exact else f"{_ANYTHING}++{end}")
    elif exact:
        # How many names the last block has is fixed, so only one number of folders before it can reach the end.
        parts.append(f"{_FOLDERS}{'/'.join(last)}{end}")
    else:
        parts.append(f"(?>{_FOLDERS}?{'/'.join(last)}{end})")
    return "".join(parts)


def _name(tokens: list[str]) -> str:
    """Return the expression of one name: no text after a star is searched for twice."""
    pieces: list[list[str]] = [[]]
    for token in tokens:
        if token != _STAR:
            pieces[-1].append(token)
        elif pieces[-1] or len(pieces) == 1:
            pieces.append([])
    first, *rest = ("".join(piece) for piece in pieces)
    if not rest:
        return first
    *middle, last = rest
    searched = "".join(f"(?>{_ANYTHING}*?{piece})" for piece in middle)
    return first + searched + (f"(?>{_ANYTHING}*{last}{_END_OF_NAME})" if last else f"{_ANYTHING}*+")


def _is_globstar(name: list[str]) -> bool:
    return len(name) > 1 and all(token == _STAR for token in name)


def _split(tokens: list[str]) -> list[list[str]]:
    names: list[list[str]] = [[]]
    for token in tokens:
        if token == _SLASH:
            names.append([])
        else:
            names[-1].append(token)
    return names


def _without_trailing_blanks(pattern: str) -> str:
    stripped = pattern.rstrip(" ")
    escapes = len(stripped) - len(stripped.rstrip("\\"))
    # A backslash keeps the blank that follows it.
    return pattern[: len(stripped) + 1] if escapes % 2 and len(stripped) < len(pattern) else stripped


def _tokens(pattern: str) -> list[str]:
    """Split a pattern into stars, slashes and expressions of one character; empty where git would match nothing."""
    tokens: list[str] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character in (_STAR, _SLASH):
            tokens.append(character)
        elif character == "?":
            tokens.append(_ANYTHING)
        elif character == "[":
            found, at = _bracket(pattern, at)
            if not found:
                return []
            tokens.append(found)
        elif character == "\\":
            if at == len(pattern):
                return []
            tokens.append(re.escape(pattern[at]) if pattern[at] != "/" else _SLASH)
            at += 1
        else:
            tokens.append(re.escape(character))
    return tokens


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """Read a bracket expression that begins before `at`; return it, "" where it is malformed, and where it ends."""
    negated = pattern[at : at + 1] in ("!", "^")
    at += negated
    start = at
    items: list[str] = []
    while at < len(pattern) and (pattern[at] != "]" or at == start):
        named = re.match(r"\[:(\w*):\]", pattern[at:])
        if named:
            if named.group(1) not in _CLASSES:
                return "", at
            items.append(_CLASSES[named.group(1)])
            at += named.end()
            continue
        low, at = _member(pattern, at)
        high = low
        if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in ("]", ""):
            high, at = _member(pattern, at + 1)
        if low <= high:
            items.append(f"{re.escape(low)}-{re.escape(high)}" if low != high else re.escape(low))
    if at >= len(pattern):
        return "", at
    inside = "".join(items)
    if not inside:
        return (_ANYTHING if negated else _NOTHING), at + 1
    return f"(?!/)[{'^' if negated else ''}{inside}]", at + 1


def _member(pattern: str, at: int) -> tuple[str, int]:
    """Read one character of a bracket expression, taking away the backslash before it."""
    if pattern[at] == "\\" and at + 1 < len(pattern):
        at += 1
    return pattern[at], at + 1
