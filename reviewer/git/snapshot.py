"""Snapshot: a read-only view of one commit; and what it returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A blob of a commit's tree; `mode` is git's octal string, `size` in bytes."""

    path: str
    blob: str
    mode: str
    size: int


# Of a name's uses in one file a search returns so many, unless it is asked for more.
USES_PER_FILE: Final = 3


@dataclass(frozen=True, slots=True)
class Match:
    """A line that a search found; `line` is 1-based. `defines` says whether it looks like the word's definition,
    None where the search did not look.
    """

    path: str
    line: int
    text: str
    word: str
    defines: bool | None = field(default=None, compare=False)


class Snapshot(Protocol):
    """One commit, read from git objects only: no checkout, nothing followed, nothing executed.

    Paths are those of the tree. A symbolic link, a submodule or a path that is not in the tree reads as None.
    """

    @property
    def commit(self) -> str:
        """The full commit id ("" for a work tree)."""
        ...

    def entries(self) -> Mapping[str, TreeEntry]:
        """Every regular file of the tree, by path."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return the file's bytes, or None."""
        ...

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Read several files in one go; absent ones are left out."""
        ...

    def search_words(
        self, words: Sequence[str], *, limit_per_word: int = 200, uses_per_file: int = USES_PER_FILE
    ) -> Sequence[Match]:
        """Find whole words in one pass over the tree: of each at most so many lines, and so many uses of a file."""
        ...

    def co_changed(self, paths: Sequence[str], *, commits: int = 1000) -> Sequence[tuple[str, ...]]:
        """Return the path sets of past commits that touched any of the paths, newest first."""
        ...
