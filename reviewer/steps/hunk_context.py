"""What a model was shown beside a hunk, as blocks of lines that can be looked for in a later commit."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from reviewer.change.quotes import squeeze
from reviewer.git.snapshot import Snapshot

_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Block:
    """`count` lines of a file, one after the other: digests of the first and of all. `base`: of the base commit."""

    path: str
    first: str
    whole: str
    count: int
    base: bool = False


class FileLines:
    """The lines of a file, white space aside, with where each stands."""

    def __init__(self, text: str) -> None:
        self.lines = [squeeze(line) for line in text.split("\n")]
        self._starts: dict[str, list[int]] = defaultdict(list)
        for position, line in enumerate(self.lines):
            self._starts[_digest([line])].append(position)

    def block(self, path: str, start: int, end: int, *, base: bool) -> Block | None:
        """Return the lines `start`..`end`, 1-based and inclusive; None where the file has them not."""
        lines = self.lines[start - 1 : end]
        if start < 1 or len(lines) != end - start + 1:
            return None
        return Block(path, _digest(lines[:1]), _digest(lines), len(lines), base)

    def has(self, block: Block) -> bool:
        """Tell whether a block stands anywhere in the file."""
        return any(
            _digest(self.lines[start : start + block.count]) == block.whole
            for start in self._starts.get(block.first, ())
        )


class ReadLines(Protocol):
    """Returns the lines of a file of the head, or of the base, None where it has none."""

    def __call__(self, path: str, *, base: bool = False) -> FileLines | None: ...  # noqa: D102


@dataclass(slots=True)
class CommitFiles:
    """The files of head and base as lines, each read once."""

    head: Snapshot | None
    base: Snapshot | None
    _known: dict[tuple[bool, str], FileLines | None] = field(default_factory=dict)

    def lines(self, path: str, *, base: bool = False) -> FileLines | None:
        """Return the lines of a file, None where the commit has none that can be read."""
        if (base, path) not in self._known:
            snapshot = self.base if base else self.head
            data = snapshot.read(path) if snapshot else None
            self._known[base, path] = None if data is None else FileLines(data.decode("utf-8", "replace"))
        return self._known[base, path]


def blocks_of(shown: Iterable[tuple[str, int, int]], read: ReadLines) -> tuple[Block, ...] | None:
    """Return blocks of what was shown, each by path, first and last line; None where one cannot be read again."""
    found: list[Block] = []
    for path, start, end in dict.fromkeys(shown):
        block = None
        for base in (False, True):
            lines = read(path, base=base)
            block = lines.block(path, start, end, base=base) if lines and block is None else block
        if block is None:
            return None
        found.append(block)
    return tuple(dict.fromkeys(found))


def still_stands(block: Block, lines: FileLines | None) -> bool:
    """Tell whether a block still stands in its file."""
    return lines is not None and lines.has(block)


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
