"""Folders: where a file lies, and how near two of them lie to each other. By path alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache


@lru_cache(maxsize=65536)
def folder_of(path: str) -> str:
    """Return the folder of a path, "" at the top."""
    return path[: max(0, path.rfind("/"))]


def places_of(path: str) -> Iterator[str]:
    """Yield a path and its folders, deepest first, the top ("") last."""
    while path:
        yield path
        path = folder_of(path)
    yield ""


def shared_folders(path: str, other: str) -> float:
    """Return the share of the deeper one's folders that both are in, 0 to 1; 0 for two files at the top.

    >>> shared_folders("src/shop/cart.py", "src/shop/tax/rate.py")
    0.6666666666666666
    """
    mine, theirs = path.split("/")[:-1], other.split("/")[:-1]
    same = 0
    for one, two in zip(mine, theirs, strict=False):
        if one != two:
            break
        same += 1
    return same / max(len(mine), len(theirs), 1)
