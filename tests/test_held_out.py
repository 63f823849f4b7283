"""No data of the repository that something is fitted to or chosen by holds a repository that is held out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bench.fit.kept_out import LIST, is_kept_out, kept_out
from tests.shared import shared

ROWS = sorted((Path(__file__).parent.parent / "bench" / "data").glob("*.jsonl"))
DIGEST = "213dbb4943282d0850b2d5b1205d7bb734f0eee2fadf07e72f4f58ee6d0bf256"


def test_the_list_is_the_one_that_was_agreed_on() -> None:
    assert hashlib.sha256("\n".join(sorted(name.lower() for name in kept_out())).encode()).hexdigest() == DIGEST


def test_the_list_is_that_of_the_development_data() -> None:
    assert LIST.read_text("utf-8") == shared("data/not-for-training.txt").read_text("utf-8")


def test_a_repository_is_known_as_a_fork_a_mirror_and_in_any_case() -> None:
    assert all(is_kept_out(name) for name in ("rails/rails", "Rails/Rails", "somebody/rails", "rails+rails"))
    assert not is_kept_out("pallets/werkzeug")


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.name)
def test_no_row_is_of_a_repository_that_is_held_out(path: Path) -> None:
    repositories = {json.loads(line)["repo"] for line in path.read_text("utf-8").splitlines()}
    assert repositories
    assert not {repo for repo in repositories if is_kept_out(repo)}
