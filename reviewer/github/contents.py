"""ContentsSnapshot: one commit by GitHub's trees and blobs API, for a repository too large to mirror.

Every file costs a request, so there is a budget; past it a file reads as absent and is counted in `refused`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from reviewer.errors import KiloReviewError
from reviewer.git.snapshot import USES_PER_FILE, Match, TreeEntry
from reviewer.github.client import GitHub

# An installation has 5,000 requests an hour for all its reviews.
REQUEST_BUDGET: Final = 60
MAX_FILE_BYTES: Final = 1024 * 1024
_REGULAR: Final = frozenset({"100644", "100755"})


class ContentsSnapshot:
    """A Snapshot (reviewer/context/model.py) over the API. Thread-safe.

    Search sees only files that were read, and history is not read at all: both would cost more requests than a
    review is worth. `refused` counts the files that the budget kept away; `truncated`: GitHub cut the tree.
    """

    def __init__(self, gh: GitHub, repository: str, commit: str, *, requests: int = REQUEST_BUDGET) -> None:
        self._gh = gh
        self._repository = repository
        self._commit = commit
        self._left = requests
        self._lock = threading.Lock()
        self._entries: dict[str, TreeEntry] | None = None
        self._blobs: dict[str, bytes | None] = {}
        self.refused = 0
        self.truncated = False

    @property
    def commit(self) -> str:
        """The full commit id."""
        return self._commit

    def entries(self) -> Mapping[str, TreeEntry]:
        """Every regular file of the tree, by path; one request, the first time."""
        with self._lock:
            return self._tree()

    def read(self, path: str) -> bytes | None:
        """Return the file's bytes, or None: absent, not regular, over MAX_FILE_BYTES, or over the budget."""
        with self._lock:
            entry = self._tree().get(path)
            if entry is None or entry.size > MAX_FILE_BYTES:
                return None
            if entry.blob not in self._blobs:
                if not self._spend():
                    self.refused += 1
                    return None
                self._blobs[entry.blob] = self._gh.blob(self._repository, entry.blob)
            return self._blobs[entry.blob]

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Read several files in the order given; absent ones are left out."""
        found = {}
        for path in paths:
            content = self.read(path)
            if content is not None:
                found[path] = content
        return found

    def search_words(
        self, words: Sequence[str], *, limit_per_word: int = 200, uses_per_file: int = USES_PER_FILE
    ) -> Sequence[Match]:
        """Find whole words in the files that were read so far."""
        del uses_per_file
        if not words:
            return ()
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(word) for word in words)})(?!\w)")
        left = dict.fromkeys(words, limit_per_word)
        found: list[Match] = []
        with self._lock:
            read = [(path, self._blobs.get(entry.blob)) for path, entry in self._tree().items()]
        for path, content in read:
            if content is None or b"\0" in content[:8000]:
                continue
            for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), start=1):
                for word in dict.fromkeys(pattern.findall(line)):
                    if left[word] > 0:
                        left[word] -= 1
                        found.append(Match(path, number, line, word))
        return found

    def co_changed(self, paths: Sequence[str], *, commits: int = 1000) -> Sequence[tuple[str, ...]]:
        """Return nothing: GitHub lists the paths of a commit one request at a time."""
        del paths, commits
        return ()

    def close(self) -> None:
        """Nothing is held."""

    @property
    def notice(self) -> str:
        """A sentence on what the budget kept away, "" where nothing."""
        parts = []
        if self.truncated:
            parts.append("GitHub listed only a part of the repository's files")
        if self.refused:
            parts.append(f"{self.refused} files were not read, over the budget of requests for context")
        return f"Context is thinner than usual: {' and '.join(parts)}." if parts else ""

    def _tree(self) -> dict[str, TreeEntry]:
        if self._entries is None:
            self._entries = {}
            if self._spend():
                try:
                    row = self._gh.tree(self._repository, self._commit)
                except KiloReviewError:
                    # Without the tree there is no context, which is no reason for no review.
                    self.truncated = True
                    return self._entries
                self.truncated = bool(row.get("truncated"))
                self._entries = {
                    str(item["path"]): TreeEntry(
                        str(item["path"]), str(item["sha"]), str(item["mode"]), int(item.get("size") or 0)
                    )
                    for item in row.get("tree") or ()
                    if item.get("type") == "blob" and item.get("mode") in _REGULAR
                }
        return self._entries

    def _spend(self) -> bool:
        if self._left <= 0:
            return False
        self._left -= 1
        return True
