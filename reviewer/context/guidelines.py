"""Guidelines: what a repository's own REVIEW.md and AGENTS.md ask of a change, nearest folder first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from reviewer.context.folders import folder_of
from reviewer.context.model import ContextItem, ContextKind
from reviewer.context.sections import Section, names_of, sections_of, worth
from reviewer.git.limits import Limit, LimitsReached
from reviewer.git.snapshot import Snapshot

NAMES: Final = ("REVIEW.md", "AGENTS.md")
FILE_CHARS: Final = 40_000
FILES: Final = 6
# Guidelines stand in every prompt of a change, so they get about what a unit's context gets, and no less than this.
# In steps of it, because another choice of sections is another context: results bought before would not be reused.
STEP: Final = 400
# A REVIEW.md is written for reviewers; no heading of an AGENTS.md outweighs that.
_FOR_REVIEWERS: Final = 10
_LEFT_OUT: Final = "…"
# What a mark and two line ends cost at most.
_GAP: Final = 4


def guideline_budget(context_budget: int) -> int:
    """Return how many tokens of guidelines go with that much context: as many, in whole steps, at least one."""
    return max(1, -(-context_budget // STEP)) * STEP


def guidelines_for(
    paths: Sequence[str],
    base: Snapshot | None,
    *,
    budget: int,
    count: Callable[[str], int],
    limits: LimitsReached | None = None,
) -> tuple[ContextItem, ...]:
    """Return the guideline files of the changed paths' folders and their parents, deepest folder first.

    They are read at the base commit, so that a change cannot rewrite the rules it is reviewed by; without a base
    there are none. At most FILES files, of each FILE_CHARS characters, and of these together `budget` tokens as
    `count` counts: the sections that say most about the change. `limits` is told where that bites.
    """
    if base is None:
        return ()
    entries = base.entries()
    folders = {folder for path in paths for folder in _folders(path)}
    found = [
        f"{folder}/{name}" if folder else name
        for folder in sorted(folders, key=lambda folder: (-folder.count("/") - bool(folder), folder))
        for name in NAMES
        if (f"{folder}/{name}" if folder else name) in entries
    ]
    limits = limits or LimitsReached()
    limits.note(Limit.GUIDELINE_FILES, FILES, len(found) - FILES)
    contents = base.read_many(found[:FILES])
    files = []
    for path in found[:FILES]:
        text = contents.get(path, b"").decode("utf-8", "replace").strip()
        if text:
            limits.note(Limit.GUIDELINE_CHARS, FILE_CHARS, len(text) - FILE_CHARS, where=path)
            files.append(_File(path, sections_of(text[:FILE_CHARS].rstrip())))
    _choose(files, names_of(paths), budget, count)
    items = []
    for file in files:
        text = file.shown()
        tokens = count(text)
        whole = "\n".join(section.text for section in file.sections)
        if text != whole:
            # The marks of gaps may cost as much as the gaps.
            limits.note(Limit.GUIDELINE_TOKENS, budget, max(1, count(whole) - tokens), where=file.path)
        if text:
            items.append(_item(file, text, tokens))
    return tuple(items)


@dataclass(slots=True)
class _File:
    """A guideline file, the numbers of the sections to show, and the first lines of one that is shown in part."""

    path: str
    sections: tuple[Section, ...]
    chosen: set[int] = field(default_factory=set)
    part: tuple[int, str] | None = None

    def shown(self) -> str:
        """Return what is shown, with a mark for each gap; "" where that is nothing."""
        if len(self.chosen) == len(self.sections):
            return "\n".join(section.text for section in self.sections)
        if not self.chosen and self.part is None:
            return ""
        parts: list[str] = []
        for number, section in enumerate(self.sections):
            if number in self.chosen:
                parts.append(section.text.strip("\n"))
                continue
            if self.part is not None and self.part[0] == number:
                parts.append(self.part[1])
            if parts[-1:] != [_LEFT_OUT]:
                parts.append(_LEFT_OUT)
        return "\n".join(parts)

    def with_headings(self, number: int) -> set[int]:
        """Return a section and those headings above it that have nothing of their own under them."""
        own = self.sections[number].headings
        above = {
            place
            for place, section in enumerate(self.sections[:number])
            if section.empty and section.headings == own[: len(section.headings)]
        }
        return (above | {number}) - self.chosen


def _choose(files: Sequence[_File], names: frozenset[str], budget: int, count: Callable[[str], int]) -> None:
    """Choose what fits: everything, or the sections that are worth most, of nearer files and upper places first."""

    def fits() -> bool:
        return sum(count(file.shown()) for file in files) <= budget

    for file in files:
        file.chosen = set(range(len(file.sections)))
    if fits():
        return
    order = []
    for place, file in enumerate(files):
        file.chosen = set()
        extra = _FOR_REVIEWERS * file.path.endswith(NAMES[0])
        valued = ((worth(section, names) + extra, number) for number, section in enumerate(file.sections))
        order += [(-value, place, number) for value, number in valued if value >= 0]
    left = budget
    taken: list[tuple[_File, set[int]]] = []
    for _value, place, number in sorted(order):
        file = files[place]
        more = set() if file.sections[number].empty else file.with_headings(number)
        # With its line end and the mark of a gap; to count all that is shown again for each would take seconds.
        cost = sum(count(file.sections[each].text) + _GAP for each in more)
        if cost <= left:
            left -= cost
            file.chosen |= more
            taken.append((file, more))
        elif not taken:
            # The best is shown in part rather than not at all: a file of one section is all that there is.
            _show_part(file, number, fits)
            left -= count(file.shown())
            taken.append((file, set()))
    while taken and not fits():
        file, more = taken.pop()
        file.chosen -= more


def _show_part(file: _File, number: int, fits: Callable[[], bool]) -> None:
    """Show as many first lines of a section as fit, the section where that is all of them."""
    lines = file.sections[number].text.split("\n")
    low, high = 0, len(lines)
    while low < high:
        middle = (low + high + 1) // 2
        file.part = (number, "\n".join(lines[:middle]))
        low, high = (middle, high) if fits() else (low, middle - 1)
    file.part = (number, "\n".join(lines[:low])) if 0 < low < len(lines) else None
    if low == len(lines):
        file.chosen.add(number)


def _item(file: _File, text: str, tokens: int) -> ContextItem:
    folder = folder_of(file.path) or "the whole repository"
    some = f", {len(file.chosen) + (file.part is not None)} of {len(file.sections)} sections"
    complete = len(file.chosen) == len(file.sections)
    return ContextItem(
        path=file.path,
        start_line=1,
        end_line=file.sections[-1].last,
        text=text,
        kind=ContextKind.GUIDELINE,
        reason=f"guidelines for {folder}, as of the base commit{'' if complete else some}",
        tokens=tokens,
    )


def _folders(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(len(parts), -1, -1)]
