"""The history of one file: which commits touched it, and what it was at each."""

from __future__ import annotations

from pathlib import Path

from reviewer.git.git import run_git


def commits_of(git_dir: Path, head: str, path: str, *, most: int) -> tuple[str, ...]:
    """Return the commits that touched a file, newest first, `most` of them; GitFailed where git does.

    Merges are left out: what came from the base is no work of the branch.
    """
    args = ["rev-list", "--no-merges", f"--max-count={most}", head, "--", f":(literal,top){path}"]
    return tuple(run_git(args, git_dir=git_dir).decode("ascii", "replace").split())


def file_at(git_dir: Path, commit: str, path: str) -> str:
    """Return the text of a file at a commit, "" where it has none."""
    out = run_git(["cat-file", "blob", f"{commit}:{path}"], git_dir=git_dir, allowed=(0, 128))
    return out.decode("utf-8", "replace")
