from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from reviewer.quality.report import as_json, as_markdown, as_page, as_text, ranked
from reviewer.quality.score import Counted, score

# By hand: 3 cases, 8 comments, 6 findings, 3 of them matched.
CASES = (
    Counted(
        "a#1", 4, 3, 2, 2, 2, 3, 0, cost=Decimal("0.10"), seconds=10, input_tokens=100, output_tokens=10, calls=2
    ),
    Counted(
        "a#2", 3, 3, 1, 2, 0, 2, 1, cost=Decimal("0.20"), seconds=20, input_tokens=200, output_tokens=20, calls=3
    ),
    Counted("a#3", 1, 0, 0, complete=False, cost=Decimal("0.00"), seconds=3),
)


def test_the_arithmetic_is_that_of_a_case_made_by_hand() -> None:
    one = score("x", CASES, random.Random(1))
    assert one.precision.value == pytest.approx(3 / 6)
    assert one.recall.value == pytest.approx(3 / 8)
    assert one.f1.value == pytest.approx(2 * 0.5 * 0.375 / (0.5 + 0.375))
    assert one.inline_precision.value == pytest.approx(2 / 4)
    assert one.findings_per_case.value == pytest.approx(2.0)
    assert one.anchoring.value == pytest.approx(5 / 6)
    assert one.completion.value == pytest.approx(2 / 3)
    assert one.seconds.value == pytest.approx(11.0)
    assert (one.cost, one.cost_per_case, one.cost_per_true) == (Decimal("0.30"), Decimal("0.10"), Decimal("0.10"))
    assert (one.rejected, one.input_tokens, one.output_tokens, one.calls) == (1, 300, 30, 5)


def test_an_interval_holds_its_figure_and_is_the_same_for_the_same_dice() -> None:
    first, second = (score("x", CASES, random.Random(7)) for _ in range(2))
    assert first == second
    for figure in (first.precision, first.recall, first.f1, first.seconds):
        assert figure.low is not None
        assert figure.high is not None
        assert figure.value is not None
        assert figure.low <= figure.value <= figure.high


def test_an_unknown_price_is_unknown_and_never_zero() -> None:
    one = score("x", [*CASES, replace(CASES[0], case="a#4", cost=None)], random.Random(1))
    assert (one.cost, one.cost_per_case, one.cost_per_true) == (None, None, None)
    assert "unknown" in as_text([one], [{}])


def test_a_case_that_nobody_judged_counts_for_cost_alone() -> None:
    one = score("x", [*CASES, replace(CASES[0], case="a#4", judged=False)], random.Random(1))
    assert one.precision.value == pytest.approx(0.5)
    assert one.cost == Decimal("0.40")


def test_without_a_true_finding_there_is_no_price_of_one() -> None:
    one = score("x", [replace(CASES[0], matched=0, inline_matched=0)], random.Random(1))
    assert one.cost_per_true is None
    assert "none found" in as_text([one], [{}])


def test_no_case_is_no_figure() -> None:
    one = score("x", [], random.Random(1))
    assert one.precision.value is None
    assert as_text([one], [{}])


def test_the_board_ranks_truth_and_completion_before_price_and_price_before_names() -> None:
    good = score("good", CASES[:2], random.Random(1))
    half = score("half", [CASES[0], replace(CASES[1], complete=False)], random.Random(1))
    dear = score("dear", [replace(row, cost=Decimal(5)) for row in CASES[:2]], random.Random(1))
    unknown = score("unknown", [replace(row, cost=None) for row in CASES[:2]], random.Random(1))
    assert [one.label for one in ranked([unknown, half, dear, good])] == ["good", "dear", "unknown", "half"]


def test_a_label_is_text_on_the_page_and_in_the_table() -> None:
    one = score("<b>|x", CASES, random.Random(1))
    assert "<b>" not in as_page([one], [{"label": "<b>|x"}])
    assert "<b>\\|x" in as_markdown([one], [{}])
    assert as_json([one], [{}])[0]["cost"] == "0.30"
