"""Scratch repositories for the tests of the local command, made with the real git."""

from __future__ import annotations

from tests.git_folder import GitFolder


class Scratch(GitFolder):
    """A repository in a folder; `write` makes a file, `commit` records what is there."""

    def write(self, path: str, text: str | bytes) -> None:
        self.put(path, text)

    def commit(self, message: str = "c", **files: str | bytes) -> str:
        for path, text in files.items():
            self.write(path, text)
        return self.record(message)
