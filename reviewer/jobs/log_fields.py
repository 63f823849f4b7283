"""Name the work that log lines belong to: a review, a delivery.

What a context names goes onto the lines of that context. A process runs many reviews, each on threads of its own:
whoever starts a thread for a review starts it in a copy of its context.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_NONE: Final[Mapping[str, str]] = {}
_context: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default=_NONE)


def current_fields() -> Mapping[str, str]:
    """Return what the next log line belongs to."""
    return _context.get()


@contextmanager
def log_fields(**fields: str) -> Iterator[None]:
    """Name the work of this context until the block ends; empty values are left out."""
    token = _context.set({**_context.get(), **_set(fields)})
    try:
        yield
    finally:
        _context.reset(token)


def _set(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
