"""Run a command and end it when the process that started this one is gone.

Run as a script, `python guard.py GRACE COMMAND…`, with a pipe on stdin that nothing is written to: the pipe closes
when the process at its other end ends, in any way, on Linux and on macOS. Only a little of the standard library is
imported: the guard lives as long as its command.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import IO

_PR_SET_PDEATHSIG = 1


def start_guarded(command: list[str], *, grace: float, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start a command under a guard. SIGTERM to the guard ends the command; `grace` is seconds until SIGKILL.

    The guard has its own session, so that a Ctrl-C in the terminal reaches the caller alone.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__)), str(grace), *command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def die_with_parent(signal_number: int = signal.SIGTERM) -> None:
    """Ask the kernel for a signal when the parent thread ends; does nothing where the kernel is not Linux."""
    if sys.platform == "linux":
        # Imported here: macOS has no use for it.
        import ctypes  # noqa: PLC0415

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal_number))


def main(arguments: list[str]) -> int:
    """Run the command until it ends, stdin closes or SIGTERM comes; return its exit status."""
    grace, command = float(arguments[0]), arguments[1:]
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    asked: list[int] = []

    def wake(signal_number: int, _frame: FrameType | None) -> None:
        asked.append(signal_number)
        os.write(wake_write, b"x")

    for signal_number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(signal_number, wake)
    # One thread only here, so that running code between fork and exec is safe.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)  # noqa: PLW1509
    while child.poll() is None:
        ready, _, _ = select.select([0, wake_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 64)
        if 0 in ready or signal.SIGTERM in asked or signal.SIGINT in asked:
            child.terminate()
            try:
                child.wait(grace)
            except subprocess.TimeoutExpired:
                child.kill()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
