"""Create one thing on GitHub once, also where the answer to the creation does not come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reviewer.errors import GitHubUnavailable
from reviewer.publish.settle import Settle

T = TypeVar("T")


def create_once(create: Callable[[], T], find: Callable[[], T | None], settle: Settle) -> T:
    """Create one thing. Where the answer does not come, look for it; raise where it is not there."""
    try:
        return create()
    except GitHubUnavailable:
        for _look in settle.looks():
            found = find()
            if found is not None:
                return found
        raise
