"""Glob patterns in gitignore's language, compiled once and asked many times."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

MAX_PATTERN_CHARACTERS = 512
MAX_PATTERN_STARS = 12


class GlobInvalid(ValueError):
    """A pattern that cannot be used; the text says which and why."""


def check_glob(pattern: str) -> str:
    """Return the pattern; GlobInvalid where it is empty, too long or not a gitignore pattern.

    Long runs of wildcards are refused because they make the regular expression behind them backtrack.
    Language: https://git-scm.com/docs/gitignore#_pattern_format
    """
    if not pattern.strip():
        raise GlobInvalid("a path pattern is empty; write a glob such as docs/**")
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise GlobInvalid(f"a path pattern has more than {MAX_PATTERN_CHARACTERS} characters")
    if pattern.count("*") > MAX_PATTERN_STARS:
        raise GlobInvalid(f"{pattern!r} has more than {MAX_PATTERN_STARS} wildcards")
    if pattern.startswith("!"):
        raise GlobInvalid(f"{pattern!r}: negation is not supported here; use `include` and `exclude`")
    try:
        compiled = GitIgnoreSpecPattern(pattern)
    except ValueError as error:
        raise GlobInvalid(f"{pattern!r} is not a glob pattern: {error}") from None
    if compiled.include is None:
        raise GlobInvalid(f"{pattern!r} matches nothing (a comment or a blank); write a glob such as docs/**")
    return pattern


@lru_cache(maxsize=512)
def _spec(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(patterns)


def matching(path: str, patterns: Sequence[str]) -> str | None:
    """Return the last pattern that matches the path (or a folder above it), None where none does."""
    if not patterns:
        return None
    as_tuple = tuple(patterns)
    result = _spec(as_tuple).check_file(path)
    if not result.include or result.index is None:
        return None
    return as_tuple[result.index]
