"""Which changes a command means, as a Change between two commits with a snapshot of each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from reviewer.change.model import Change
from reviewer.change.parse import parse_diff
from reviewer.errors import ConfigurationError, GitFailed
from reviewer.findings.model import Skipped
from reviewer.git.commit import GitSnapshot
from reviewer.git.git import run_git
from reviewer.local.overlay import Overlay, overlay_index, overlay_worktree, scratch_repository, unmerged
from reviewer.local.repository import Repository

_DIFF: Final = (
    "diff-tree", "-r", "-p", "--full-index", "-M", "--no-ext-diff", "--no-textconv", "--no-color",
    "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "--unified=3", "--no-relative",
)  # fmt: skip
# Where a remote's default branch is looked for when it was never recorded.
_DEFAULT_BRANCHES: Final = ("main", "master", "trunk", "develop")


class Which(StrEnum):
    """The selections of the command line."""

    UNCOMMITTED = "uncommitted"
    STAGED = "staged"
    UNPUSHED = "unpushed"
    BASE = "base"
    COMMIT = "commit"
    RANGE = "range"


@dataclass(frozen=True, slots=True)
class Selection:
    """What to review: `which`, its revision where it has one, and pathspecs; `head` only for RANGE."""

    which: Which = Which.UNCOMMITTED
    revision: str = ""
    head: str = ""
    pathspecs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selected:
    """The change, its two commits open for reading, what was not read and why, and sentences for the reader."""

    change: Change
    base: GitSnapshot
    head: GitSnapshot
    untouched: tuple[Skipped, ...]
    notices: tuple[str, ...]


@contextmanager
def select(repository: Repository, selection: Selection) -> Iterator[Selected]:
    """Open a selection; the scratch repository lives as long as the context.

    Raises ConfigurationError for a revision that is not there, saying what was looked for.
    """
    with tempfile.TemporaryDirectory(prefix="kilo-review-") as folder:
        git_dir = scratch_repository(repository, Path(folder))
        base, overlay, notices = _commits(repository, git_dir, selection)
        change = diff_between(git_dir, base, overlay.commit, selection.pathspecs)
        with GitSnapshot.open(git_dir, base) as before, GitSnapshot.open(git_dir, overlay.commit) as after:
            untouched = tuple(Skipped(path, "", reason, excluded=True) for path, reason in overlay.untouched)
            yield Selected(change, before, after, untouched, notices)


def diff_between(git_dir: Path, base: str, head: str, pathspecs: Sequence[str] = ()) -> Change:
    """Return the change between two commits; pathspecs are git's, relative to the top of the work tree."""
    try:
        diff = run_git([*_DIFF, base, head, "--", *pathspecs], git_dir=git_dir)
    except GitFailed as error:
        if pathspecs and "pathspec" in error.detail:
            raise ConfigurationError(error.detail, remedy="See `git help glossary`, pathspec.") from None
        raise
    return replace(parse_diff(diff), base=base, head=head)


def _commits(repository: Repository, git_dir: Path, selection: Selection) -> tuple[str, Overlay, tuple[str, ...]]:
    """Return the commit to compare with, the one that holds the changes, and notices."""
    head = repository.resolve("HEAD")
    if repository.bare and selection.which in (Which.UNCOMMITTED, Which.STAGED, Which.BASE):
        raise ConfigurationError(
            f"{repository.root} is a bare repository: it has no work tree",
            remedy="Run it in a clone, or name commits: --base A --head B, or --commit REV.",
        )
    match selection.which:
        case Which.UNCOMMITTED:
            overlay = overlay_worktree(repository, git_dir, head)
            return overlay.parent, overlay, _conflicts(repository)
        case Which.STAGED:
            _refuse_conflicts(repository)
            overlay = overlay_index(repository, git_dir, head)
            return overlay.parent, overlay, ()
        case Which.BASE:
            start = _merge_base(repository, _needed(repository, selection.revision), _born(head))
            overlay = overlay_worktree(repository, git_dir, head)
            return start, overlay, _conflicts(repository)
        case Which.UNPUSHED:
            start, words = _published(repository, _born(head))
            return start, Overlay(git_dir, start, _born(head), ()), (words,)
        case Which.COMMIT:
            commit = _needed(repository, selection.revision)
            parent = repository.resolve(f"{commit}^1") or _empty(git_dir)
            return parent, Overlay(git_dir, parent, commit, ()), ()
        case Which.RANGE:
            last = _needed(repository, selection.head or "HEAD")
            start = _merge_base(repository, _needed(repository, selection.revision), last)
            return start, Overlay(git_dir, start, last, ()), ()


def _needed(repository: Repository, revision: str) -> str:
    found = repository.resolve(revision)
    if found is None:
        raise ConfigurationError(
            f"{revision!r} is no commit of {repository.root}",
            remedy="Name a branch, tag or commit id that `git log` shows; fetch it first if it is on the remote.",
        )
    return found


def _born(head: str | None) -> str:
    if head is None:
        raise ConfigurationError(
            "this branch has no commit yet", remedy="Leave the option out to review everything."
        )
    return head


def _merge_base(repository: Repository, one: str, other: str) -> str:
    try:
        return repository.git("merge-base", one, other).splitlines()[0]
    except (GitFailed, IndexError):
        # Histories that share nothing: everything of the one counts as new against the other.
        return one


def _published(repository: Repository, head: str) -> tuple[str, str]:
    """Return what the remote already has: the upstream, else the merge base with the default branch."""
    upstream = repository.resolve("@{upstream}")
    if upstream:
        name = repository.git("rev-parse", "--abbrev-ref", "@{upstream}")
        return _merge_base(repository, upstream, head), f"compared with the upstream {name}"
    found = _default_branch(repository, head)
    if found is None:
        raise ConfigurationError(
            "this branch has no upstream and no default branch to compare with",
            remedy="Name one: --base REV, or set it: git branch --set-upstream-to=origin/main.",
        )
    return _merge_base(repository, found[0], head), f"no upstream: compared with {found[1]}"


def default_base(repository: Repository, commit: str) -> str | None:
    """Return where a commit's branch leaves the default branch, None where there is none to compare with."""
    found = _default_branch(repository, commit)
    return _merge_base(repository, found[0], commit) if found else None


def _default_branch(repository: Repository, commit: str) -> tuple[str, str] | None:
    remotes = [f"refs/remotes/origin/{name}" for name in ("HEAD", *_DEFAULT_BRANCHES)]
    for ref in (*remotes, *(f"refs/heads/{name}" for name in _DEFAULT_BRANCHES)):
        found = repository.resolve(ref)
        if found and found != commit:
            return found, ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")
    return None


def _conflicts(repository: Repository) -> tuple[str, ...]:
    paths = unmerged(repository)
    if not paths:
        return ()
    return (
        f"{len(paths)} file(s) with unresolved conflicts, reviewed as they are on disk: {', '.join(paths[:5])}",
    )


def _refuse_conflicts(repository: Repository) -> None:
    paths = unmerged(repository)
    if paths:
        raise ConfigurationError(
            f"unresolved conflicts in {', '.join(paths[:5])}",
            remedy="Resolve and `git add` them, or drop --staged.",
        )


def _empty(git_dir: Path) -> str:
    """Make a commit without files: what a root commit is compared with."""
    tree = run_git(["hash-object", "-t", "tree", "-w", "--stdin"], git_dir=git_dir, input=b"").decode().strip()
    who = "kilo-review <> 0 +0000"
    commit = f"tree {tree}\nauthor {who}\ncommitter {who}\n\n".encode()
    return run_git(["hash-object", "-t", "commit", "-w", "--stdin"], git_dir=git_dir, input=commit).decode().strip()
