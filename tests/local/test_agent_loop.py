"""A scripted agent, with `kilo-review local --format agent` as a real process: fix, review again, end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reviewer.change.lines import replace_lines
from tests.local.planted import CHANGE, DEFECTS, Model, environment, planted
from tests.local.repo import Scratch
from tests.simulators.provider import ProviderSimulator


def round_of(scratch: Scratch, home: Path, provider: ProviderSimulator, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "kilo_review", "local", "--format", "agent", *words],
        cwd=scratch.root,
        env=environment(home, provider),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def apply(root: Path, findings: list[Any]) -> int:
    """Do as the skill says: within a file, from the last line up."""
    applied = 0
    for step in sorted(findings, key=lambda step: -step["range"]["start_line"]):
        if step["patch"] is None:
            continue
        first, last = step["patch"]["replace_lines"]
        file = root / step["file"]
        file.write_bytes(replace_lines(file.read_bytes(), first, last, step["patch"]["with"]))
        applied += 1
    return applied


def loop(scratch: Scratch, home: Path, provider: ProviderSimulator, *words: str) -> list[Any]:
    """Fix and review until the document says that it is the end; a loop that has none fails."""
    rounds = [round_of(scratch, home, provider, *words)]
    while rounds[-1]["next"] == "fix":
        assert len(rounds) < 20
        apply(scratch.root, rounds[-1]["findings"])
        file = home / "before.json"
        file.write_text(json.dumps(rounds[-1]))
        rounds.append(round_of(scratch, home, provider, "--after", str(file), *words))
    return rounds


def test_a_loop_over_planted_defects_fixes_all_and_ends(tmp_path: Path):
    scratch = planted(tmp_path / "shop")
    with ProviderSimulator("openai", default=Model()) as provider:
        first, last = loop(scratch, tmp_path / "home", provider)
    assert (first["next"], last["next"], last["findings"]) == ("fix", "done", [])
    assert {step["title"] for step in first["findings"]} == {defect.title for defect in DEFECTS}
    ranks = ["critical", "high", "medium", "low"]
    grades = [ranks.index(step["severity"]) for step in first["findings"]]
    assert grades == sorted(grades), "the gravest first"
    for step in first["findings"]:
        lines = CHANGE[step["file"]].split("\n")
        assert lines[step["range"]["start_line"] - 1] == step["quote"]
        assert step["why"]
        assert step["patch"]
        assert step["id"] in step["verify"]
    text = "".join((scratch.root / path).read_text() for path in CHANGE)
    assert all(defect.mend in text for defect in DEFECTS)


def test_where_a_fix_never_helps_the_loop_stops_and_says_so(tmp_path: Path):
    scratch = planted(tmp_path / "shop", {"shop/tax.py": CHANGE["shop/tax.py"]})
    with ProviderSimulator("openai", default=Model(helps=False)) as provider:
        rounds = loop(scratch, tmp_path / "home", provider)
    assert [each["next"] for each in rounds] == ["fix", "stop"]
    assert "in an earlier round: ask a person" in rounds[-1]["why"]
    assert [step["repeated"] for step in rounds[-1]["findings"]] == [True]


def test_a_loop_ends_after_the_rounds_that_it_may_have(tmp_path: Path):
    scratch = planted(tmp_path / "shop", {"shop/tax.py": CHANGE["shop/tax.py"]})
    with ProviderSimulator("openai", default=Model()) as provider:
        (only,) = loop(scratch, tmp_path / "home", provider, "--max-rounds", "1")
    assert only["next"] == "stop"
    assert "round 1 of at most 1" in only["why"]


@pytest.mark.parametrize("words", [("--max-rounds", "0")])
def test_no_round_at_all_is_refused(words: tuple[str, ...], tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "kilo_review", "local", *words],
        cwd=planted(tmp_path / "shop").root,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "--max-rounds is less than 1" in done.stderr
