"""World: what the shapes of GitHub's answers read of the simulator."""

from __future__ import annotations

from typing import Any, Protocol

from reviewer.demo.simulator.gitdata import FileRow, GitData
from reviewer.demo.simulator.state import PullRequest, Repository, State


class World(Protocol):
    """The simulator's state with the addresses that stand in its answers."""

    url: str
    state: State

    def repo_url(self, repo: Repository) -> str:
        """Return the API address of a repository."""
        ...

    def data(self, repo: Repository) -> GitData:
        """Return the reader of a repository's git data."""
        ...

    def files(self, pull: PullRequest) -> tuple[FileRow, ...]:
        """Return the changed files of a pull request."""
        ...

    def file_shape(self, repo: Repository, row: FileRow, sha: str) -> dict[str, Any]:
        """Shape one changed file of a commit."""
        ...
