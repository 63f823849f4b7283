"""Split a Markdown file by its headings, and rate how much each section says to a reviewer of a change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reviewer.syntax.languages import language_of

_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)$")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
# Words of headings over rules for code, and of headings over how to work in the repository.
_REVIEWS: Final = re.compile(
    r"review|styl|convention|guideline|idiom|pattern|princip|quality|test|spec|secur|pitfall|gotcha|mistake|avoid"
    r"|trap|rule|\bcode\b|coding|compat|error|perform|nam(?:e|ing)\b|concurren|before you|when (?:adding|changing)",
    re.IGNORECASE,
)
_WORKS: Final = re.compile(
    r"build|command|layout|structure|overview|mission|releas|changelog|commit|pull request|\bPRs?\b|branch"
    r"|contribut|disclos|install|set-?up|resource|reference|reading|debug|\bCI\b|\bgit\b|workflow|licen[cs]e|issues?\b",
    re.IGNORECASE,
)
# Names of folders that say nothing about which part of a project is meant.
_GENERAL: Final = frozenset(
    {"internal", "main", "core", "common", "source", "package", "packages", "test", "tests"}
)
_SHORTEST: Final = 4


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with the lines up to the next one. `headings` is its own after those above it, none at the top.

    `first` and `last` are 1-based and inclusive.
    """

    headings: tuple[str, ...]
    first: int
    last: int
    text: str

    @property
    def empty(self) -> bool:
        """True for a heading with nothing of its own under it."""
        return bool(self.headings) and "\n" not in self.text.strip()


def sections_of(text: str) -> tuple[Section, ...]:
    """Return the sections of a Markdown text in order; their texts, joined by line ends, are the text again.

    A `#` in a fenced block is no heading.
    """
    lines = text.split("\n")
    starts: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    above: list[tuple[int, str]] = []
    fence = ""
    for number, line in enumerate(lines):
        mark = _FENCE.match(line)
        if mark:
            fence = mark[1] if not fence else "" if mark[1].startswith(fence) else fence
        heading = None if fence else _HEADING.match(line)
        if heading:
            above = [entry for entry in above if entry[0] < len(heading[1])]
            above.append((len(heading[1]), heading[2].rstrip(" \t#")))
            starts.append((number, tuple(name for _level, name in above)))
    ends = [start for start, _ in starts[1:]] + [len(lines)]
    return tuple(
        Section(headings, start + 1, end, "\n".join(lines[start:end]))
        for (start, headings), end in zip(starts, ends, strict=True)
        if end > start
    )


def names_of(paths: Iterable[str]) -> frozenset[str]:
    """Return the words by which a text could mean these files, in lower case: their folders and languages."""
    names: set[str] = set()
    for path in paths:
        names.update(part.lower() for part in path.split("/")[:-1] if len(part) >= _SHORTEST)
        language = language_of(path)
        if language is not None:
            names.add(language.name.lower())
    return frozenset(names - _GENERAL)


def worth(section: Section, names: frozenset[str]) -> int:
    """Return how much a section should say to a reviewer of files with these names; 0 where that is unknown.

    Less than 0 where it is about something else: how to build, to commit, to find one's way.
    """
    own, above = section.headings[-1:], section.headings[1:-1]
    value = 2 * _judged(own) + _judged(above)
    value += 2 * _named(" ".join(own), names)
    return value + _named(section.text, names)


def _judged(headings: Sequence[str]) -> int:
    text = " ".join(headings)
    return (_REVIEWS.search(text) is not None) - (_WORKS.search(text) is not None)


def _named(text: str, names: frozenset[str]) -> bool:
    return not names.isdisjoint(re.findall(r"[\w.+#-]+", text.lower()))
