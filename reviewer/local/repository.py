"""Where a work tree's repository is, found by looking at files, not by asking git."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from reviewer.errors import ConfigurationError, GitFailed
from reviewer.git.git import run_git


@dataclass(frozen=True, slots=True)
class Repository:
    """`root` is the work tree; `git_dir` belongs to it alone (a worktree has its own), `common_dir` to all.

    A `bare` repository has no work tree: only its commits can be reviewed.
    """

    root: Path
    git_dir: Path
    common_dir: Path
    bare: bool = False

    @property
    def objects(self) -> Path:
        """The folder of its objects."""
        return self.common_dir / "objects"

    def git(self, *args: str) -> str:
        """Run a plumbing command that looks at no file of the work tree; its output without the last line end."""
        return run_git(args, git_dir=self.git_dir).decode("utf-8", "surrogateescape").rstrip("\n")

    def resolve(self, revision: str) -> str | None:
        """Return the commit id of a revision, None where there is none."""
        with contextlib.suppress(GitFailed):
            return (
                self.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}") or None
            )
        return None

    def config(self, key: str) -> str:
        """Return a value of the repository's own configuration, "" where it is not set. Reading it runs nothing."""
        with contextlib.suppress(GitFailed):
            return self.git("config", "--local", "--get", key)
        return ""


def find_repository(start: Path) -> Repository:
    """Return the repository that a folder lies in; ConfigurationError says what to do where there is none."""
    here = start.resolve()
    for folder in (here, *here.parents):
        marker = folder / ".git"
        if marker.is_dir():
            return Repository(folder, marker, _common(marker))
        if marker.is_file():
            git_dir = _pointed(marker)
            return Repository(folder, git_dir, _common(git_dir))
        if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
            return Repository(folder, folder, _common(folder), bare=True)
    raise ConfigurationError(
        f"{start} is not inside a git repository", remedy="Change into one, or name one with --repo DIR."
    )


def _pointed(marker: Path) -> Path:
    """Follow the `gitdir:` line of a worktree's or submodule's .git file."""
    word, _, target = marker.read_text("utf-8", "surrogateescape").partition(":")
    git_dir = (marker.parent / target.strip()).resolve()
    if word != "gitdir" or not (git_dir / "HEAD").is_file():
        raise ConfigurationError(
            f"{marker} does not lead to a repository", remedy="Try `git worktree repair` or `git submodule update`."
        )
    return git_dir


def _common(git_dir: Path) -> Path:
    pointer = git_dir / "commondir"
    if not pointer.is_file():
        return git_dir
    return (git_dir / pointer.read_text("utf-8", "surrogateescape").strip()).resolve()
