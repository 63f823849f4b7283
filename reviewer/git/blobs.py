"""Blobs: the content of git objects from one long-lived `git cat-file --batch`."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reviewer.errors import GitFailed
from reviewer.git.git import git_command, git_environment

# Requests in flight: far fewer bytes than a pipe holds, so that neither side ever waits for the other.
_BATCH: Final = 256
_CACHE_BYTES: Final = 48 * 1024 * 1024
_ID_LENGTHS: Final = (40, 64)


class BlobReader:
    """Reads blobs by id. Any thread may call it; the last ones read stay in memory, up to a bound in bytes.

    The process starts at the first read and is started again should it die between two reads.
    """

    def __init__(self, git_dir: Path, *, cache_bytes: int = _CACHE_BYTES) -> None:
        self._git_dir = git_dir
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._cache_bytes = cache_bytes
        self._cached = 0

    def read(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the content of every id that names a blob in the repository; others are left out.

        Raises GitFailed where git cannot be asked.
        """
        wanted = [blob for blob in dict.fromkeys(ids) if _is_id(blob)]
        with self._lock:
            found = {blob: self._cache[blob] for blob in wanted if blob in self._cache}
            for blob in found:
                self._cache.move_to_end(blob)
            missing = [blob for blob in wanted if blob not in found]
            for at in range(0, len(missing), _BATCH):
                found.update(self._ask(missing[at : at + _BATCH]))
        return found

    def release(self) -> None:
        """End the process and drop the blobs that are kept; a later read starts it again."""
        with self._lock:
            self._stop()
            self._cache.clear()
            self._cached = 0

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def _ask(self, ids: list[str]) -> dict[str, bytes]:
        try:
            return self._exchange(ids)
        except (OSError, ValueError):
            # Killed from outside, or out of memory, since the last read: once more with a new one.
            self._stop()
        try:
            return self._exchange(ids)
        except (OSError, ValueError) as error:
            self._stop()
            raise GitFailed(f"git cat-file does not answer: {type(error).__name__}") from None

    def _exchange(self, ids: list[str]) -> dict[str, bytes]:
        process = self._running()
        if process.stdin is None or process.stdout is None:
            raise ValueError("no pipes")
        process.stdin.write("".join(f"{blob}\n" for blob in ids).encode())
        process.stdin.flush()
        found: dict[str, bytes] = {}
        for blob in ids:
            header = process.stdout.readline().split()
            if len(header) < 2:
                raise ValueError("end of output")
            if len(header) != 3:
                continue
            size = int(header[2])
            data = process.stdout.read(size + 1)
            if len(data) != size + 1:
                raise ValueError("end of output")
            if header[1] == b"blob":
                found[blob] = data[:-1]
                self._keep(blob, found[blob])
        return found

    def _keep(self, blob: str, data: bytes) -> None:
        if len(data) > self._cache_bytes // 8:
            return
        self._cache[blob] = data
        self._cached += len(data)
        while self._cached > self._cache_bytes:
            _, dropped = self._cache.popitem(last=False)
            self._cached -= len(dropped)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                git_command(["cat-file", "--batch"], git_dir=self._git_dir),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=git_environment(),
                cwd=self._git_dir,
                start_new_session=True,
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.kill()
        process.wait()


def _is_id(text: str) -> bool:
    return len(text) in _ID_LENGTHS and all(char in "0123456789abcdef" for char in text)
