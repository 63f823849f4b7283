"""What the docs say was measured still holds on the development sets."""

import pytest

from tests.shared import shared


def test_expert_comments_find_their_line_again_by_a_careless_quote():
    shared("data/review-dev.jsonl.gz")
    from bench.anchoring import run

    figures = run()
    assert figures["line_in_hunk"] >= 0.97
    assert figures["range_accepted"] == 1.0
    assert figures["quote_right"] >= 0.85
    assert figures["quote_over_number"] >= 10
    slips = ("range", "without_a_number", "numbered", "white_space", "quote_marks", "elision", "skipped_line")
    assert {
        slip: figures[f"{slip}_right"] for slip in (*slips, "short_last_line") if figures[f"{slip}_right"] < 0.97
    } == {}


@pytest.mark.campaign
def test_duplicates_are_found_in_pull_requests_that_were_held_out():
    shared("data/findings-dev.jsonl.gz")
    from bench.duplicates_found import run

    figures = run()
    assert figures["precision"] >= 0.95
    assert figures["recall"] >= 0.85
    assert figures["recall"] > figures["same_line_recall"]
    assert figures["against_threads_precision"] >= 0.95
    assert figures["against_threads_recall"] >= 0.85
    assert figures["against_outdated_threads_precision"] >= 0.95
    assert figures["against_outdated_threads_recall"] >= 0.85
    assert figures["on_the_same_code_precision"] >= 0.95
    assert figures["on_the_same_code_recall"] >= 0.9


@pytest.mark.campaign
def test_what_goes_inline_is_worth_acting_on_and_nothing_worthwhile_is_lost():
    shared("data/findings-dev.jsonl.gz")
    from bench.ranking import run

    figures = run()
    assert figures["one_pass_strict_inline"] >= 0.95
    assert figures["one_pass_balanced_inline"] >= 0.9
    assert figures["one_pass_top3"] >= figures["one_pass_top3_by_confidence"]
    assert figures["one_pass_worthwhile_issues_kept"] >= 0.95
    assert figures["merged_worthwhile_issues_kept"] >= 0.95
