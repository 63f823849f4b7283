"""ChangeText: what the changed lines of a whole change say: their names, weighed, and the lines themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from reviewer.change.model import Hunk, LineKind
from reviewer.context.words import worth_looking_up
from reviewer.git.limits import Limit, LimitsReached
from reviewer.syntax.uses import uses_in_lines

WORDS_OF_CHANGE: Final = 250
LINES_READ: Final = 20_000
# A shorter line (`return None`, `});`) stands everywhere.
_LINE_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class ChangeText:
    """`words` are identifiers of the changed lines with their weights, `several` those of more than one file; the
    lines, without their margins, are those that only went, that came, and that stand around.
    """

    words: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    several: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    around: frozenset[str] = frozenset()


def change_text(hunks: Sequence[Hunk], limits: LimitsReached) -> ChangeText:
    """Read the changed lines of a whole change, at most LINES_READ; of its identifiers the heaviest are kept."""
    seen: dict[str, set[str]] = {}
    weights: dict[str, float] = {}
    texts: dict[LineKind, set[str]] = {kind: set() for kind in LineKind}
    read = 0
    for hunk in hunks:
        lines = [line for line in hunk.lines if line.kind is not LineKind.CONTEXT]
        if read + len(lines) > LINES_READ:
            left = sum(len(hunk.added) + len(hunk.removed) for hunk in hunks) - read
            limits.note(Limit.CHANGE_LINES, LINES_READ, left)
            break
        read += len(lines)
        for use in uses_in_lines([(line.new_no or line.old_no or 0, line.text) for line in lines]):
            if worth_looking_up(use.name):
                seen.setdefault(use.name, set()).add(hunk.path)
                weights[use.name] = max(weights.get(use.name, 0.0), 1.0 + 0.3 * use.role)
        for line in hunk.lines:
            texts[line.kind].add(line.text.strip())
    # A name in several of the changed files is what ties them together.
    for name, paths in seen.items():
        weights[name] *= 1 + 0.5 * min(3, len(paths) - 1)
    best = sorted(weights, key=lambda name: (-weights[name] * min(len(name), 20), name))
    limits.note(Limit.CHANGE_NAMES, WORDS_OF_CHANGE, len(best) - WORDS_OF_CHANGE)
    words = {name: weights[name] for name in best[:WORDS_OF_CHANGE]}
    several = frozenset(name for name in words if len(seen[name]) > 1)
    removed, added, around = (
        frozenset(text for text in texts[kind] if len(text) >= _LINE_LENGTH)
        for kind in (LineKind.REMOVED, LineKind.ADDED, LineKind.CONTEXT)
    )
    return ChangeText(words, several, removed - added, added, around)
