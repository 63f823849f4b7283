"""What else should have changed: history, names and places weighed together, on real commits."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from reviewer.context.change_text import ChangeText
from reviewer.context.evidence import stems_of
from reviewer.context.past import past_of
from reviewer.context.related import candidate_features, load_weights, related_files
from reviewer.git.commit import GitSnapshot
from reviewer.git.snapshot import Match
from tests.context.repository import Repository


def module(name: str, edit: int = 0) -> str:
    return f"def {name}():\n    return {edit}\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    names = [f"part_{number}" for number in range(30)]
    made.commit({f"app/{name}.py": module(name) for name in names})
    made.commit({"app/part_1.py": module("part_1", 9), "tests/test_part_1.py": "def test_it(): ...\n"})
    for edit in range(4):
        # Two files far apart in name that always change together, and one that changes alone.
        made.commit({"app/part_1.py": module("part_1", edit), "app/part_20.py": module("part_20", edit)})
        made.commit({"app/part_7.py": module("part_7", edit)})
    return made


def test_what_usually_changes_together_comes_first_and_says_so(repository: Repository) -> None:
    with GitSnapshot.open(repository.git_dir, "HEAD") as head:
        found = related_files(["app/part_1.py"], ChangeText(), {}, head, head, limit=5)
    assert {item.path for item in found[:2]} == {"app/part_20.py", "tests/test_part_1.py"}
    by_path = {item.path: item for item in found}
    assert "changed with these files in" in by_path["app/part_20.py"].reason
    assert "test of a changed file" in by_path["tests/test_part_1.py"].reason
    assert all(item.path != "app/part_1.py" for item in found)


def test_scores_fall_and_are_shares_of_one(repository: Repository) -> None:
    with GitSnapshot.open(repository.git_dir, "HEAD") as head:
        found = related_files(["app/part_1.py"], ChangeText(), {}, head, head, limit=1000)
    scores = [item.score for item in found]
    assert scores == sorted(scores, reverse=True)
    assert math.isclose(sum(scores), 1.0)


def test_a_file_that_uses_a_changed_name_rises(repository: Repository) -> None:
    uses = [
        Match("app/part_25.py", 1, "from app.part_1 import frobnicate", "frobnicate", defines=False),
        Match("app/part_25.py", 4, "    frobnicate()", "frobnicate", defines=False),
        Match("app/part_1.py", 1, "def frobnicate():", "frobnicate", defines=True),
    ]
    with GitSnapshot.open(repository.git_dir, "HEAD") as head:
        plain = [item.path for item in related_files(["app/part_1.py"], ChangeText(), {}, head, head, limit=40)]
        text = ChangeText({"frobnicate": 1.9})
        known = related_files(["app/part_1.py"], text, {"frobnicate": uses}, head, head, limit=40)
    paths = [item.path for item in known]
    assert paths.index("app/part_25.py") < plain.index("app/part_25.py")
    assert "uses names that the changed files define" in known[paths.index("app/part_25.py")].reason


def test_an_empty_tree_and_a_change_of_everything_relate_to_nothing(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repo")
    repository.commit({"only.py": module("only")})
    with GitSnapshot.open(repository.git_dir, "HEAD") as head:
        assert related_files(["only.py"], ChangeText(), {}, head, head) == []


def test_every_feature_has_a_weight_and_every_weight_a_feature(repository: Repository) -> None:
    with GitSnapshot.open(repository.git_dir, "HEAD") as head:
        found = candidate_features(["app/part_1.py"], ChangeText(), {}, head, head)
    assert found
    assert all(features.keys() == load_weights().keys() for features in found.values())


def test_the_past_tells_together_from_alone(repository: Repository) -> None:
    with GitSnapshot.open(repository.git_dir, "HEAD") as head:
        past = past_of(frozenset({"app/part_1.py"}), head, head.entries(), commits=100)
    assert past.last["app/part_7.py"] == 0
    assert past.last["app/part_20.py"] == 1
    assert past.together["app/part_20.py"] > 0
    assert "app/part_7.py" not in past.popular or past.together["app/part_7.py"] < past.together["app/part_20.py"]
    assert past.churn["app/part_7.py"] > past.churn["app/part_2.py"]
    assert "app/part_1.py" not in past.churn
    assert 0 < past.given["app/part_20.py"] <= 1


def test_the_past_tells_how_often_and_in_what_company_a_file_changes(repository: Repository) -> None:
    changed = frozenset({"app/part_1.py", "app/part_7.py"})
    with GitSnapshot.open(repository.git_dir, "HEAD") as head:
        past = past_of(changed, head, head.entries(), commits=100)
    # Once with all thirty, and in three commits of two; the fourth left it as it was.
    assert past.times["app/part_20.py"] == 4
    assert past.smallest["app/part_20.py"] == 2
    assert past.smallest["app/part_2.py"] == 30
    assert past.partners["app/part_20.py"] == 2
    assert past.partners["tests/test_part_1.py"] == 1


def test_only_the_newest_commits_are_read(repository: Repository) -> None:
    with GitSnapshot.open(repository.git_dir, "HEAD") as head:
        past = past_of(frozenset({"app/part_1.py"}), head, head.entries(), commits=1)
    assert dict(past.churn).keys() == {"app/part_7.py"}


def test_files_are_called_by_their_stems_once_each() -> None:
    assert stems_of(["a/cart.py", "b/cart.spec.ts", "b/till.ts"]) == ["cart", "till"]
