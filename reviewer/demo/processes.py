"""The processes that the demo starts: guarded, so that they end with it however it ends, and their logs kept."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from reviewer.errors import ConfigurationError
from reviewer.queue import supervised_command as guard

STOP_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.05
LOG_LINES: Final = 15


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int, path: str, *, host: str = "127.0.0.1", timeout: float = 1.0) -> bool:
    """True where an HTTP server answers a path with 200."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass(slots=True)
class Process:
    """A command under a guard. `log` gets its output; `environ` None inherits ours."""

    name: str
    command: Sequence[str]
    log: Path
    environ: Mapping[str, str] | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _output: IO[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the command."""
        self._output = self.log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(guard.__file__), str(STOP_SECONDS), *self.command],
            # The guard ends its command when this pipe closes, so also when we are killed.
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=None if self.environ is None else dict(self.environ),
            start_new_session=True,
        )

    def alive(self) -> bool:
        """True while the command runs."""
        return self._process is not None and self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until it is ready; ConfigurationError with its last words where it ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.alive():
                raise ConfigurationError(f"{self.name} ended before it was ready", remedy=self.last_words())
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"{self.name} was not ready within {seconds:.0f} s", remedy=self.last_words()
                )
            time.sleep(POLL_SECONDS)

    def last_words(self, lines: int = LOG_LINES) -> str:
        """Return the end of the log."""
        with contextlib.suppress(OSError):
            text = self.log.read_text(encoding="utf-8", errors="replace").strip()
            return "\n".join(text.splitlines()[-lines:])
        return ""

    def stop(self) -> None:
        """End the command, and wait until it has ended."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS + 2)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            if self._process.stdin:
                self._process.stdin.close()
            self._process = None
        if self._output is not None:
            self._output.close()
            self._output = None
