"""An answer after its checks: what stands, what does not, and what is worth another call."""

from __future__ import annotations

import pytest

from policies.words import Check, Severity
from reviewer.change.model import Unit
from reviewer.findings.check import CheckFailure
from reviewer.findings.model import Disposition, Finding
from reviewer.findings.parse import parse_answer
from reviewer.models.model import FinishReason
from reviewer.steps.check import CheckedAnswer, check_completion
from tests.findings.builders import answer, finding, stated
from tests.steps.parts import checks_of, completed, unit_of

NOWHERE = "this line is nowhere in the diff at all"
GRAVE = finding("A shell runs it", source="ruff:S602", severity=Severity.HIGH, confidence=None)


def check(text: str, *found: Finding, finish: FinishReason = FinishReason.STOP, unit: Unit | None = None):
    unit = unit or unit_of()
    return check_completion(parse_answer(text, unit), completed(text, "m", finish), unit, checks_of(*found))


def test_an_answer_that_passes_has_its_findings_and_names_its_model_as_their_source() -> None:
    checked = check(answer(stated()))
    assert [(found.path, found.line, found.source) for found in checked.findings] == [
        ("shop/cart.py", 4, "model:m")
    ]
    assert (checked.rejected, checked.failure, checked.hints) == ((), None, ())
    assert checked.usable
    assert checked.problem == ""


def test_a_finding_that_stands_nowhere_is_on_record_with_its_check_and_worth_another_call() -> None:
    checked = check(answer(stated(), stated(title="Elsewhere", quote=NOWHERE, line=0)))
    assert [found.title for found in checked.findings] == ["Count may be missing"]
    (rejected,) = checked.rejected
    assert rejected.finding.title == "Elsewhere"
    assert rejected.disposition is Disposition.UNPLACED
    assert rejected.reason.startswith("quote: shop/cart.py has no line")
    assert checked.failure is not None
    assert checked.failure.check is Check.QUOTE
    assert checked.usable


@pytest.mark.parametrize(("severity", "worth"), [("low", False), ("medium", True), ("high", True)])
def test_only_a_finding_that_would_matter_buys_another_call(severity: str, worth: bool) -> None:
    checked = check(answer(stated(quote=NOWHERE, line=0, severity=severity)))
    assert (checked.failure is not None) is worth
    assert len(checked.rejected) == 1


def test_a_suggestion_that_does_not_parse_is_lost_and_its_finding_stands() -> None:
    checked = check(answer(stated(suggestion="        found += (row.price")))
    (found,) = checked.findings
    assert found.suggestion is None
    assert checked.failure is None
    assert checked.rejected == ()


def test_an_answer_that_passes_over_what_analysers_found_is_told_of_it() -> None:
    checked = check(answer(), GRAVE)
    assert checked.failure is not None
    assert checked.failure.check is Check.EMPTY_ON_EVIDENCE
    assert checked.hints == (GRAVE,)
    assert checked.usable


def test_no_hints_are_given_about_another_failure() -> None:
    checked = check(answer(stated(quote=NOWHERE, line=0)), GRAVE)
    assert checked.failure is not None
    assert checked.failure.check is Check.QUOTE
    assert checked.hints == ()


@pytest.mark.parametrize(
    ("path", "line", "about"),
    [
        ("shop/cart.py", 1, True),
        ("shop/cart.py", 6, True),
        ("shop/cart.py", 0, False),
        ("shop/cart.py", 7, False),
        ("shop/other.py", 4, False),
    ],
)
def test_only_evidence_on_the_lines_of_a_unit_is_held_against_its_answer(path: str, line: int, about: bool) -> None:
    checked = check(answer(), finding("Grave", source="ruff:S1", severity=Severity.HIGH, path=path, line=line))
    assert (checked.failure is not None) is about


def test_evidence_beside_a_hunk_that_only_removes_is_about_it() -> None:
    unit = unit_of("--- a/a.py\n+++ b/a.py\n@@ -3,1 +2,0 @@\n-gone\n")
    found = finding("Grave", source="ruff:S1", severity=Severity.HIGH, path="a.py", line=2)
    assert check(answer(), found, unit=unit).failure is not None


@pytest.mark.parametrize(
    ("finish", "text", "failed", "usable", "problem"),
    [
        (
            FinishReason.LENGTH,
            answer(stated()),
            Check.TRUNCATED,
            True,
            "its answer was cut off: the answer was cut off at the token limit",
        ),
        (FinishReason.REFUSAL, "I cannot help", Check.REFUSED, False, ""),
        (FinishReason.STOP, "no JSON", Check.SCHEMA, False, ""),
        (
            FinishReason.STOP,
            answer(uncertain=True),
            Check.SELF_REPORTED_UNCERTAIN,
            True,
            "nobody judged it: the model says that it cannot judge this change",
        ),
    ],
)
def test_what_an_answer_that_failed_whole_is_good_for(
    finish: FinishReason, text: str, failed: Check, usable: bool, problem: str
) -> None:
    checked = check(text, finish=finish)
    assert checked.failure is not None
    assert (checked.failure.check, checked.usable, checked.problem) == (failed, usable, problem)


def test_a_failed_finding_leaves_the_rest_of_any_answer_usable() -> None:
    failure = CheckFailure(Check.SCHEMA, "its severity is missing", finding())
    assert CheckedAnswer((), (), failure).usable
    assert not CheckedAnswer((), (), CheckFailure(Check.SCHEMA, "it is no JSON")).usable
