"""Slots: how many calls of one process may be in flight to one provider."""

from __future__ import annotations

import os
import threading
from typing import Final

# As many as the HTTP client has connections. What a hosted provider allows depends on the account, and it says so:
# a 429 with a pause is obeyed. A local server works on one prompt at a time; a queue would eat the time limit.
HOSTED: Final = 256
LOCAL: Final = 1

_lock = threading.Lock()
_slots: dict[tuple[str, int], threading.BoundedSemaphore] = {}


def slots_of(provider: str, *, local: bool) -> threading.BoundedSemaphore:
    """Return the slots of a provider, which all reviews of this process share; held while a call is in flight."""
    size = LOCAL if local else HOSTED
    with _lock:
        return _slots.setdefault((provider, size), threading.BoundedSemaphore(size))


def _forget() -> None:
    """Start a forked child with free slots: what its parent holds, no thread of the child gives back."""
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it at the fork
    _lock = threading.Lock()
    _slots.clear()


os.register_at_fork(after_in_child=_forget)
