"""WorktreeSnapshot: uncommitted changes as a Snapshot, without running a filter or following a link."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from reviewer.context.blobs import BlobReader
from reviewer.context.commit import FILE_LIMIT, GitSnapshot, resolve_commit
from reviewer.context.git import run_git
from reviewer.context.model import Match, TreeEntry
from reviewer.context.search import search_bytes
from reviewer.context.secret_paths import is_secret_path
from reviewer.errors import NotFound

_DEBUG: Final = re.compile(
    rb"  ctime: -?\d+:\d+\n  mtime: (-?\d+):(\d+)\n  dev: .*\n  uid: .*\n  size: (\d+)\t?.*\n"
)


@dataclass(frozen=True, slots=True)
class _Tracked:
    blob: str
    mode: str
    stamp: tuple[int, int, int]


class WorktreeSnapshot:
    """The index or the work tree of a repository as a Snapshot; `commit` is "".

    With `staged` it is the index. Otherwise it is the files on disk: tracked ones, and untracked ones that no
    ignore rule covers. Nothing is read through a symbolic link, out of a submodule or from a device, files that
    hold credentials (`is_secret_path`) read as None, and no clean filter runs: a file is compared by the stamp
    in the index and read as it is. Search and history go to HEAD for what did not change.
    """

    def __init__(self, root: Path, git_dir: Path, *, staged: bool = False, file_limit: int = FILE_LIMIT) -> None:
        self._root = root
        self._git_dir = git_dir
        self._staged = staged
        self._file_limit = file_limit
        self._blobs = BlobReader(git_dir)
        self._head: GitSnapshot | None = None
        with contextlib.suppress(NotFound):  # an unborn branch
            self._head = GitSnapshot(git_dir, resolve_commit(git_dir, "HEAD"), file_limit=file_limit)
        self._lock = threading.Lock()
        self._entries: Mapping[str, TreeEntry] | None = None
        self._changed: frozenset[str] = frozenset()

    @classmethod
    def open(
        cls, root: Path, *, git_dir: Path, staged: bool = False, file_limit: int = FILE_LIMIT
    ) -> WorktreeSnapshot:
        """Open the work tree at `root` of the repository at `git_dir`; NotFound where either is no directory."""
        for path in (root, git_dir):
            if not path.is_dir():
                raise NotFound(f"{path} is not a directory")
        return cls(root, git_dir, staged=staged, file_limit=file_limit)

    @property
    def commit(self) -> str:
        """Always "": a work tree has no commit."""
        return ""

    def entries(self) -> Mapping[str, TreeEntry]:
        """Every regular file, by path, without those that hold credentials; read once."""
        with self._lock:
            if self._entries is None:
                self._entries = MappingProxyType(self._list())
            return self._entries

    def read(self, path: str) -> bytes | None:
        """Return the file's bytes, or None."""
        entry = self.entries().get(path)
        if entry is None or entry.size > self._file_limit:
            return None
        if path in self._changed and not self._staged:
            return self._read_disk(path)
        return self._blobs.read((entry.blob,)).get(entry.blob)

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Read several files in one go; absent ones are left out."""
        found = {path: self.read(path) for path in dict.fromkeys(paths)}
        return {path: data for path, data in found.items() if data is not None}

    def search_words(self, words: Sequence[str], *, limit_per_word: int = 200) -> Sequence[Match]:
        """Find whole-word occurrences: one pass over HEAD's tree for what is unchanged, the rest in memory."""
        entries = self.entries()
        changed = sorted(self._changed)
        fresh = search_bytes(self.read_many(changed).items(), words, limit_per_word=limit_per_word)
        if self._head is None:
            return fresh
        old = self._head.search_words(words, limit_per_word=limit_per_word)
        kept = [match for match in old if match.path in entries and match.path not in self._changed]
        return sorted((*fresh, *kept), key=lambda match: (match.path, match.line, match.word))

    def common_words(self) -> frozenset[str]:
        """Return the words that are too common to search for, by HEAD."""
        return self._head.common_words() if self._head is not None else frozenset()

    def co_changed(self, paths: Sequence[str], *, commits: int = 1000) -> Sequence[tuple[str, ...]]:
        """Return the path sets of past commits that touched any of the paths, newest first."""
        return self._head.co_changed(paths, commits=commits) if self._head is not None else ()

    def close(self) -> None:
        """End the git processes."""
        self._blobs.close()
        if self._head is not None:
            self._head.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _list(self) -> dict[str, TreeEntry]:
        tracked = self._index()
        old = self._head.entries() if self._head is not None else {}
        entries: dict[str, TreeEntry] = {}
        changed: set[str] = set()
        for path, item in tracked.items():
            if is_secret_path(path) or item.mode not in ("100644", "100755"):
                continue
            same = path in old and old[path].blob == item.blob
            size = old[path].size if same else item.stamp[2]
            if not self._staged:
                found = self._stat(path)
                if found is None:
                    continue
                size = found.st_size
                same = same and item.stamp == (*divmod(found.st_mtime_ns, 10**9), found.st_size)
            entries[path] = TreeEntry(path, item.blob, item.mode, size)
            if not same:
                changed.add(path)
        for path in () if self._staged else self._untracked():
            found = None if is_secret_path(path) else self._stat(path)
            if found is not None:
                mode = "100755" if found.st_mode & 0o111 else "100644"
                entries[path] = TreeEntry(path, "", mode, found.st_size)
                changed.add(path)
        self._changed = frozenset(changed)
        return entries

    def _index(self) -> dict[str, _Tracked]:
        # --debug is what shows the stamps; every record is "mode blob stage\tpath\0" and five indented lines.
        output = run_git(["ls-files", "-s", "-z", "--debug"], git_dir=self._git_dir, work_tree=self._root)
        tracked: dict[str, _Tracked] = {}
        at = 0
        while at < len(output):
            end = output.index(b"\0", at)
            meta, _, name = output[at:end].partition(b"\t")
            mode, blob, _stage = meta.decode("ascii").split()
            debug = _DEBUG.match(output, end + 1)
            if debug is None:
                stamp, at = (0, 0, -1), end + 1
            else:
                stamp, at = (int(debug[1]), int(debug[2]), int(debug[3])), debug.end()
            # Of an unmerged path the last stage ("theirs") wins; the stamp never matches, so disk is read.
            tracked[name.decode("utf-8", "surrogateescape")] = _Tracked(blob, mode, stamp)
        return tracked

    def _untracked(self) -> list[str]:
        output = run_git(
            ["ls-files", "-o", "-z", "--exclude-standard"], git_dir=self._git_dir, work_tree=self._root
        )
        return [name.decode("utf-8", "surrogateescape") for name in output.split(b"\0") if name]

    def _stat(self, path: str) -> os.stat_result | None:
        try:
            found = os.lstat(self._root / path)
        except (OSError, ValueError):
            return None
        return found if stat.S_ISREG(found.st_mode) else None

    def _read_disk(self, path: str) -> bytes | None:
        """Read below the root, refusing a link in any component: a folder may be one by now."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        *folders, name = path.split("/")
        if ".." in folders or name in ("", "..") or path.startswith("/"):
            return None
        opened: list[int] = []
        try:
            opened.append(os.open(self._root, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)))
            for folder in folders:
                opened.append(os.open(folder, flags | getattr(os, "O_DIRECTORY", 0), dir_fd=opened[-1]))
            opened.append(os.open(name, flags, dir_fd=opened[-1]))
            found = os.fstat(opened[-1])
            if not stat.S_ISREG(found.st_mode) or found.st_size > self._file_limit:
                return None
            with os.fdopen(opened.pop(), "rb") as file:
                data = file.read(self._file_limit + 1)
            return data if len(data) <= self._file_limit else None
        except OSError:
            return None
        finally:
            for handle in opened:
                os.close(handle)
