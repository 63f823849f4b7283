from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reviewer.ci.event import RunnerEvent, read_event
from reviewer.ci.target import Target
from reviewer.errors import ConfigurationError
from reviewer.settings import Runner


def event(folder: Path, content: Any, name: str = "pull_request") -> Runner:
    file = folder / "event.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return Runner(name, str(file))


def pull(head: int | None) -> dict[str, Any]:
    base = {"id": 1, "full_name": "acme/shop"}
    repo = None if head is None else {"id": head, "full_name": "someone/shop"}
    return {"pull_request": {"number": 7, "base": {"repo": base}, "head": {"repo": repo}}}


@pytest.mark.parametrize(("head", "fork"), [(1, False), (2, True), (None, True)])
def test_the_event_names_the_pull_request_and_whether_it_comes_from_a_fork(
    head: int | None, fork: bool, tmp_path: Path
):
    found = read_event(event(tmp_path, pull(head)))
    assert found == RunnerEvent(Target("acme/shop", 7), "pull_request", from_fork=fork)


def test_pull_request_target_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="Use `on: pull_request`"):
        read_event(event(tmp_path, pull(2), "pull_request_target"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"ref": "refs/heads/main"}, "has no pull request"),
        ([1], "has no pull request"),
        ("{", "cannot read"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "cannot read"),
        ({"pull_request": {"number": 7}}, "as GitHub writes it"),
        ({"pull_request": {"number": "x", "base": {"repo": {}}, "head": {}}}, "as GitHub writes it"),
        ({"pull_request": {"number": 7, "base": [], "head": 4}}, "as GitHub writes it"),
    ],
)
def test_an_event_that_is_none_of_a_pull_request_is_a_sentence(content: Any, says: str, tmp_path: Path):
    with pytest.raises(ConfigurationError, match=says):
        read_event(event(tmp_path, content))


def test_outside_of_a_run_the_other_commands_are_named():
    with pytest.raises(ConfigurationError, match="kilo-review pr OWNER/REPO#NUMBER"):
        read_event(Runner())


def test_an_event_file_that_is_not_there_is_a_sentence(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="FileNotFoundError"):
        read_event(Runner("pull_request", str(tmp_path / "none")))
