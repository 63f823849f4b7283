"""Needs: the names that a group of hunks uses, and how strongly it asks for each of their definitions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reviewer.change.model import Hunk, LineKind
from reviewer.context.sources import Sources
from reviewer.context.words import worth_looking_up
from reviewer.syntax.languages import language_of
from reviewer.syntax.uses import Role, Use, uses_in_lines

# An added line asks for what it uses; what stands beside it, or is gone, asks less.
REMOVED_WEIGHT: Final = 0.4
# What could be any word of a sentence names nothing there.
_PLAIN_WORD: Final = re.compile(r"[A-Z]?[a-z]+\Z|[A-Z]+\Z")
_KIND_WEIGHT: Final = {LineKind.ADDED: 1.0, LineKind.REMOVED: REMOVED_WEIGHT, LineKind.CONTEXT: 0.3}


@dataclass(frozen=True, slots=True)
class Need:
    """A name to look up. `weight` is 1 for a name on an added line, less elsewhere; `path`, `line` is one use."""

    name: str
    role: Role
    weight: float
    count: int
    path: str
    line: int


def needs_of(hunks: Sequence[Hunk], head: Sources) -> list[Need]:
    """Return what hunks use, most wanted first: by role, by the kind of line, then by how often.

    Names on lines of the head are read from its syntax trees, those on removed lines from their text.
    """
    gathered: dict[str, list[tuple[Use, float, str]]] = {}
    for hunk in hunks:
        prose = language_of(hunk.path) is None
        for use, weight in _uses(hunk, head):
            if worth_looking_up(use.name) and not (prose and _PLAIN_WORD.match(use.name)):
                gathered.setdefault(use.name, []).append((use, weight, hunk.path))
    needs = []
    for name, found in gathered.items():
        # A use in code says what language the definition is in; one in a change log does not.
        use, weight, path = max(found, key=lambda item: (item[1], language_of(item[2]) is not None, item[0].role))
        role = max(item[0].role for item in found if item[1] == weight)
        needs.append(Need(name, role, weight, len(found), path, use.line))
    return sorted(needs, key=lambda need: (-_rank(need), need.name))


def _rank(need: Need) -> float:
    return need.weight * (1 + need.role) + 0.1 * math.log1p(need.count) + min(len(need.name), 24) / 48


def _uses(hunk: Hunk, head: Sources) -> Iterable[tuple[Use, float]]:
    source = head.get(hunk.path)
    removed = [(line.old_no or 0, line.text) for line in hunk.lines if line.kind is LineKind.REMOVED]
    for use in uses_in_lines(removed):
        yield use, _KIND_WEIGHT[LineKind.REMOVED]
    for kind in (LineKind.ADDED, LineKind.CONTEXT):
        lines = [line for line in hunk.lines if line.kind is kind]
        if source is None:
            found = uses_in_lines([(line.new_no or 0, line.text) for line in lines])
        else:
            found = source.uses(_runs([line.new_no for line in lines if line.new_no is not None]))
        for use in found:
            yield use, _KIND_WEIGHT[kind]


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
