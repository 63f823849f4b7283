"""Commits: base and head of a pull request, opened for reading."""

from __future__ import annotations

from contextlib import ExitStack

from reviewer.git.commit import GitSnapshot
from reviewer.git.snapshot import Snapshot
from reviewer.github.change_source import FetchedChange
from reviewer.github.client import GitHub
from reviewer.github.contents import ContentsSnapshot
from reviewer.github.records import PullRequest


def open_commits(
    gh: GitHub, pr: PullRequest, fetched: FetchedChange, stack: ExitStack
) -> tuple[Snapshot, Snapshot]:
    """Open base and head: from the mirror, else from the contents API within its request budget."""
    shots: list[Snapshot] = []
    for commit in (fetched.change.base, pr.head_sha):
        if fetched.git_dir is not None:
            shots.append(stack.enter_context(GitSnapshot.open(fetched.git_dir, commit)))
        else:
            remote = ContentsSnapshot(gh, pr.repository, commit)
            stack.callback(remote.close)
            shots.append(remote)
    return shots[0], shots[1]
