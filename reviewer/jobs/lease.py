"""Heartbeat: keeps a lease alive while its holder works, and lets it run out when the holder is gone."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

from reviewer.errors import KiloReviewError

log = logging.getLogger(__name__)


class Heartbeat:
    """Calls `beat` every so often on a thread of its own until the block ends; a beat that fails is the last.

    It dies with the process: a stopped or killed holder beats no more, and somebody else may take over.
    """

    def __init__(self, beat: Callable[[], object], *, every: timedelta) -> None:
        self._beat = beat
        self._every = every.total_seconds()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(timeout=self._every)

    def _run(self) -> None:
        while not self._over.wait(self._every):
            try:
                self._beat()
            except KiloReviewError as error:
                # The work finds out by itself, at its next fenced write.
                with contextlib.suppress(ValueError):
                    log.warning("the lease could not be renewed: %s", error)
                return
