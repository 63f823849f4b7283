from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from policies.words import Severity
from reviewer.errors import ConfigurationError
from reviewer.findings.model import Coverage, PlacedFinding, Reviewed, Skipped
from reviewer.local.agent import as_agent, read_previous
from tests.local.test_apply import suggestion
from tests.local.test_report import review


def placed(line: int, severity: Severity = Severity.HIGH) -> PlacedFinding:
    made = suggestion(line, f"y = {line}", path="a b.py")
    return replace(made, finding=replace(made.finding, severity=severity))


def test_the_gravest_comes_first_with_a_patch_that_says_which_lines_it_replaces():
    document = as_agent(review(placed(1, Severity.LOW), placed(2, Severity.CRITICAL)))
    assert document["next"] == "fix"
    first, second = document["findings"]
    assert (first["order"], first["severity"], second["severity"]) == (1, "critical", "low")
    assert first["patch"] == {"replace_lines": [2, 2], "with": "y = 2"}
    assert first["id"] in first["verify"]


def test_a_loop_of_fix_and_review_ends_when_nothing_is_left():
    first = as_agent(review(placed(1), placed(2)))
    second = as_agent(review(placed(3)), first)
    last = as_agent(review(), second)
    assert [document["next"] for document in (first, second, last)] == ["fix", "fix", "done"]
    assert [document["round"] for document in (first, second, last)] == [1, 2, 3]


def test_the_same_finding_twice_stops_the_loop():
    first = as_agent(review(placed(1), placed(2)))
    second = as_agent(review(placed(2)), first)
    assert second["next"] == "stop"
    assert [step["repeated"] for step in second["findings"]] == [True]


def test_nothing_found_in_an_incomplete_review_is_not_done():
    coverage = Coverage((Reviewed("a", "", "m"),), (Skipped("b", "", "no answer", excluded=False),))
    assert as_agent(review(coverage=coverage))["next"] == "stop"


def test_the_document_of_a_round_is_what_the_next_round_reads(tmp_path: Path):
    document = as_agent(review(placed(1)))
    file = tmp_path / "round.json"
    file.write_text(json.dumps(document))
    assert read_previous(str(file)) == document


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 9, "next": "fix"}'])
def test_a_file_that_is_no_such_document_is_a_sentence(text: str, tmp_path: Path):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ConfigurationError, match="no document of `--format agent`"):
        read_previous(str(tmp_path / "x.json"))


def test_a_finding_that_comes_back_after_a_round_without_it_stops_the_loop():
    first = as_agent(review(placed(1)))
    second = as_agent(review(placed(2)), first)
    third = as_agent(review(placed(1)), second)
    assert [document["next"] for document in (first, second, third)] == ["fix", "fix", "stop"]


def test_the_last_round_that_there_may_be_says_stop():
    first = as_agent(review(placed(1)), max_rounds=2)
    second = as_agent(review(placed(2)), first, max_rounds=2)
    assert (first["next"], second["next"]) == ("fix", "stop")
    assert as_agent(review(), second, max_rounds=2)["next"] == "done"
