"""Repositories that no training set, fit, threshold or choice may contain: `bench/data/not_for_training.txt`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

LIST: Final = Path(__file__).parent / "data" / "not_for_training.txt"


@cache
def held_out() -> frozenset[str]:
    """Return the repositories as `owner/name`, in lower case."""
    lines = (line.strip() for line in LIST.read_text("utf-8").split("\n"))
    return frozenset(line.lower() for line in lines if line and not line.startswith("#"))


def is_held_out(repo: str) -> bool:
    """Tell whether a repository is on the list, by its full name or, as a fork or mirror, by its last part."""
    name = repo.strip().lower().removesuffix(".git").replace("+", "/")
    tails = {known.rpartition("/")[2] for known in held_out()}
    return name in held_out() or name.rpartition("/")[2] in tails
