"""Edits of a fix: they apply to exactly the lines that they name, or not at all."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from reviewer.findings.fix import MAX_EDITS, Edit, FixRefused, apply_edits, patch_of, read_edits

FILES = {"a.py": b"one\ntwo\nthree\n", "b.py": b"x = 1\r\ny = 2\r\n"}


def test_edits_of_several_places_apply_in_any_order() -> None:
    edits = [
        Edit("a.py", 1, 1, "one", "1\n1b"),
        Edit("a.py", 3, 3, "three", "3"),
        Edit("b.py", 2, 2, "y = 2", "y = 3"),
    ]
    wanted = {"a.py": b"1\n1b\ntwo\n3\n", "b.py": b"x = 1\r\ny = 3\r\n"}
    assert apply_edits(edits, FILES) == apply_edits(edits[::-1], FILES) == wanted


@pytest.mark.parametrize(
    ("edits", "why"),
    [
        ([Edit("c.py", 1, 1, "one", "1")], "not shown"),
        ([Edit("a.py", 2, 2, "one", "1")], "not what the model replaces"),
        ([Edit("a.py", 9, 9, "one", "1")], "not what the model replaces"),
        ([Edit("a.py", 1, 2, "one\ntwo", "1"), Edit("a.py", 2, 2, "two", "2")], "overlap"),
        ([Edit("a.py", 1, 1, "one", "one")], "changes nothing"),
    ],
)
def test_what_does_not_fit_the_head_is_refused(edits: list[Edit], why: str) -> None:
    with pytest.raises(FixRefused, match=why):
        apply_edits(edits, FILES)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"path": "a.py"}],
        [{"path": "a.py", "first": 3, "last": 1, "old": "", "new": ""}],
        [{"path": "a.py", "first": True, "last": True, "old": "", "new": ""}],
        [{"path": "a.py", "first": 1, "last": 1, "old": "one", "new": "1"}] * (MAX_EDITS + 1),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(rows: list[object]) -> None:
    with pytest.raises(FixRefused):
        read_edits(json.dumps({"why": "", "edits": rows}))


def test_the_patch_is_what_git_applies(tmp_path: Path) -> None:
    before = {"a b.py": b"one\ntwo", "d/c.py": b"x\r\ny\r\n"}
    after = {"a b.py": b"one\n2\n", "d/c.py": b"x\r\nz\r\n"}
    (tmp_path / "d").mkdir()
    for path, data in before.items():
        (tmp_path / path).write_bytes(data)
    patch = patch_of(before, after).encode()
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch, check=True)
    assert {path: (tmp_path / path).read_bytes() for path in after} == after
