"""Where a work tree's repository is, found by looking at files, not by asking git."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from reviewer.errors import ConfigurationError, GitFailed
from reviewer.git.git import run_git
from reviewer.git.regular_file import read_regular
from reviewer.local.special_files import refuse_special_files

# A `.git` file and a `commondir` hold one path.
POINTER_LIMIT: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Repository:
    """`root` is the work tree; `git_dir` belongs to it alone (a worktree has its own), `common_dir` to all.

    A `bare` repository has no work tree: only its commits can be reviewed. `index_file` is set where git gave a
    hook another index than the usual one (`GIT_INDEX_FILE`): it is what the commit will hold.
    """

    root: Path
    git_dir: Path
    common_dir: Path
    bare: bool = False
    index_file: Path | None = None

    @property
    def objects(self) -> Path:
        """The folder of its objects."""
        return self.common_dir / "objects"

    @property
    def index(self) -> Path:
        """The index that git would commit."""
        return self.index_file or self.git_dir / "index"

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


def find_repository(start: Path, *, index_file: str = "") -> Repository:
    """Return the repository that a folder lies in; ConfigurationError says what to do where there is none.

    It is refused where git would open a pipe or a device in it.

    `index_file` is what git names in GIT_INDEX_FILE: relative to the top of the work tree, or absolute. One that
    lies outside this repository belongs to another and is not used.
    """
    found = _find(start)
    refuse_special_files(found.git_dir, found.common_dir)
    if not index_file or found.bare:
        return found
    index = (found.root / index_file).resolve()
    mine = any(index.is_relative_to(folder.resolve()) for folder in (found.git_dir, found.common_dir))
    return replace(found, index_file=index) if mine and index.is_file() else found


def _find(start: Path) -> Repository:
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
    word, _, target = _text(marker).partition(":")
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
    return (git_dir / _text(pointer).strip()).resolve()


def _text(pointer: Path) -> str:
    try:
        return os.fsdecode(read_regular(pointer, POINTER_LIMIT))
    except OSError as error:
        raise ConfigurationError(
            f"{pointer} cannot be read: {error.strerror}", remedy="Try `git worktree repair`."
        ) from None
