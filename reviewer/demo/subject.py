"""What the demo reviews: the sample's pull request, or one made from two commits of the user's own repository."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reviewer.demo import sample
from reviewer.demo.git import Git
from reviewer.demo.simulator import GitHubSimulator
from reviewer.errors import ConfigurationError

ADOPTED_OWNER: Final = "local"
ADOPTED_AUTHOR: Final = "you"


@dataclass(frozen=True, slots=True)
class Subject:
    """A pull request that can be opened: everything that a person would type."""

    full_name: str
    title: str
    body: str
    author: str
    base: str
    head: str
    is_sample: bool


def prepare_sample(simulator: GitHubSimulator, folder: Path) -> Subject:
    """Build the sample repository and put it on the simulator."""
    built = sample.build(folder / "sample", Git(folder / "sample-git"))
    simulator.create_repository(sample.FULL_NAME, source=built.path, collaborators=sample.COLLABORATORS)
    return Subject(
        sample.FULL_NAME,
        sample.TITLE,
        sample.BODY,
        sample.AUTHOR,
        sample.BASE_BRANCH,
        sample.HEAD_BRANCH,
        is_sample=True,
    )


def adopt(simulator: GitHubSimulator, repository: Path, base: str, head: str) -> Subject:
    """Copy two commits of an existing repository to the simulator. Nothing is written to the repository.

    ConfigurationError where there is no repository, no such revision, or no difference.
    """
    git = simulator.hub.git
    if not repository.is_dir() or not git.at(repository).commit_of("HEAD"):
        raise ConfigurationError(
            f"--repo {repository} is not a git repository with a commit",
            remedy="Give the folder of a git repository.",
        )
    git = git.at(repository)
    commits = {name: git.commit_of(revision) for name, revision in (("--base", base), ("--head", head))}
    for (name, commit), revision in zip(commits.items(), (base, head), strict=True):
        if commit is None:
            raise ConfigurationError(
                f"{name} {revision} is no commit of {repository}", remedy="Give a branch, a tag or a commit id."
            )
    base_id, head_id = str(commits["--base"]), str(commits["--head"])
    if not git.text("rev-list", "--max-count=1", f"{base_id}..{head_id}"):
        raise ConfigurationError(
            f"--head {head} has no commit that --base {base} has not", remedy="Is it the other way round?"
        )
    top = (
        git.text("rev-parse", "--show-toplevel") if git.text("rev-parse", "--is-bare-repository") == "false" else ""
    )
    name = (
        re.sub(r"[^A-Za-z0-9._-]+", "-", Path(top or repository).resolve().name.removesuffix(".git"))
        or "repository"
    )
    base_branch, head_branch = _branch(base, "base"), _branch(head, "head")
    if base_branch == head_branch:
        head_branch = "head"
    full_name = f"{ADOPTED_OWNER}/{name}"
    created = simulator.create_repository(
        full_name, default_branch=base_branch, collaborators={ADOPTED_AUTHOR: "admin"}
    )
    simulator.fetch(
        created,
        Path(git.text("rev-parse", "--absolute-git-dir")),
        "--update-shallow",
        f"+{base_id}:refs/heads/{base_branch}",
        f"+{head_id}:refs/heads/{head_branch}",
    )
    title, _, body = git.text("show", "--no-patch", "--format=%B", head_id).partition("\n")
    return Subject(
        full_name, title or head, body.strip(), ADOPTED_AUTHOR, base_branch, head_branch, is_sample=False
    )


def _branch(revision: str, fallback: str) -> str:
    return revision if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_/-]*", revision) and revision != "HEAD" else fallback
