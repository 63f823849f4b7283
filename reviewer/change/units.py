"""Hunks → Units: what belongs together travels together, inside a token budget, risk first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from policies.paths import is_documentation
from reviewer.change.identity import unit_identity
from reviewer.change.model import FileChange, Hunk, Unit
from reviewer.change.relations import Bond, bonds_of
from reviewer.change.render import render_hunk
from reviewer.change.split import split_hunk

# Default of `sensitive_from`: policy's own threshold of sensitivity.
SENSITIVE_FROM = 0.5
# Tokens for the `### path` line over a run of hunks.
PATH_TOKENS = 24
# Neighbouring files share a unit; about every so many files a cut is made that depends on nothing but the file's
# own path, so that a changed file moves the borders of a few units and not of all that follow.
FILES_PER_CUT = 8
CUT_FROM = 4  # and only where a unit is more than a quarter full
# What is left over of different folders shares a unit up to this share of the budget: each call carries some
# thousand tokens of instructions and schema, but unrelated hunks in one prompt cost attention.
LEFTOVER_SHARE = 0.5
# Hunks below this share of the budget (600 of 6,000 tokens) go into another unit, also a riskier one: about there
# the instructions, the schema and the answer of a second call cost as much as a few hundred tokens more for a model
# that charges five times as much, which then sees the change whole.
TOO_SMALL_SHARE = 0.1
# Hunks of a file that another unit holds a part of join it up to this share: they explain each other, and the bill
# of real commits stays the same (the second call costs as much as the dearer tokens).
SAME_FILE_SHARE = 0.3


@dataclass(slots=True)
class _Group:
    """Hunks on the way to becoming a unit; `members` are positions in the order of the change."""

    members: list[int]
    tokens: int
    risk: float
    paths: set[str]
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Piece:
    hunk: Hunk
    tokens: int
    risk: float


def build_units(
    files: Sequence[FileChange],
    *,
    max_tokens: int,
    risk: Callable[[Hunk], float],
    count: Callable[[str], int],
    relate: Mapping[tuple[str, str], Iterable[str]] | None = None,
    sensitive_from: float = SENSITIVE_FROM,
) -> tuple[Unit, ...]:
    """Group the hunks of the files into units of at most `max_tokens`, the riskiest first.

    `risk` gives 0 to 1 for a hunk, `count` the tokens of a text. `relate` adds symbols that a hunk shares with
    others, by (path, hunk header). Hunks whose risk is at least `sensitive_from` are not put beside others merely
    because they are neighbours, for they would take them to the dearer model; nor is documentation put beside
    code, for it would lose the cheaper one.

    A hunk larger than the budget is split at line boundaries; a single line that is larger becomes a unit of
    its own, which is shown cut. Same input, same units, whatever the order of dictionaries.
    """
    if max_tokens < 1:
        raise ValueError(f"max_tokens is {max_tokens}: a unit needs room for at least one token")
    pieces = _pieces(files, max_tokens, risk, count)
    groups = _Groups(pieces, max_tokens, sensitive_from)
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
                pieces.append(_Piece(hunk, tokens, risk(hunk)))
                continue
            for part in split_hunk(hunk, room, count):
                tokens = count(render_hunk(part))
                pieces.append(_Piece(part, tokens, risk(part)))
    return pieces


class _Groups:
    """Disjoint groups of pieces that never outgrow the budget."""

    def __init__(self, pieces: Sequence[_Piece], max_tokens: int, sensitive_from: float) -> None:
        self.pieces = pieces
        self.max_tokens = max_tokens
        self.sensitive_from = sensitive_from
        self.owner = list(range(len(pieces)))
        self.groups = {
            index: _Group([index], piece.tokens + PATH_TOKENS, piece.risk, {piece.hunk.path})
            for index, piece in enumerate(pieces)
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
        """Return the groups after putting small ones side by side: of one folder first, then what is left over."""
        self._pack("same folder", self.max_tokens, by_folder=True)
        self._pack("small changes together", int(self.max_tokens * LEFTOVER_SHARE), by_folder=False)
        for index in sorted(self.groups):
            if index in self.groups:
                self._absorb(index)
        return [self.groups[index] for index in sorted(self.groups)]

    def _pack(self, reason: str, most: int, *, by_folder: bool) -> None:
        previous: dict[tuple[str, bool, bool], int] = {}
        for index in sorted(self.groups):
            group = self.groups[index]
            path = self.pieces[group.members[0]].hunk.path
            folder = path.rpartition("/")[0] if by_folder else ""
            key = (folder, self._sensitive(group), is_documentation(path))
            last = previous.get(key)
            filled = self.groups[last].tokens if last is not None else most
            cut = filled * CUT_FROM > most and _cut_before(path)
            if last is not None and filled + group.tokens <= most and not cut:
                self._merge(last, index, reason)
            elif cut or group.tokens < filled:  # the emptier of the two stays open
                previous[key] = index

    def _absorb(self, index: int) -> None:
        """Put a group that is too small for a call of its own into the nearest group with room.

        Never the other way round: what is risky does not drag what is not to the dearer model. Documentation stays
        apart, for its tier costs nothing.
        """
        group = self.groups[index]
        paths = group.paths
        tokens = sum(self.pieces[member].tokens for member in group.members)
        if tokens > self.max_tokens * SAME_FILE_SHARE or all(map(is_documentation, paths)):
            return
        folders = {path.rpartition("/")[0] for path in paths}
        best = None
        for other, host in self.groups.items():
            if other == index or host.tokens + group.tokens > self.max_tokens:
                continue
            if self._sensitive(group) and not self._sensitive(host):
                continue
            theirs = host.paths
            if tokens > self.max_tokens * TOO_SMALL_SHARE and paths.isdisjoint(theirs):
                continue
            near = 2 * (not paths.isdisjoint(theirs)) + any(path.rpartition("/")[0] in folders for path in theirs)
            rank = (self._sensitive(host) == self._sensitive(group), near, -host.tokens, -other)
            if not all(map(is_documentation, theirs)) and (best is None or rank > best[0]):
                best = (rank, other)
        if best is not None:
            first, second = sorted((index, best[1]))
            self._merge(first, second, "too small for a call of its own")

    def _sensitive(self, group: _Group) -> bool:
        return group.risk >= self.sensitive_from

    def _fits(self, first: int, second: int, *, strong: bool) -> bool:
        left, right = self.groups[first], self.groups[second]
        same_side = self._sensitive(left) == self._sensitive(right)
        return (strong or same_side) and left.tokens + right.tokens <= self.max_tokens

    def _merge(self, first: int, second: int, reason: str) -> None:
        left, right = self.groups[first], self.groups.pop(second)
        self.owner[second] = first
        left.members = sorted(left.members + right.members)
        left.tokens += right.tokens
        left.paths |= right.paths
        left.risk = max(left.risk, right.risk)
        left.reasons += [*right.reasons, reason]


def _cut_before(path: str) -> bool:
    return sum(path.encode("utf-8", "replace")) % FILES_PER_CUT == 0


def _unit(group: _Group, pieces: Sequence[_Piece]) -> Unit:
    members = [pieces[index] for index in group.members]
    hunks = tuple(member.hunk for member in members)
    known = set(group.reasons)
    reasons = [
        reason
        for reason in dict.fromkeys(group.reasons)
        if not reason.startswith("same file ") or reason.replace("file", "symbol in", 1) not in known
    ]
    if reasons:
        shown = ", ".join(reasons[:4])
        reason = f"{shown} and {len(reasons) - 4} more" if len(reasons) > 4 else shown
    else:
        reason = "one hunk"
    return Unit(unit_identity(hunks), hunks, reason, group.risk)
