"""Threads for the calls of a review, ended together when the review ends early."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from reviewer.models.ask import ModelClient

P = ParamSpec("P")
T = TypeVar("T")


class _InContext(ThreadPoolExecutor):
    """Threads that work in the context of who submits: their log lines name the review."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return super().submit(partial(copy_context().run, fn, *args, **kwargs))


@contextmanager
def review_threads(workers: int, models: ModelClient) -> Iterator[ThreadPoolExecutor]:
    """Open `workers` threads and wait for them at the end.

    When the review ends early (Ctrl-C, SIGTERM, a lost lease, LedgerUnavailable), the model calls under way are
    ended and what has not begun is cancelled.
    """
    pool = _InContext(max_workers=workers)
    try:
        yield pool
    except BaseException:
        models.stop()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown(wait=True)
