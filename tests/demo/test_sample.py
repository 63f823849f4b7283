from __future__ import annotations

from pathlib import Path

import pytest

from reviewer.demo import sample
from reviewer.demo.git import Git
from tests.demo.world import git


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> sample.Sample:
    folder = tmp_path_factory.mktemp("sample")
    return sample.build(folder / "repository", Git(folder / "config"))


def test_the_commits_are_the_same_on_every_machine(built: sample.Sample) -> None:
    assert built.base == "cc8be1a1573c0759b5b44ce976ce1b585548fae2"
    assert built.head == "4c56b14b7736cc23de37a062df2136cb8acd60f4"


def test_the_history_tells_what_changes_together(built: sample.Sample) -> None:
    assert int(git(built.path, "rev-list", "--count", built.base)) == 8
    touched = git(built.path, "log", "--format=", "--name-only", built.base, "--", "shop/pricing.py").split()
    assert touched == ["shop/pricing.py"] * 2
    together = git(built.path, "show", "--format=", "--name-only", built.base).split()
    assert together == ["docs/orders.md", "shop/pricing.py", "tests/test_pricing.py"]


def test_every_planted_defect_is_one_added_line(built: sample.Sample) -> None:
    for planted in sample.PLANTED:
        patch = git(built.path, "diff", "-U0", built.base, built.head, "--", planted.path)
        added = [line for line in patch.splitlines() if line.startswith("+") and planted.text in line]
        assert len(added) == 1, planted


def test_clean_and_unreviewed_files_are_changed_and_hold_no_planted_defect(built: sample.Sample) -> None:
    changed = set(git(built.path, "diff", "--name-only", built.base, built.head).split())
    quiet = {*sample.CLEAN, *sample.UNPLANTED, *sample.NOT_REVIEWED}
    assert changed == quiet | {*(planted.path for planted in sample.PLANTED)}
    assert {planted.path for planted in sample.PLANTED}.isdisjoint(quiet)


def test_the_analysers_find_their_part_and_nothing_on_clean_files(built: sample.Sample) -> None:
    from reviewer.change.parse import parse_diff
    from reviewer.evidence.run import run_analysers
    from reviewer.git.commit import GitSnapshot

    diff = Git(built.path.parent / "config", built.path).run("diff", built.base, built.head)
    with GitSnapshot.open(built.path / ".git", built.head) as head:
        evidence = run_analysers(
            parse_diff(diff, base=built.base, head=built.head), head, tools=("ruff", "bandit", "gitleaks", "zizmor")
        )
        lines = {
            planted: next(
                number
                for number, line in enumerate((head.read(planted.path) or b"").decode().splitlines(), start=1)
                if planted.text in line
            )
            for planted in sample.PLANTED
        }
    assert [run.error for run in evidence.runs] == [""] * 4
    found = {(finding.path, finding.line, finding.source) for finding in evidence.findings}
    for planted in sample.PLANTED:
        if planted.by_analyser:
            assert any((planted.path, lines[planted], finder) in found for finder in planted.finders), planted
    assert {path for path, _, _ in found}.isdisjoint({*sample.CLEAN, *sample.NOT_REVIEWED})
    assert len(found) == sum(planted.by_analyser for planted in sample.PLANTED)


def test_no_file_of_ours_holds_the_secret() -> None:
    token = sample.fake_token()
    assert len(token) == 40
    package = Path(sample.__file__).parent
    assert not any(
        token in path.read_text("utf-8") for path in package.rglob("*") if path.suffix in (".py", ".txt")
    )
