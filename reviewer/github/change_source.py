"""From a pull request to its Change: GitHub's diff, else the mirror's, else the rows of the files API.

GitHub refuses a diff of more than 300 files or 20,000 lines (406), and its files API hands out rows with zero
counts and no patch, unmarked, past about 20,000 lines. So whatever comes is counted against what the pull request
says of itself, and a file that came without its hunks is marked: nothing is left out in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from reviewer.change.github_files import parse_github_files
from reviewer.change.model import Change, FileChange, FileStatus
from reviewer.change.parse import parse_diff
from reviewer.errors import DiffUnreadable, GitFailed, GitHubUnavailable, RequestRejected
from reviewer.git.git import run_git
from reviewer.github.client import MAX_FILES, GitHub
from reviewer.github.records import PullRequest

DIFF_TIMEOUT_S: Final = 120.0
# Answers that mean "too much", not "wrong".
_TOO_LARGE: Final = frozenset({406, 413, 422})


class Source(StrEnum):
    """Where a change was read from."""

    API_DIFF = "api-diff"
    MIRROR = "mirror"
    API_FILES = "api-files"


@dataclass(frozen=True, slots=True)
class FetchedChange:
    """A change, where it came from and what a reader must know of it; `git_dir` is the mirror, if there is one."""

    change: Change
    source: Source
    notices: tuple[str, ...] = ()
    git_dir: Path | None = None


def fetch_change(gh: GitHub, pr: PullRequest, mirror: Callable[[], Path | None]) -> FetchedChange:
    """Return the change between merge base and head, whole or with its gaps marked.

    `mirror` gives the bare repository with both commits (`Mirrors.ensure`), None where it is over its limit; it is
    called once. Raises what GitHub raises, and GitHubUnavailable where the head moved while we read.
    """
    git_dir, trouble = _mirror(mirror)
    notices = [trouble] if trouble else []
    base = merge_base(git_dir, pr) if git_dir else gh.merge_base(pr.repository, pr.base_sha, pr.head_sha)
    change, why = _from_api(gh, pr, base)
    if change is not None:
        return FetchedChange(change, Source.API_DIFF, tuple(notices), git_dir)
    if git_dir is not None:
        return FetchedChange(diff_of(git_dir, base, pr.head_sha), Source.MIRROR, tuple(notices), git_dir)
    change, told = _from_files(gh, pr, base)
    if told:
        notices.append(f"{why}, and there is no mirror of the repository: {told}.")
    return FetchedChange(change, Source.API_FILES, tuple(notices), None)


def merge_base(git_dir: Path, pr: PullRequest) -> str:
    """Return the commit where base and head part; the base itself for unrelated histories."""
    out = run_git(["merge-base", pr.base_sha, pr.head_sha], git_dir=git_dir, allowed=(0, 1))
    return out.decode("ascii", "replace").strip() or pr.base_sha


def diff_of(git_dir: Path, base: str, head: str) -> Change:
    """Return the change between two commits of a mirror, as GitHub cuts its hunks."""
    out = run_git(
        [
            "diff-tree", "-r", "-p", "--no-commit-id", "--full-index", "--find-renames", "--no-ext-diff",
            "--no-textconv", "--no-color", "--unified=3", "--diff-algorithm=myers", "--src-prefix=a/",
            "--dst-prefix=b/", base, head,
        ],
        git_dir=git_dir,
        timeout=DIFF_TIMEOUT_S,
    )  # fmt: skip
    return parse_diff(out, base=base, head=head)


def _mirror(mirror: Callable[[], Path | None]) -> tuple[Path | None, str]:
    """A mirror that cannot be made costs context, not the review."""
    try:
        return mirror(), ""
    except (GitFailed, GitHubUnavailable) as error:
        return None, f"The repository could not be mirrored ({error}); context comes from GitHub's API."


def _from_api(gh: GitHub, pr: PullRequest, base: str) -> tuple[Change | None, str]:
    """Return GitHub's own diff of exactly this head, or None and why it will not do."""
    try:
        text = gh.diff(pr.repository, pr.number)
    except RequestRejected as error:
        if error.status not in _TOO_LARGE:
            raise
        return None, "GitHub finds the diff too large"
    now = gh.pull_request(pr.repository, pr.number)
    if now.head_sha != pr.head_sha:
        raise GitHubUnavailable(
            f"{pr.repository}#{pr.number} moved from {pr.head_sha[:7]} to {now.head_sha[:7]} while it was read"
        )
    try:
        change = parse_diff(text, base=base, head=pr.head_sha)
    except DiffUnreadable:
        return None, "GitHub's diff cannot be read"
    if not _is_whole(change, now):
        return None, "GitHub's diff leaves some of the change out"
    return change, ""


def _is_whole(change: Change, pr: PullRequest) -> bool:
    """Compare with what the pull request says of itself."""
    if any(file.truncated for file in change.files):
        return False
    if pr.changed_files is not None and len(change.files) < pr.changed_files:
        return False
    added = sum(file.additions for file in change.files)
    removed = sum(file.deletions for file in change.files)
    return (pr.additions is None or added >= pr.additions) and (pr.deletions is None or removed >= pr.deletions)


def _from_files(gh: GitHub, pr: PullRequest, base: str) -> tuple[Change, str]:
    """Return the change of the files API, its gaps marked, and a sentence on them."""
    change = parse_github_files(gh.files(pr.repository, pr.number), base=base, head=pr.head_sha)
    files = change.files
    told = []
    if cut := sum(file.truncated for file in files):
        told.append(f"{cut:,} of {len(files):,} files came without their changes and were not reviewed")
    unnamed = (pr.changed_files or 0) - len(files)
    if unnamed > 0:
        # Counted in the coverage too: a change with files that were not seen is not complete.
        path = f"({unnamed:,} more changed files that GitHub does not list)"
        files = (*files, FileChange(path, None, FileStatus.CHANGED, truncated=True))
        told.append(f"{unnamed:,} more are not even listed, GitHub stops at {MAX_FILES:,}")
    return replace(change, files=files), " and ".join(told)
