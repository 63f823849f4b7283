"""Which folders may be reviewed: those that the server was started for, and nothing that a link leads to."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from reviewer.errors import ConfigurationError, PathRefused
from reviewer.git.regular_file import read_regular
from reviewer.local.repository import POINTER_LIMIT, Repository, find_repository


class Roots:
    """The folders of `--root`."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Raises ConfigurationError for what is no folder."""
        for folder in folders:
            if not folder.is_dir():
                raise ConfigurationError(f"--root {folder} is not a folder", remedy="Name a folder that exists.")
        self.folders = tuple(dict.fromkeys(folder.resolve() for folder in folders))

    def folder(self, path: str) -> Path:
        """Return the folder that a caller names; "" is the root where there is only one.

        Raises PathRefused outside the roots, whether or not there is anything.
        """
        if not path and len(self.folders) > 1:
            raise ConfigurationError("this server has several folders", remedy=f"Name one as `path`: {self}.")
        try:
            # A path that begins with / stays as it is.
            folder = (self.folders[0] / path).resolve()
        except (OSError, ValueError, RuntimeError):
            raise ConfigurationError(f"{path!r} is not a path", remedy=f"Name a folder in {self}.") from None
        if not self._holds(folder):
            raise self._refusal(path)
        if not folder.is_dir():
            raise ConfigurationError(f"{path!r} is not a folder", remedy=f"Name a folder in {self}.")
        return folder

    def repository(self, path: str) -> tuple[Path, Repository]:
        """Return the folder and its repository; PathRefused where work tree or repository lie outside the roots."""
        folder = self.folder(path)
        repository = find_repository(folder)
        if not self._holds(repository.root.resolve()):
            raise self._refusal(f"the top {repository.root} of the repository")
        inside = self._holds(repository.git_dir.resolve()) and self._holds(repository.common_dir.resolve())
        if not inside and not _is_linked_worktree(repository):
            raise self._refusal(f"the repository that {repository.root / '.git'} leads to")
        return folder, repository

    def __str__(self) -> str:
        return ", ".join(map(str, self.folders))

    def _holds(self, path: Path) -> bool:
        return any(path.is_relative_to(folder) for folder in self.folders)

    def _refusal(self, what: str) -> PathRefused:
        return PathRefused(
            f"{what} is outside the folders that this server may review: {self}.\n"
            "Name a folder in there, or ask the person to start `kilo-review mcp` with another --root.",
            rule="root",
        )


def _is_linked_worktree(repository: Repository) -> bool:
    """Tell whether the repository itself names this work tree as one of its own (`git worktree add`)."""
    marker = repository.root / ".git"
    with contextlib.suppress(OSError, ValueError):
        named = read_regular(repository.git_dir / "gitdir", POINTER_LIMIT).decode("utf-8", "surrogateescape")
        return marker.is_file() and Path(named.strip()).resolve() == marker.resolve()
    return False
