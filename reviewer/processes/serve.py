"""Serve: web, worker and clock in one command, with a Redis and a ledger of their own where none are set."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Final

from reviewer.errors import ConfigurationError, LedgerUnavailable
from reviewer.processes import jobs
from reviewer.processes.address import check_address
from reviewer.processes.child import PARENT_OPTION
from reviewer.processes.logs import printer
from reviewer.processes.start import check_app
from reviewer.settings import Settings

if TYPE_CHECKING:
    from reviewer.queue.embedded import EmbeddedRedis

WORKER: Final = "worker"
ROLES: Final = ("web", WORKER, "clock")
# Hosts give 30 seconds between SIGTERM and SIGKILL; the embedded Redis stops after the processes that use it.
STOP_SECONDS: Final = 18.0
READY_SECONDS: Final = 30.0
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
# A process that ran this long had started well: the next pause is the shortest again.
SETTLED_SECONDS: Final = 60.0
TICK_SECONDS: Final = 0.2
SHOWN_URL: Final = "/webhooks/github"


@dataclass(slots=True)
class Child:
    """One supervised process. `pause` is how many seconds it waits before the next start."""

    role: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    start_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Start the children, start again what ends, stop all on SIGTERM or Ctrl-C.

    `program` is the command line of this program: a child is one of its commands. `say` takes progress lines.
    """

    settings: Settings
    program: Sequence[str]
    roles: Sequence[str] = ROLES
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)  # noqa: T201
    children: list[Child] = field(default_factory=list)
    redis: EmbeddedRedis | None = None
    _asked: int = 0

    def run(self) -> int:
        """Serve until a signal, or until a child cannot be configured; return the exit status."""
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        jobs.configure(self.settings)
        try:
            if self.roles != (WORKER,):
                self._prepare()
            self.children = [
                Child(role)
                for role in self.roles
                for _ in range(self.settings.worker_processes if role == WORKER else 1)
            ]
            for child in self.children:
                self._start(child)
            return self._watch()
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _prepare(self) -> None:
        if self.settings.redis_url:
            self.say("queue    REDIS_URL")
        else:
            # Imported here: most installations have a REDIS_URL.
            from reviewer.queue.embedded import EmbeddedRedis  # noqa: PLC0415

            self.redis = EmbeddedRedis(self.settings.state_dir)
            self.redis.start()
            self.say(f"queue    embedded Redis, {self.settings.state_dir / 'redis'}")
        from reviewer.ledger.ledger import Ledger  # noqa: PLC0415 - loads the database library

        ledger = Ledger.open(self.settings.database_url)
        try:
            if self.settings.database_url.startswith("sqlite"):
                ledger.migrate()
                self.say(f"ledger   {self.settings.database_url.removeprefix('sqlite:///')}")
                return
            self.say("ledger   DATABASE_URL (run `kilo-review migrate` after an update)")
            # Tables that were never made keep every delivery out until somebody makes them; a server that is
            # down just now comes back by itself.
            with contextlib.suppress(LedgerUnavailable):
                ledger.ready()
        finally:
            ledger.close()

    def _start(self, child: Child) -> None:
        child.process = subprocess.Popen(
            [*self.program, child.role, PARENT_OPTION, str(os.getpid())],
            stdin=subprocess.DEVNULL,
            # A Ctrl-C in the terminal is for us; the children stop in our order.
            start_new_session=True,
        )
        child.started = time.monotonic()

    def _watch(self) -> int:
        # Workers alone answer nobody.
        announced = self.roles == (WORKER,)
        began = time.monotonic()
        while not self._asked:
            time.sleep(TICK_SECONDS)
            if self.redis is not None and not self.redis.alive():
                self.say("queue    the embedded Redis died; starting it again, reviews are safe in the ledger")
                self.redis.restart()
                for child in self.children:
                    # A process that ended because of it has no fault, and is started again without a pause.
                    child.pause, child.start_at = FIRST_PAUSE, min(child.start_at, time.monotonic() + FIRST_PAUSE)
            for child in self.children:
                status = self._check(child)
                if status is not None:
                    return status
            if not announced and self._web_answers():
                announced = True
                address = f"http://{self.settings.host}:{self.settings.port}{SHOWN_URL}"
                self.say(f"ready    {address}  (Ctrl-C stops everything)")
            elif not announced and time.monotonic() - began > READY_SECONDS:
                announced = True
                self.say(f"web      has not answered within {READY_SECONDS:.0f} s; its log lines are above")
        return 0

    def _check(self, child: Child) -> int | None:
        """Start a child again that has ended; return an exit status where starting again cannot help."""
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at:
                self._start(child)
            return None
        status = child.process.poll()
        if status is None:
            return None
        if status == ConfigurationError.exit_code:
            return status
        if now - child.started > SETTLED_SECONDS:
            child.pause = FIRST_PAUSE
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        self.say(f"{child.role:<8} {how}; starting it again in {child.pause:g} s")
        if child.role == WORKER:
            self._take_back(child.process.pid, tried=True)
        child.process = None
        child.start_at = now + child.pause
        child.pause = min(child.pause * 2, LONGEST_PAUSE)
        return None

    def _take_back(self, pid: int, *, tried: bool) -> None:
        """Give back the leases and the jobs of a worker that has ended, so that they are taken up at once."""
        # Imported here: most processes never die.
        from reviewer.queue.address import queue_url  # noqa: PLC0415
        from reviewer.queue.queue import ReviewQueue  # noqa: PLC0415

        jobs.release_all(pid, tried=tried)
        with (
            contextlib.suppress(ConfigurationError),
            contextlib.closing(ReviewQueue.open(queue_url(self.settings))) as queue,
        ):
            queue.put_back_of(pid, socket.gethostname())

    def _web_answers(self) -> bool:
        # Imported here: only until the first answer.
        import http.client  # noqa: PLC0415

        connection = http.client.HTTPConnection(self.settings.host, self.settings.port, timeout=1)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _stop(self) -> None:
        running = [child.process for child in self.children if child.process is not None]
        workers = {child.process.pid for child in self.children if child.process and child.role == WORKER}
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        asked = self._asked
        for process in running:
            # A second Ctrl-C means: now.
            while process.poll() is None and time.monotonic() < deadline and self._asked <= max(asked, 1):
                time.sleep(0.05)
            if process.poll() is None:
                self.say(f"killing  process {process.pid}, which did not stop; its review is taken up again")
                process.kill()
                process.wait()
            if process.pid in workers and process.returncode < 0:
                # Told to stop, and killed before it could give them back itself: that uses up no try.
                self._take_back(process.pid, tried=False)
        if self.redis is not None:
            self.redis.stop()
        if running:
            self.say("stopped")

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        # Hosts send SIGTERM again and again and mean the same; a person who presses Ctrl-C twice means: now.
        self._asked = self._asked + 1 if number == signal.SIGINT else max(self._asked, 1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the environment says everything."""
    parser.description = (
        "Run web, worker and clock in one command. Without REDIS_URL an embedded Redis is started and stopped "
        "with it; without DATABASE_URL the ledger is an SQLite file in the state folder."
    )


def main(options: argparse.Namespace) -> int:
    """Run everything until SIGTERM or Ctrl-C; ConfigurationError before anything is started."""
    settings = Settings.from_environ()
    check_app(settings)
    check_address(settings)
    return Supervisor(settings, options.program, say=printer(settings, "serve")).run()
