"""Old text: what of a definition differs from what it became, and the few lines that show it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final

from reviewer.context.snippets import Snippet, elided_snippet, lines_snippet
from reviewer.syntax.symbols import Definition, Source

# Lines of a definition that are compared, and lines of it that are shown.
COMPARED_LINES: Final = 300
SHOWN_LINES: Final = 24
# Two definitions of one name that share fewer of their lines are two, not one that moved.
LIKENESS: Final = 0.4
# What each is worth, set by hand: a share of the probability that the definition, as it is now, is what is meant.
SIGNATURE_SHARE: Final = 0.8
REWRITTEN_SHARE: Final = 0.25
# Of a definition that the reader's diff adds there is no doubt that it is meant.
MOVED_VALUE: Final = 0.35
UNCHANGED_VALUE: Final = 0.2
# A function that is shown in pieces is shown as it was only when it is short and at least this much of it is gone.
PIECES_LINES: Final = 40
PIECES_REMOVED: Final = 0.2
_COMMENTS: Final = ("# ", "//", "/*", "*/", "* ")


@dataclass(frozen=True, slots=True)
class Old:
    """A definition of the base that the change edits; `removed` are its lines that the change removes."""

    source: Source
    definition: Definition
    removed: frozenset[int]


@dataclass(frozen=True, slots=True)
class Now:
    """Where a definition is after the change; `in_sight` where the reader's diff adds it."""

    source: Source
    definition: Definition
    in_sight: bool = False


@dataclass(frozen=True, slots=True)
class OldText:
    """How to show an old definition: its worth, a note that ends its reason, and its forms, shortest first."""

    value: float
    note: str = ""
    forms: tuple[Snippet, ...] = ()


def moved_text(old: Old, now: Now) -> OldText:
    """Return the old text of a definition whose new one the reader's diff adds."""
    to = f"moved to {now.source.path}" if now.source.path != old.source.path else "moved"
    if _is_same_code(old, now):
        # Of code that was only moved one line says all.
        return OldText(UNCHANGED_VALUE, f" ({to}, unchanged)", (_signature(old, worth=1.0),))
    return OldText(MOVED_VALUE, f" ({to})", _forms(old, now, _differing_lines(old, now)))


def rewritten_text(old: Old, now: Now) -> OldText:
    """Return the old text of a definition whose new one is only used; its value is a share of that one's."""
    if _is_same_code(old, now):
        return OldText(0.0)
    moved = now.source.path != old.source.path
    forms = _forms(old, now, _differing_lines(old, now) if moved else old.removed)
    share = SIGNATURE_SHARE if _is_signed(old, now) else REWRITTEN_SHARE
    return OldText(share, f" (moved to {now.source.path})" if moved else "", forms)


def whole_text(old: Old, shown: frozenset[int]) -> Snippet | None:
    """Return all of a short function that was rewritten in pieces, where the diff shows less than half of it."""
    definition = old.definition
    lines = set(range(definition.line, definition.end + 1))
    if len(lines) > PIECES_LINES or 2 * len(lines & shown) >= len(lines):
        return None
    if len(old.removed) < PIECES_REMOVED * len(lines):
        return None
    return lines_snippet(old.source, definition.line, definition.end)


def header_of(source: Source, definition: Definition) -> str:
    """Return a definition's head in one line, from its name's line until its brackets are closed.

    Spaces do not count: a signature that is only wrapped in another way is the same.
    """
    rows = source.lines[definition.line - 1 : _header_end(source, definition)]
    return "".join(" ".join(_code(rows)).split()).replace(",)", ")").rstrip("{:;")


def is_alike(old: Old, now: Now) -> bool:
    """Tell whether two definitions of one name share so many lines that one became the other."""
    mine, theirs = (_code(_rows(one.source, one.definition))[:COMPARED_LINES] for one in (old, now))
    return SequenceMatcher(None, mine, theirs, autojunk=False).ratio() >= LIKENESS


def elided_lines(definition: Definition, wanted: Iterable[int]) -> list[int]:
    """Return a definition's head and the wanted lines in it with one on either side, SHOWN_LINES or one more."""
    near = {number + step for number in wanted for step in (-1, 0, 1)}
    inside = sorted(number for number in near if definition.line <= number <= definition.end)
    keep = sorted({definition.line, *inside[: SHOWN_LINES - 1]})
    # One line that is left out costs as much as the mark that says so.
    filled = {number + 1 for number, after in pairwise(keep) if after - number == 2}
    if definition.end - keep[-1] == 1:
        filled.add(definition.end)
    return sorted({*keep, *filled})


def _forms(old: Old, now: Now, differing: Collection[int]) -> tuple[Snippet, ...]:
    definition = old.definition
    lines = elided_lines(definition, differing)
    elided = elided_snippet(old.source, lines, definition.line, definition.end)
    if not _is_signed(old, now):
        return (elided,)
    short = _signature(old, worth=0.8)
    return (short, elided) if any(number > short.end for number in differing) else (short,)


def _differing_lines(old: Old, now: Now) -> set[int]:
    """Return the lines of the old definition that are not in the new one, or between which that has others."""
    mine, theirs = (
        [row.strip() for row in _rows(one.source, one.definition)[:COMPARED_LINES]] for one in (old, now)
    )
    differing: set[int] = set()
    for tag, first, last, _, _ in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if tag != "equal":
            differing.update(range(first, last) if last > first else (first - 1, first))
    line, end = old.definition.line, old.definition.end
    return {line + at for at in differing if 0 <= at <= end - line}


def _is_signed(old: Old, now: Now) -> bool:
    return header_of(old.source, old.definition) != header_of(now.source, now.definition)


def _is_same_code(old: Old, now: Now) -> bool:
    """Tell whether two definitions are the same but for blank lines, indentation, comments and `export`."""
    return _code(_rows(old.source, old.definition)) == _code(_rows(now.source, now.definition))


def _signature(old: Old, *, worth: float) -> Snippet:
    end = _header_end(old.source, old.definition)
    return lines_snippet(old.source, old.definition.line, end, worth=worth)


def _header_end(source: Source, definition: Definition) -> int:
    depth = 0
    last = min(max(definition.line, definition.signature_end), definition.end, len(source.lines))
    for number in range(definition.line, last + 1):
        row = source.lines[number - 1]
        depth += sum(row.count(sign) for sign in "([") - sum(row.count(sign) for sign in ")]")
        if depth <= 0:
            return number
    return last


def _rows(source: Source, definition: Definition) -> list[str]:
    return source.lines[definition.line - 1 : definition.end]


def _code(rows: Sequence[str]) -> list[str]:
    bare = [row.strip().removeprefix("export ").removeprefix("default ") for row in rows]
    return [row for row in bare if row and not row.startswith(_COMMENTS)]
