"""What the benchmarks measure with: processes by their resource usage, medians, a model that is instant."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.simulators.provider import KEY, ProviderSimulator

ROOT = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024
MODEL = "instant"


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished process: wall and user + system seconds with those of its children, peak memory in bytes."""

    started: float
    wall: float
    cpu: float
    peak: int
    status: int


def ran(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran:
    """Run a process to its end; its output goes nowhere."""
    started = time.monotonic()
    process = subprocess.Popen(
        list(command),
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _pid, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Ran(started, wall, usage.ru_utime + usage.ru_stime, peak, process.returncode)


def program(name: str) -> str:
    """Return the path of a command of this installation."""
    return str(Path(sys.executable).parent / name)


def median(values: Sequence[float], digits: int = 3) -> float:
    return round(statistics.median(values), digits)


def load() -> float:
    """Return the load average of the last minute: wall times of a busy machine mean little."""
    return round(os.getloadavg()[0], 1)


class InstantModel:
    """An OpenAI-compatible server in a process of its own that answers at once and notes when each request came.

    Times are of the monotonic clock, which processes of one machine share.
    """

    def __init__(self, *, findings: bool = False) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.measure", "findings" if findings else "nothing"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._read()

    def environ(self, home: Path) -> dict[str, str]:
        """Return an environment in which this model is the only one, and nothing of the user's is used."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KILO_REVIEW_CACHE_DIR": str(home / "cache"),
            "KILO_REVIEW_STATE_DIR": str(home / "state"),
            "KILO_REVIEW_MODEL_URL": self.url,
            "KILO_REVIEW_MODEL": MODEL,
            "KILO_REVIEW_MODEL_KEY": KEY,
        }

    def times(self) -> list[float]:
        """Return when the questions since the last call came in."""
        assert self._process.stdin is not None
        self._process.stdin.write("times\n")
        self._process.stdin.flush()
        times: list[float] = json.loads(self._read())
        return times

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the instant model ended"
        return line.strip()


def _serve(*, findings: bool) -> None:
    from bench.answers import object_to

    simulator = ProviderSimulator("openai", default=object_to) if findings else ProviderSimulator("openai")
    with simulator as provider:
        print(provider.base_url, flush=True)
        for _line in sys.stdin:
            times = [request.at for request in provider.requests if request.body]
            provider.requests.clear()
            provider.books.clear()
            print(json.dumps(times), flush=True)


if __name__ == "__main__":
    _serve(findings=sys.argv[1:] == ["findings"])
