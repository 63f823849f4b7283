"""What a case is reviewed from: its diff, and its commits where a mirror or GitHub has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from reviewer.change.model import Change
from reviewer.change.parse import parse_diff
from reviewer.errors import ConfigurationError, KiloReviewError
from reviewer.git.commit import GitSnapshot
from reviewer.git.git import run_git
from reviewer.git.snapshot import Snapshot
from reviewer.github.change_source import diff_of
from reviewer.prompts.about import About
from reviewer.quality.case import Case

FROM_MIRROR: Final = "mirror"
FROM_DIFF: Final = "diff alone"
FROM_GITHUB: Final = "GitHub"


@dataclass(frozen=True, slots=True)
class Content:
    """A change to review; `head` and `base` are None where only the diff is known, as `read_from` says."""

    change: Change
    head: Snapshot | None
    base: Snapshot | None
    read_from: str
    about: About


# Opens a case that only GitHub has, until the stack ends.
FromGitHub = Callable[[Case, ExitStack], Content]


@contextmanager
def open_content(case: Case, mirrors: Path | None, from_github: FromGitHub | None) -> Iterator[Content]:
    """Open a case: from a mirror with its commits, else its own diff alone, else GitHub.

    Raises ConfigurationError where none of them has it.
    """
    git_dir = find_mirror(mirrors, case.repository) if mirrors else None
    with ExitStack() as stack:
        if git_dir and case.base and case.head and has_commits(git_dir, case.base, case.head):
            base = stack.enter_context(GitSnapshot.open(git_dir, case.base))
            head = stack.enter_context(GitSnapshot.open(git_dir, case.head))
            change = _of_diff(case) if case.diff else diff_of(git_dir, case.base, case.head)
            yield Content(change, head, base, FROM_MIRROR, _about(case))
        elif case.diff:
            yield Content(_of_diff(case), None, None, FROM_DIFF, _about(case))
        elif from_github:
            yield from_github(case, stack)
        else:
            raise ConfigurationError(
                f"{case.name} comes without a diff, and no mirror has its commits",
                remedy="Name a folder of bare clones with --mirrors, or let it be fetched with --fetch.",
            )


def find_mirror(mirrors: Path, repository: str) -> Path | None:
    """Return the git directory of a repository in a folder of clones, None where there is none."""
    joined = repository.replace("/", "+")
    for name in (f"{joined}/repo", joined, f"{joined}.git", repository, f"{repository}.git"):
        for path in (mirrors / name, mirrors / name / ".git"):
            if (path / "objects").is_dir():
                return path
    return None


def has_commits(git_dir: Path, *commits: str) -> bool:
    """Tell whether a repository has these commits."""
    try:
        for commit in commits:
            run_git(["cat-file", "-e", f"{commit}^{{commit}}"], git_dir=git_dir)
    except KiloReviewError:
        return False
    return True


def _of_diff(case: Case) -> Change:
    return replace(parse_diff(case.diff.encode("utf-8", "surrogateescape")), base=case.base, head=case.head)


def _about(case: Case) -> About:
    return About(title=case.title)
