"""Every hunk is accounted for: who looked at it, or why nobody did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies.words import Tier
from reviewer.evidence.model import EvidenceRun
from reviewer.evidence.run import Evidence
from reviewer.findings.model import Skipped
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.coverage import cover
from reviewer.steps.outputs import StepOutputs
from reviewer.steps.prepare import Prepared
from reviewer.steps.scope import Scope
from tests.steps.parts import edit, plan_of, prepared_of

PREPARED = prepared_of()
UNIT = PREPARED.units[0]
HEADER = UNIT.hunks[0].header


def answered(**fields: Any) -> UnitAnswer:
    return UnitAnswer(plan_of(UNIT), Tier.FREE, **fields)


def covered(*answers: UnitAnswer, prepared: Prepared = PREPARED, has_model: bool = True, **evidence: Any):
    outputs = StepOutputs(answers, evidence=Evidence(**evidence))
    return cover(prepared, outputs, has_model=has_model)


@pytest.mark.parametrize(("from_store", "by"), [(False, "model:openai/m"), (True, "cache")])
def test_a_hunk_that_was_asked_about_names_who_reviewed_it(from_store: bool, by: str) -> None:
    coverage = covered(answered(model="openai/m", from_store=from_store))
    assert [(row.path, row.header, row.by) for row in coverage.reviewed] == [("shop/cart.py", HEADER, by)]
    assert coverage.skipped == ()


def test_a_unit_with_a_problem_was_not_reviewed() -> None:
    coverage = covered(answered(model="m", problem="no model answered"))
    assert coverage.reviewed == ()
    assert coverage.skipped == (Skipped("shop/cart.py", HEADER, "no model answered", excluded=False),)
    assert not coverage.complete


def test_what_was_never_read_and_what_is_out_of_scope_is_listed_with_its_reason() -> None:
    untouched = Skipped(".env", "", "holds credentials", excluded=True)
    left_out = Skipped("dist.js", "", "generated", excluded=True)
    prepared = prepared_of(untouched=(untouched,))
    prepared = replace(prepared, scope=Scope((), (left_out,)))
    assert covered(prepared=prepared).skipped == (untouched, left_out)


def test_units_beyond_the_most_of_one_review_are_listed() -> None:
    prepared = replace(PREPARED, left_over=prepared_of(edit("late.py")).units)
    (missed,) = covered(answered(model="m"), prepared=prepared).skipped
    assert (missed.path, missed.excluded) == ("late.py", False)
    assert missed.reason == "beyond the 1 units of one review (caps.max_units)"


def run(tool: str, error: str = "") -> EvidenceRun:
    return EvidenceRun(tool, "1", 0, 5, error)


def test_without_a_model_a_file_counts_as_reviewed_by_the_analysers_that_read_it() -> None:
    coverage = covered(prepared=prepared_of(edit("a.ts")), has_model=False, read={"a.ts": ("ast-grep", "oxlint")})
    assert [(row.path, row.by) for row in coverage.reviewed] == [("a.ts", "analysers: ast-grep, oxlint")]
    assert coverage.skipped == ()


@pytest.mark.parametrize("read", [{}, {"b.ts": ("oxlint",)}])
def test_without_a_model_a_file_that_no_analyser_read_was_not_reviewed(read: dict[str, tuple[str, ...]]) -> None:
    coverage = covered(prepared=prepared_of(edit("a.ts")), has_model=False, runs=(run("oxlint"),), read=read)
    reason = "no model was asked, and no analyser reads this kind of file"
    assert coverage.reviewed == ()
    assert [(row.path, row.reason, row.excluded) for row in coverage.skipped] == [("a.ts", reason, False)]


def test_with_a_model_analysers_do_not_count_as_a_review() -> None:
    assert covered(runs=(run("ruff"),)).reviewed == ()
