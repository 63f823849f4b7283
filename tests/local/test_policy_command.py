"""`kilo-review policy`, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

from policies.keys import KEYS
from policies.schema import policy_schema
from tests.local.repo import Scratch
from tests.test_cli import run


def test_a_good_file_is_said_to_be_good(tmp_path: Path):
    (tmp_path / ".kilo-review.toml").write_text('[review]\nstyle = "strict"\n')
    done = run("policy", "check", cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, ".kilo-review.toml: 1 keys, no mistakes")


def test_every_mistake_is_named_with_file_line_and_remedy(tmp_path: Path):
    (tmp_path / "p.toml").write_text('[review]\nstyl = "strict"\n\n[caps]\nmax_units = "many"\n')
    done = run("policy", "check", "p.toml", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert done.returncode == 2
    assert [line.partition(": ")[0] for line in lines] == ["p.toml:2", "p.toml:5"]
    assert "did you mean `review.style`" in lines[0]
    found = json.loads(run("policy", "check", "p.toml", "--format", "json", cwd=tmp_path).stdout)
    assert [row["line"] for row in found] == [2, 5]


def test_what_only_the_organisation_may_set_is_a_mistake_of_a_repository(tmp_path: Path):
    (tmp_path / "p.toml").write_text("[triggers]\nmax_reviews_per_author_day = 5\n")
    assert run("policy", "check", "p.toml", cwd=tmp_path).returncode == 2
    assert run("policy", "check", "p.toml", "--organisation", cwd=tmp_path).returncode == 0


def test_the_schema_is_printed_as_json(tmp_path: Path):
    done = run("policy", "schema", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout) == policy_schema()


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path):
    for words in (["policy", "check"], ["policy", "check", "nowhere.toml"]):
        done = run(*words, cwd=tmp_path)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_the_policy_that_holds_is_shown_with_the_origin_of_each_value(tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{".kilo-review.toml": "[caps]\nmax_units = 20\nmax_unit = 3\n", "a.py": "a = 1\n"})
    done = run("policy", "show", "--format", "json", cwd=scratch.root)
    shown = json.loads(done.stdout)
    assert set(shown) == set(KEYS)
    assert shown["caps.max_units"] == {"value": 20, "origin": "repository"}
    assert shown["review.style"]["origin"] == "shipped"
    text = run("policy", "show", cwd=scratch.root)
    assert "caps.max_units = 20  # repository" in text.stdout.splitlines()
    assert "max_unit" in text.stderr


def test_a_plan_without_points_is_refused_with_what_to_write(tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{"a.py": "a = 1\n"})
    (scratch.root / "a.py").write_text("a = 2\n")
    (scratch.root / "plan.md").write_text("Just do it.\n")
    for name, words in (("plan.md", "holds no list items"), ("nowhere.md", "cannot read")):
        done = run("local", "--against", name, cwd=scratch.root)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
        assert "Traceback" not in done.stderr


def test_each_point_of_a_plan_is_answered_also_where_no_model_may_be_asked(tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{"a.py": "a = 1\n"})
    (scratch.root / "a.py").write_text("a = 2\n")
    plan = tmp_path / "plan.md"
    plan.write_text("- Every total is rounded.\n")
    done = run("local", "--against", str(plan), "--format", "json", "--offline", cwd=scratch.root)
    (row,) = json.loads(done.stdout)["criteria"]
    assert (row["name"], row["outcome"]) == ("Every total is rounded.", "not visible")
