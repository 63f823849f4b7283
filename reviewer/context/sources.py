"""Sources: the parsed files of a snapshot, read in batches and kept up to a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from reviewer.git.limits import Limit, LimitsReached
from reviewer.git.snapshot import Snapshot
from reviewer.syntax.symbols import PARSE_LIMIT, Source

# A syntax tree takes about ten times the bytes of its file.
KEEP_BYTES: Final = 4 * 1024 * 1024


class Sources:
    """Reads and parses files of one snapshot; any thread may ask, and parsing is done under one lock."""

    def __init__(self, snapshot: Snapshot, *, keep_bytes: int = KEEP_BYTES) -> None:
        self.snapshot = snapshot
        self.limits = LimitsReached()
        self._lock = threading.RLock()
        self._kept: OrderedDict[str, Source] = OrderedDict()
        self._bytes = 0
        self._keep_bytes = keep_bytes

    def get(self, path: str) -> Source | None:
        """Return a file, None where the snapshot has none or it is binary."""
        return self.many((path,)).get(path)

    def many(self, paths: Iterable[str]) -> dict[str, Source]:
        """Return several files with one read; those that cannot be read are left out."""
        wanted = list(dict.fromkeys(paths))
        with self._lock:
            found = {path: self._kept[path] for path in wanted if path in self._kept}
            for path, data in self.snapshot.read_many([path for path in wanted if path not in found]).items():
                if b"\0" in data[:8000]:
                    continue
                self.limits.note(Limit.PARSED_BYTES, PARSE_LIMIT, len(data) - PARSE_LIMIT, where=path)
                found[path] = self._kept[path] = Source(path, data)
                self._bytes += len(data)
            for path in found:
                self._kept.move_to_end(path)
            while self._bytes > self._keep_bytes and len(self._kept) > len(found):
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped.data)
        return found

    def release(self) -> None:
        """Drop the files that are kept, and their syntax trees."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def parsed(self, paths: Iterable[str]) -> dict[str, Source]:
        """Return several files with their definitions already found, so that any thread may read those."""
        with self._lock:
            found = self.many(paths)
            for source in found.values():
                _ = source.definitions
        return found
