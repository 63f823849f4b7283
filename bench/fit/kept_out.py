"""Which repositories no training set, fit, threshold or choice may contain: `bench/data/not-for-training.txt`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

LIST: Final = Path(__file__).parents[1] / "data" / "not-for-training.txt"
# The last part of a name that one of the listed repositories, or its copy, has elsewhere.
OTHER_NAMES: Final = frozenset(
    {"semantic-kernel-dotnet", "osu-lazer", "geminicli", "claude-dev", "bluewave-uptime"}
)


@cache
def kept_out() -> frozenset[str]:
    """Return the listed repositories, as they are written."""
    lines = (line.strip() for line in LIST.read_text("utf-8").splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


def is_kept_out(repo: str) -> bool:
    """Return True for a listed repository and for its forks, mirrors and renames: whatever has its last name."""
    return _last_name(repo) in _last_names()


@cache
def _last_names() -> frozenset[str]:
    return frozenset(map(_last_name, kept_out())) | OTHER_NAMES


def _last_name(repo: str) -> str:
    return repo.strip().lower().removesuffix(".git").replace("+", "/").rstrip("/").rpartition("/")[2]
