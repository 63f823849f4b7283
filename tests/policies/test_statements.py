"""Checks in plain language: how they are read, what a repository may add, and what they decide."""

from __future__ import annotations

import re
from typing import Any

import pytest

from policies.gates import Verdict, with_statements
from policies.load import load_policy
from policies.statements import MAX_CHECKS, plain_checks
from policies.words import Conclusion

ROW = {"name": "down", "text": "Every migration has a down step."}
TEXT = '[[checks]]\nname = "down"\ntext = "Every migration has a down step."\n'
GREEN = Verdict(Conclusion.SUCCESS, "no findings", ("Everything was reviewed.",))


def test_a_check_is_about_its_paths_or_about_everything() -> None:
    (check,) = plain_checks([{**ROW, "paths": ["migrations/**"]}])
    assert check.concerns("migrations/1.sql")
    assert not check.concerns("shop/1.sql")
    assert plain_checks([ROW])[0].concerns("shop/1.sql")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (ROW, "[[checks]] tables"),
        ([{"name": "x"}], "text must be"),
        ([{**ROW, "name": " "}], "name must be"),
        ([{**ROW, "text": "x" * 501}], "1 to 500"),
        ([{**ROW, "gate": "yes"}], "true or false"),
        ([{**ROW, "paths": "a"}], "list of path patterns"),
        ([{**ROW, "paths": ["!a"]}], "negation"),
        ([{**ROW, "when": 1}], "not a key of a check"),
        ([ROW, ROW], "a name of its own"),
        ([{**ROW, "name": str(number)} for number in range(MAX_CHECKS + 1)], f"at most {MAX_CHECKS}"),
    ],
)
def test_what_is_no_check_is_refused_with_what_is_allowed(value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        plain_checks(value)


def test_a_repository_adds_checks_and_takes_none_of_its_organisations_away() -> None:
    own = '[[checks]]\nname = "down"\ntext = "Nothing."\n[[checks]]\nname = "up"\ntext = "More."\n'
    policy = load_policy(organisation=TEXT + "gate = true\n", repository=own)
    assert [(check.name, check.text, check.gate) for check in policy.checks] == [
        ("down", ROW["text"], True),
        ("up", "More.", False),
    ]
    assert "a check of that name" in policy.notices[0]
    assert load_policy(organisation=TEXT, repository="checks = []").checks == load_policy(organisation=TEXT).checks


@pytest.mark.parametrize(
    ("not_met", "unseen", "conclusion"),
    [
        ([], [], Conclusion.SUCCESS),
        (["down"], [], Conclusion.FAILURE),
        ([], ["down"], Conclusion.NEUTRAL),
        (["down"], ["up"], Conclusion.FAILURE),
    ],
)
def test_a_gate_that_is_not_met_fails_and_one_that_is_not_visible_is_never_green(
    not_met: list[str], unseen: list[str], conclusion: Conclusion
) -> None:
    verdict = with_statements(GREEN, not_met, unseen)
    assert verdict.conclusion is conclusion
    assert all(any(name in reason for reason in verdict.reasons) for name in (*not_met, *unseen))


def test_a_check_never_makes_a_verdict_better() -> None:
    for worse in (Conclusion.FAILURE, Conclusion.NEUTRAL, Conclusion.ACTION_REQUIRED):
        verdict = Verdict(worse, "x", ())
        assert with_statements(verdict, [], []).conclusion is worse
        assert with_statements(verdict, [], ["down"]).conclusion is worse
