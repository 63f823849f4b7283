"""Threads for the calls of a review, ended together when the review ends early."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reviewer.models.ask import ModelClient


@contextmanager
def review_threads(workers: int, models: ModelClient) -> Iterator[ThreadPoolExecutor]:
    """Open `workers` threads and wait for them at the end.

    When the review ends early (Ctrl-C, SIGTERM, a lost lease, LedgerUnavailable), the model calls under way are
    ended and what has not begun is cancelled.
    """
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        yield pool
    except BaseException:
        models.stop()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown(wait=True)
