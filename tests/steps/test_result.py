"""What a review adds up to."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from policies.words import Severity, Tier
from reviewer.findings.model import Disposition
from reviewer.models.model import Usage
from reviewer.steps.result import Escalation, Review, ReviewStatus, UnitRoute, add_costs, total_usage
from tests.publish.samples import call, change, inline, placed


def test_costs_add_up_and_one_unknown_price_makes_the_sum_unknown() -> None:
    known = [call(cost=Decimal("0.25")), call(cost=Decimal("0.5"))]
    assert add_costs(Decimal(1), known) == Decimal("1.75")
    assert add_costs(Decimal(0), []) == Decimal(0)
    assert add_costs(Decimal(0), [*known, call(cost=None)]) is None
    assert add_costs(Decimal(0), [call(cost=None), *known]) is None
    assert add_costs(None, known) is None


def test_an_unknown_total_stays_unknown_where_nothing_is_added() -> None:
    assert add_costs(None, []) is None


def test_tokens_add_up() -> None:
    assert total_usage([call(usage=Usage(input=3, output=1)), call(usage=Usage(input=4))]) == Usage(7, output=1)


def test_a_review_costs_what_its_calls_cost() -> None:
    review = Review(change(), ReviewStatus.COMPLETE, calls=(call(cost=Decimal("0.5")), call(cost=Decimal("0.25"))))
    assert review.cost == Decimal("0.75")
    assert review.usage == total_usage(review.calls)


def test_the_reader_sees_what_is_inline_in_the_summary_out_of_the_diff_or_without_a_place() -> None:
    shown = (
        inline(severity=Severity.MEDIUM),
        placed(Disposition.SUMMARY, severity=Severity.LOW),
        placed(Disposition.OUT_OF_DIFF, severity=Severity.HIGH),
        placed(Disposition.UNPLACED, severity=Severity.LOW),
    )
    hidden = tuple(
        placed(fate, severity=Severity.CRITICAL)
        for fate in (Disposition.DUPLICATE, Disposition.UNVERIFIED, Disposition.SUPPRESSED)
    )
    review = Review(change(), ReviewStatus.COMPLETE, findings=(*hidden, *shown))
    assert review.shown() == shown
    assert review.by_disposition(Disposition.DUPLICATE) == hidden[:1]
    # What is neither beside a line nor verified does not decide.
    assert review.worst() is Severity.MEDIUM
    ungraded = placed(Disposition.UNPLACED, severity=Severity.HIGH, graded=False)
    assert replace(review, findings=(ungraded,)).worst() is Severity.CRITICAL


@pytest.mark.parametrize(
    ("fate", "fields", "worst"),
    [
        (Disposition.SUMMARY, {}, None),
        (Disposition.OUT_OF_DIFF, {}, None),
        (Disposition.UNPLACED, {}, Severity.HIGH),
        (Disposition.UNPLACED, {"graded": False, "severity": Severity.LOW}, Severity.CRITICAL),
    ],
)
def test_what_nobody_verified_does_not_decide_and_what_could_not_be_placed_or_graded_does(
    fate: Disposition, fields: dict[str, Any], worst: Severity | None
) -> None:
    found = placed(fate, **{"severity": Severity.HIGH, **fields})
    assert Review(change(), ReviewStatus.COMPLETE, findings=(found,)).worst() is worst


def test_a_review_that_shows_nothing_has_no_worst_finding() -> None:
    assert Review(change(), ReviewStatus.COMPLETE).worst() is None


def test_what_was_not_stated_is_empty() -> None:
    review = Review(change(), ReviewStatus.EMPTY)
    assert (review.units_from_cache, review.duration_ms) == (0, 0)
    assert UnitRoute("u", (), Tier.FREE, "", ()).sensitivity == 0.0
    assert Escalation("u", None, Tier.FREE, Tier.EFFICIENT).detail == ""


def test_the_words_of_a_status_are_those_of_the_json_report() -> None:
    words = {status.name: status.value for status in ReviewStatus}
    assert words == {
        "COMPLETE": "complete",
        "INCOMPLETE": "incomplete",
        "ANALYSERS_ONLY": "analysers-only",
        "STOPPED_BY_LIMIT": "stopped-by-limit",
        "EMPTY": "empty",
    }
