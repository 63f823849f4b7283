"""Name the commit that mended each finding: the newest one of its file that took the code away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from reviewer.change.quotes import squeeze
from reviewer.errors import GitFailed
from reviewer.git.commit import GitSnapshot
from reviewer.git.history import commits_of, file_at
from reviewer.git.snapshot import Snapshot
from reviewer.steps.result import FixedFinding

# Commits of a file that are looked at, newest first; a push seldom has more.
MOST_COMMITS: Final = 20


def with_commits(fixed: Sequence[FixedFinding], head: Snapshot | None) -> tuple[FixedFinding, ...]:
    """Return the mended findings with the commits that did it, the head where the history does not tell."""
    if not isinstance(head, GitSnapshot):
        return tuple(replace(one, commit=head.commit if head else "") for one in fixed)
    return tuple(replace(one, commit=_commit(one, head.git_dir, head.commit)) for one in fixed)


def _commit(fixed: FixedFinding, git_dir: Path, head: str) -> str:
    """Return the newest commit after which a file lacks the code that it had before; else its newest commit."""
    try:
        commits = commits_of(git_dir, head, fixed.path, most=MOST_COMMITS)
        for newer, older in pairwise(commits):
            if _has(file_at(git_dir, older, fixed.path), fixed.quote):
                return newer
    except GitFailed:
        return head
    return next(iter(commits), head)


def _has(text: str, quote: str) -> bool:
    """Tell whether the lines of a quote stand in a file one after the other, blank lines and white space aside."""
    wanted = [line for line in map(squeeze, quote.split("\n")) if line]
    lines = [line for line in map(squeeze, text.split("\n")) if line]
    return any(lines[at : at + len(wanted)] == wanted for at in range(len(lines) - len(wanted) + 1))
