"""What speaks for a file: names it shares, rare ones most, and lines that it has letter for letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewer.context.change_text import ChangeText
from reviewer.context.evidence import evidence_of
from reviewer.git.commit import GitSnapshot
from reviewer.git.snapshot import Match
from tests.context.repository import Repository

CHANGED = frozenset({"app/one.py"})


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    made.commit({f"app/{name}.py": f"{name} = 1\n" for name in ("one", "two", "three", "four", "five", "six")})
    return made


def uses(word: str, *names: str, text: str = "") -> list[Match]:
    return [Match(f"app/{name}.py", 1, text or f"    {word}()", word, defines=False) for name in names]


def features(
    repository: Repository, text: ChangeText, matches: dict[str, list[Match]]
) -> dict[str, dict[str, float]]:
    with GitSnapshot.open(repository.git_dir, "HEAD") as head:
        return evidence_of(CHANGED, text, matches, head.entries(), head).candidates()


def test_a_name_that_one_file_has_is_worth_more_than_one_that_many_have(repository: Repository) -> None:
    text = ChangeText({"common": 1.0, "rare": 1.0})
    matches = {"common": uses("common", "one", "two", "three", "four"), "rare": uses("rare", "one", "five")}
    found = features(repository, text, matches)
    assert found["app/five.py"]["rarest"] > found["app/two.py"]["rarest"] > 0
    assert found["app/five.py"]["few_log"] > found["app/two.py"]["few_log"] > 0
    assert found["app/six.py"]["rarest"] == 0


def test_names_of_several_changed_files_and_long_names_count_apart(repository: Repository) -> None:
    text = ChangeText({"tie": 1.0, "parse_header": 1.0}, several=frozenset({"tie"}))
    found = features(repository, text, {"tie": uses("tie", "two"), "parse_header": uses("parse_header", "three")})
    assert found["app/two.py"]["several_log"] > 0 == found["app/three.py"]["several_log"]
    assert found["app/three.py"]["long_log"] > 0 == found["app/two.py"]["long_log"]


def test_a_line_that_the_change_takes_away_counts_where_it_stands_elsewhere(repository: Repository) -> None:
    text = ChangeText({"frobnicate": 1.0}, removed=frozenset({"frobnicate(1, 2)"}))
    same = uses("frobnicate", "two", text="\tfrobnicate(1, 2)  ")
    other = uses("frobnicate", "three", text="frobnicate(1, 2, 3)")
    found = features(repository, text, {"frobnicate": [*same, *same, *other]})
    assert found["app/two.py"]["same_removed"] > 0
    assert found["app/two.py"]["same_rank"] == 1
    assert found["app/two.py"]["same_added"] == found["app/two.py"]["same_around"] == 0
    assert found["app/three.py"]["same_removed"] == found["app/three.py"]["same_rank"] == 0


def test_the_changed_files_are_no_candidates(repository: Repository) -> None:
    found = features(repository, ChangeText({"word": 1.0}), {"word": uses("word", "one", "two")})
    assert "app/one.py" not in found
    assert "app/two.py" in found
