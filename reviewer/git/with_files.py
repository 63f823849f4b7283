"""A commit in which some files read otherwise: what a fix would make of it. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reviewer.git.snapshot import USES_PER_FILE, Match, Snapshot, TreeEntry


class WithFiles:
    """A Snapshot over another one whose `files`, which exist there, have other contents."""

    def __init__(self, under: Snapshot, files: Mapping[str, bytes]) -> None:
        self._under = under
        self._files = files

    @property
    def commit(self) -> str:
        """None: it is no commit."""
        return ""

    def entries(self) -> Mapping[str, TreeEntry]:
        """Every regular file of the tree, by path."""
        return self._under.entries()

    def read(self, path: str) -> bytes | None:
        """Return the file's bytes, or None."""
        return self._files[path] if path in self._files else self._under.read(path)

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Read several files in one go; absent ones are left out."""
        wanted = list(paths)
        found = self._under.read_many([path for path in wanted if path not in self._files])
        known = {**found, **self._files}
        return {path: known[path] for path in wanted if path in known}

    def search_words(
        self, words: Sequence[str], *, limit_per_word: int = 200, uses_per_file: int = USES_PER_FILE
    ) -> Sequence[Match]:
        """Find whole words in the commit as it was."""
        return self._under.search_words(words, limit_per_word=limit_per_word, uses_per_file=uses_per_file)

    def co_changed(self, paths: Sequence[str], *, commits: int = 1000) -> Sequence[tuple[str, ...]]:
        """Return the path sets of past commits that touched any of the paths, newest first."""
        return self._under.co_changed(paths, commits=commits)
