from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewer.demo.simulator import GitHubSimulator
from reviewer.demo.subject import adopt
from reviewer.errors import ConfigurationError
from tests.demo.world import BASE, HEAD, commit, git, repository


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubSimulator]:
    with GitHubSimulator(tmp_path_factory.mktemp("github")) as simulator:
        yield simulator


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return repository(tmp_path / "my project", BASE, HEAD)


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_users_repository_becomes_a_pull_request_and_is_not_written_to(
    simulator: GitHubSimulator, mine: Path
) -> None:
    before = state_of(mine)
    subject = adopt(simulator, mine, "main", "feature")
    assert (subject.full_name, subject.base, subject.head, subject.title) == (
        "local/my-project",
        "main",
        "feature",
        "Head",
    )
    number = simulator.open_pull_request(
        subject.full_name, title=subject.title, head=subject.head, base=subject.base, author=subject.author
    )
    pull = simulator.pull(subject.full_name, number)
    assert pull.head_sha == git(mine, "rev-parse", "feature")
    assert len(simulator.hub.files(pull)) == 5
    assert state_of(mine) == before


def test_revisions_without_a_name_and_a_folder_inside_are_taken(simulator: GitHubSimulator, mine: Path) -> None:
    commit(mine, "Third\n\nWith a body", {"x.txt": "x\n"})
    subject = adopt(simulator, mine / "shop", "HEAD~2", "HEAD")
    assert (subject.base, subject.head, subject.title, subject.body) == ("base", "head", "Third", "With a body")


def test_hooks_and_programs_of_the_users_repository_do_not_run(
    simulator: GitHubSimulator, mine: Path, tmp_path: Path
) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "uploadpack.packObjectsHook", "diff.external", "core.sshCommand"):
        git(mine, "config", name, str(trap))
    (mine / ".git/hooks").mkdir(exist_ok=True)
    os.link(trap, mine / ".git/hooks/post-checkout")
    adopt(simulator, mine, "main", "feature")
    assert not (tmp_path / "sprung").exists()


def test_what_cannot_be_adopted_says_why(simulator: GitHubSimulator, mine: Path, tmp_path: Path) -> None:
    for folder, base, head, words in (
        (tmp_path / "absent", "main", "feature", "not a git repository"),
        (tmp_path, "main", "feature", "not a git repository"),
        (mine, "nope", "feature", "--base nope is no commit"),
        (mine, "main", "--help", "--head --help is no commit"),
        (mine, "feature", "main", "other way round"),
        (mine, "main", "main", "has no commit"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            adopt(simulator, folder, base, head)
