"""What a command says while it works: one line on standard error, redrawn on a terminal, silent in a pipe."""

from __future__ import annotations

import sys
import threading
from decimal import Decimal
from types import TracebackType
from typing import Final, Self, TextIO

from reviewer.publish.figures import money, tokens
from reviewer.steps.progress import Progress

_WORDS: Final = {
    "scope": "reading the change",
    "units": "reviewing",
    "evidence": "waiting for the analysers",
    "verification": "checking the findings",
    "done": "done",
}


class ProgressLine:
    """Shows stage, units done, tokens and money so far."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._on = not quiet and self._stream.isatty()
        self._lock = threading.Lock()
        self._width = 0

    def __call__(self, progress: Progress) -> None:
        """Redraw the line."""
        if not self._on:
            return
        with self._lock:
            text = sentence(progress)
            self._stream.write("\r" + text.ljust(self._width))
            self._stream.flush()
            self._width = len(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()


def sentence(progress: Progress) -> str:
    """Return `reviewing 3/8 · 12,345 tokens · $0.0042`."""
    parts = [_WORDS.get(progress.stage, progress.stage)]
    if progress.total:
        parts[0] += f" {progress.done}/{progress.total}"
    used = progress.usage.input + progress.usage.output
    if used:
        parts.append(f"{tokens(used)} tokens")
    if progress.cost is None or progress.cost > Decimal(0):
        parts.append(money(progress.cost))
    return " · ".join(parts)
