"""Hunks → Units: what belongs together travels together, inside a token budget, risk first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reviewer.change.identity import unit_identity
from reviewer.change.model import FileChange, Hunk, Unit
from reviewer.change.relations import Bond, bonds_of
from reviewer.change.render import render_hunk
from reviewer.change.split import split_hunk

# Hunks on one side of this line are not put beside hunks on the other merely because they are neighbours: a
# sensitive hunk would take its neighbours to the dearer model.
RISK_LINE = 0.5
# Tokens for the `### path` line over a run of hunks.
PATH_TOKENS = 24
# Neighbouring files share a unit; about every so many files a cut is made that depends on nothing but the file's
# own path, so that a changed file moves the borders of a few units and not of all that follow.
FILES_PER_CUT = 8


@dataclass(slots=True)
class _Group:
    """Hunks on the way to becoming a unit; `members` are positions in the order of the change."""

    members: list[int]
    tokens: int
    risk: float
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Piece:
    hunk: Hunk
    tokens: int
    risk: float
    oversize: bool


def build_units(
    files: Sequence[FileChange],
    *,
    max_tokens: int,
    risk: Callable[[Hunk], float],
    count: Callable[[str], int],
    relate: Mapping[tuple[str, str], Iterable[str]] | None = None,
) -> tuple[Unit, ...]:
    """Group the hunks of the files into units of at most `max_tokens`, the riskiest first.

    `risk` gives 0 to 1 for a hunk, `count` the tokens of a text. `relate` adds symbols that a hunk shares with
    others, by (path, hunk header). A hunk larger than the budget is split at line boundaries; a single line that is
    larger becomes a unit marked `oversize`. Same input, same units, whatever the order of dictionaries.
    """
    if max_tokens < 1:
        raise ValueError(f"max_tokens is {max_tokens}: a unit needs room for at least one token")
    pieces = _pieces(files, max_tokens, risk, count)
    groups = _Groups(pieces, max_tokens)
    for bond in bonds_of([piece.hunk for piece in pieces], relate or {}):
        groups.join(bond)
    packed = groups.packed()
    units = [_unit(group, pieces) for group in packed]
    order = sorted(range(len(units)), key=lambda index: (-units[index].risk, packed[index].members[0]))
    return tuple(units[index] for index in order)


def _pieces(
    files: Sequence[FileChange], max_tokens: int, risk: Callable[[Hunk], float], count: Callable[[str], int]
) -> list[_Piece]:
    pieces: list[_Piece] = []
    room = max(1, max_tokens - PATH_TOKENS)
    for file in files:
        for hunk in file.hunks:
            tokens = count(render_hunk(hunk))
            if tokens <= room:
                pieces.append(_Piece(hunk, tokens, risk(hunk), oversize=False))
                continue
            for part in split_hunk(hunk, room, count):
                tokens = count(render_hunk(part))
                pieces.append(_Piece(part, tokens, risk(part), oversize=tokens > room))
    return pieces


class _Groups:
    """Disjoint groups of pieces that never outgrow the budget."""

    def __init__(self, pieces: Sequence[_Piece], max_tokens: int) -> None:
        self.pieces = pieces
        self.max_tokens = max_tokens
        self.owner = list(range(len(pieces)))
        self.groups = {
            index: _Group([index], piece.tokens + PATH_TOKENS, piece.risk) for index, piece in enumerate(pieces)
        }

    def find(self, index: int) -> int:
        while self.owner[index] != index:
            self.owner[index] = self.owner[self.owner[index]]
            index = self.owner[index]
        return index

    def join(self, bond: Bond) -> None:
        """Join the groups of a bond's two hunks, where they fit together and risk does not forbid it."""
        first, second = sorted((self.find(bond.first), self.find(bond.second)))
        if first != second and self._fits(first, second, strong=bond.strong):
            self._merge(first, second, bond.reason)

    def packed(self) -> list[_Group]:
        """Return the groups after putting small ones of one folder side by side."""
        previous: dict[tuple[str, bool], int] = {}
        for index in sorted(self.groups):
            group = self.groups[index]
            path = self.pieces[group.members[0]].hunk.path
            key = (path.rpartition("/")[0], group.risk >= RISK_LINE)
            last = previous.get(key)
            if last is not None and not _cut_before(path) and self._fits(last, index, strong=False):
                self._merge(last, index, "same folder")
            else:
                previous[key] = index
        return [self.groups[index] for index in sorted(self.groups)]

    def _fits(self, first: int, second: int, *, strong: bool) -> bool:
        left, right = self.groups[first], self.groups[second]
        same_side = (left.risk >= RISK_LINE) == (right.risk >= RISK_LINE)
        return (strong or same_side) and left.tokens + right.tokens <= self.max_tokens

    def _merge(self, first: int, second: int, reason: str) -> None:
        left, right = self.groups[first], self.groups.pop(second)
        self.owner[second] = first
        left.members = sorted(left.members + right.members)
        left.tokens += right.tokens
        left.risk = max(left.risk, right.risk)
        left.reasons += [*right.reasons, reason]


def _cut_before(path: str) -> bool:
    return sum(path.encode("utf-8", "replace")) % FILES_PER_CUT == 0


def _unit(group: _Group, pieces: Sequence[_Piece]) -> Unit:
    members = [pieces[index] for index in group.members]
    hunks = tuple(member.hunk for member in members)
    reasons = list(dict.fromkeys(group.reasons))
    if reasons:
        shown = ", ".join(reasons[:4])
        reason = f"{shown} and {len(reasons) - 4} more" if len(reasons) > 4 else shown
    else:
        reason = "one hunk"
    return Unit(unit_identity(hunks), hunks, reason, group.risk, any(member.oversize for member in members))
