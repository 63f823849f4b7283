"""GitSnapshot: one commit, read from the object store alone."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from reviewer.errors import GitFailed, NotFound
from reviewer.git.blobs import BlobReader
from reviewer.git.decode import path_of
from reviewer.git.git import run_git
from reviewer.git.limits import Limit, LimitsReached
from reviewer.git.places import Places
from reviewer.git.search import search_tree
from reviewer.git.snapshot import USES_PER_FILE, Match, TreeEntry
from reviewer.git.sweep import sweep_tree
from reviewer.syntax.languages import language_of

FILE_LIMIT: Final = 2 * 1024 * 1024
TREE_LIMIT: Final = 400_000
LOG_LIMIT: Final = 64 * 1024 * 1024
# A commit of hundreds of files (a reformatting, an import) says nothing about which files belong together.
WIDE_COMMIT: Final = 60
SAMPLE_FILES: Final = 80
SAMPLE_BYTES: Final = 20_000
SAMPLE_LEAST: Final = 8
COMMON_SHARE: Final = 0.25
_WORD: Final = re.compile(rb"[A-Za-z_$][\w$]{2,}", re.ASCII)
_REGULAR: Final = ("100644", "100755", "100664")
UNKNOWN_SIZE: Final = -1
_LOG: Final = (
    *("log", "--no-merges", "--no-renames", "--no-ext-diff", "--no-textconv"),
    *("--name-only", "-z", "--format=%x01"),
)


class GitSnapshot:
    """A commit of a bare or normal repository: a Snapshot that any thread may read.

    Files larger than `file_limit` bytes read as None. Objects that the repository lacks (a partial clone) read as
    None too: nothing is fetched. A search or a history that fails or takes too long is noted in `limits` and finds
    nothing: less context is no reason to end a review. Close it, or use it as a context manager, to end its git
    process.
    """

    def __init__(self, git_dir: Path, commit: str, *, file_limit: int = FILE_LIMIT) -> None:
        self._git_dir = git_dir
        self._commit = commit
        self._file_limit = file_limit
        self._blobs = BlobReader(git_dir)
        self._lock = threading.Lock()
        self._entries: Mapping[str, TreeEntry] | None = None
        self._common: frozenset[str] | None = None
        self._history: dict[int, tuple[tuple[str, ...], ...]] = {}
        self.limits = LimitsReached()

    @classmethod
    def open(cls, git_dir: Path, commit: str, *, file_limit: int = FILE_LIMIT) -> GitSnapshot:
        """Open a commit by id or revision; NotFound where the repository has no such commit."""
        return cls(git_dir, resolve_commit(git_dir, commit), file_limit=file_limit)

    @property
    def commit(self) -> str:
        """The full commit id."""
        return self._commit

    @property
    def git_dir(self) -> Path:
        """The repository's git directory."""
        return self._git_dir

    def entries(self) -> Mapping[str, TreeEntry]:
        """Return the regular files of the tree by path, TREE_LIMIT of them at most; read once.

        Files beyond that can still be read by their paths.
        """
        with self._lock:
            if self._entries is None:
                self._entries = MappingProxyType(self._list_tree())
            return self._entries

    def read(self, path: str) -> bytes | None:
        """Return the file's bytes, or None."""
        return self.read_many((path,)).get(path)

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Read several files in one go; absent, oversized and missing ones are left out."""
        asked = tuple(dict.fromkeys(paths))
        entries = self.entries()
        if len(entries) >= TREE_LIMIT:
            entries = {**entries, **self._listed([path for path in asked if path not in entries])}
        known = {path: entry for path in asked if (entry := entries.get(path)) is not None}
        for path, entry in known.items():
            if entry.size > self._file_limit:
                self.limits.note(Limit.FILE_BYTES, self._file_limit, entry.size, where=path)
        wanted = {path: entry.blob for path, entry in known.items() if 0 <= entry.size <= self._file_limit}
        found = self._blobs.read(wanted.values())
        return {path: found[blob] for path, blob in wanted.items() if blob in found}

    def read_blobs(self, blobs: Iterable[str]) -> Mapping[str, bytes]:
        """Read blobs by object id, whatever their path; unknown ids are left out."""
        return self._blobs.read(blobs)

    def search_words(
        self,
        words: Sequence[str],
        *,
        limit_per_word: int = 200,
        uses_per_file: int = USES_PER_FILE,
        phrases: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> Sequence[Match]:
        """Find whole-word occurrences of every word in one pass over the tree; `phrases` as in `search_tree`."""
        try:
            return search_tree(
                self._git_dir,
                self._commit,
                words,
                limit_per_word=limit_per_word,
                uses_per_file=uses_per_file,
                phrases=phrases,
                limits=self.limits,
            )
        except GitFailed as error:
            self._note_failure(error)
            return ()

    def sweep_words(
        self,
        words: Sequence[str],
        places: Places,
        *,
        limit_per_word: int,
        ahead: Sequence[str] = (),
        most: int,
        phrases: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> Places:
        """Find any number of words by reading every file of the tree once, as `sweep_tree` does."""
        try:
            return sweep_tree(
                self._git_dir,
                self.entries(),
                words,
                places,
                limit_per_word=limit_per_word,
                ahead=ahead,
                most=most,
                phrases=phrases,
                limits=self.limits,
            )
        except GitFailed as error:
            self._note_failure(error)
            return places

    def common_words(self) -> frozenset[str]:
        """Return the words of more than COMMON_SHARE of a sample of the code: their places say nothing.

        In a tree of twenty thousand files one such word costs more to search for than fifty others.
        """
        entries = self.entries()
        with self._lock:
            if self._common is None:
                code = [path for path, entry in entries.items() if language_of(path) and entry.size < SAMPLE_BYTES]
                step = max(1, len(code) // SAMPLE_FILES)
                found = self._blobs.read(entries[path].blob for path in code[::step][:SAMPLE_FILES])
                holding = Counter(word for data in found.values() for word in set(_WORD.findall(data)))
                least = max(SAMPLE_LEAST, COMMON_SHARE * len(found))
                self._common = frozenset(word.decode("ascii") for word, files in holding.items() if files > least)
            return self._common

    def co_changed(self, paths: Sequence[str], *, commits: int = 1000) -> Sequence[tuple[str, ...]]:
        """Return the path sets of those of the last `commits` commits that touched any path, newest first.

        Merges and commits of more than WIDE_COMMIT files are left out. A shallow history gives what it has.
        """
        wanted = frozenset(paths)
        return [touched for touched in self._log(commits) if not wanted.isdisjoint(touched)]

    def release(self) -> None:
        """Drop what was read and end the git process; a later read begins again."""
        with self._lock:
            self._entries = self._common = None
            self._history.clear()
        self._blobs.release()

    def close(self) -> None:
        """End the git process."""
        self._blobs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _note_failure(self, error: GitFailed) -> None:
        self.limits.note(Limit.FAILED, 0, None, where=str(error).split("\n")[0])

    def _list_tree(self) -> dict[str, TreeEntry]:
        output = run_git(["ls-tree", "-r", "-l", "-z", "--full-tree", self._commit], git_dir=self._git_dir)
        entries: dict[str, TreeEntry] = {}
        for entry in _entries(output):
            if len(entries) == TREE_LIMIT:
                self.limits.note(Limit.TREE_FILES, TREE_LIMIT, output.count(b"\0") - TREE_LIMIT)
                break
            entries[entry.path] = entry
        return entries

    def _listed(self, paths: Sequence[str]) -> dict[str, TreeEntry]:
        """Look single files up, of a tree too large to be listed."""
        if not paths:
            return {}
        found = run_git(
            ["--literal-pathspecs", "ls-tree", "-l", "-z", "--full-tree", self._commit, "--", *paths],
            git_dir=self._git_dir,
        )
        return {entry.path: entry for entry in _entries(found)}

    def _log(self, commits: int) -> tuple[tuple[str, ...], ...]:
        with self._lock:
            if commits not in self._history:
                # One walk over the newest commits, for whatever paths: following single paths back through a
                # long history costs several times as much and has no bound.
                try:
                    output = run_git(
                        [*_LOG, f"--max-count={commits + 1}", self._commit, "--"],
                        git_dir=self._git_dir,
                        limit=LOG_LIMIT,
                        cut=True,
                    )
                except GitFailed as error:
                    self._note_failure(error)
                    output = b""
                records = output.split(b"\x01")[1:]
                if len(records) > commits or len(output) >= LOG_LIMIT:
                    self.limits.note(Limit.COMMITS, min(commits, len(records)), None)
                self._history[commits] = tuple(
                    touched for record in records[:commits] if 1 <= len(touched := _paths(record)) <= WIDE_COMMIT
                )
            return self._history[commits]


def resolve_commit(git_dir: Path, revision: str) -> str:
    """Return the full id of a commit; NotFound where the repository does not hold it."""
    if not git_dir.is_dir():
        raise NotFound(f"{git_dir} is not a git directory")
    try:
        output = run_git(
            ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"], git_dir=git_dir
        )
    except GitFailed as error:
        raise NotFound(f"no commit {revision!r} in {git_dir}: {error.detail or 'unknown revision'}") from None
    return output.decode("ascii", "replace").strip()


def _entries(output: bytes) -> Iterator[TreeEntry]:
    """Read the regular files of what `git ls-tree -l -z` writes."""
    for record in output.split(b"\0"):
        meta, _, name = record.partition(b"\t")
        parts = meta.decode("ascii", "replace").split()
        if len(parts) == 4 and parts[0] in _REGULAR:
            # A partial clone lists what it does not hold with "BAD" or "-" for a size.
            size = int(parts[3]) if parts[3].isdigit() else UNKNOWN_SIZE
            path = path_of(name)
            yield TreeEntry(path, parts[2], parts[0], size)


def _paths(record: bytes) -> tuple[str, ...]:
    return tuple(path_of(name) for name in record.strip(b"\0\n").split(b"\0") if name)
