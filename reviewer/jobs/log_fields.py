"""Name the work that log lines belong to: a review, a delivery.

What a context names goes onto the lines of that context. What a job names goes onto every line of its process
besides, also those of threads that were started without a context: a process runs one job at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_NONE: Final[Mapping[str, str]] = {}
_context: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default=_NONE)
_process: dict[str, str] = {}


def current_fields() -> Mapping[str, str]:
    """Return what the next log line belongs to."""
    return {**_process, **_context.get()}


@contextmanager
def log_fields(**fields: str) -> Iterator[None]:
    """Name the work of this context until the block ends; empty values are left out."""
    token = _context.set({**_context.get(), **_set(fields)})
    try:
        yield
    finally:
        _context.reset(token)


@contextmanager
def job_fields(**fields: str) -> Iterator[None]:
    """Name the one job that this process runs until the block ends; empty values are left out."""
    before = dict(_process)
    _process.update(_set(fields))
    try:
        yield
    finally:
        _process.clear()
        _process.update(before)


def _set(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
