"""Real git repositories for the context tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.git_folder import GitFolder


class Repository(GitFolder):
    """A repository whose commits are given as a mapping of paths to contents; None deletes."""

    @property
    def git_dir(self) -> Path:
        return self.root / ".git"

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        for name, content in files.items():
            if content is None:
                (self.root / name).unlink()
            else:
                self.put(name, content)

    def commit(self, files: Mapping[str, str | bytes | None], message: str = "change") -> str:
        self.write(files)
        return self.record(message, "-f")

    def diff(self, base: str, head: str) -> str:
        return self.git("diff", "--no-color", base, head)
