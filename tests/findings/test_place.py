from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.words import Severity
from reviewer.change.model import Anchor, Side
from reviewer.findings.merge import Group, merge
from reviewer.findings.model import Disposition
from reviewer.findings.place import place
from tests.findings.builders import anchors_of, finding
from tests.findings.test_merge import FINDINGS

ANCHORS = anchors_of()


def put(*groups, score=0.9, threshold=0.5, most=30):
    return place(groups, ANCHORS, score=lambda _group: score, threshold=threshold, max_inline=most)


def test_what_scores_enough_goes_beside_its_line():
    (placed,) = put(Group(finding()))
    assert placed.disposition is Disposition.INLINE
    assert placed.anchor == Anchor("shop/cart.py", Side.RIGHT, 4)
    assert (placed.score, placed.agreed) == (0.9, 1)


def test_what_scores_less_goes_to_the_summary_with_the_reason():
    (placed,) = put(Group(finding()), score=0.49)
    assert (placed.disposition, placed.anchor) == (Disposition.SUMMARY, None)
    assert "0.49" in placed.reason


def test_what_stands_off_the_diff_is_not_lost():
    (placed,) = put(Group(finding(line=99)))
    assert placed.disposition is Disposition.OUT_OF_DIFF
    assert "shop/cart.py:99" in placed.reason


def test_a_range_that_github_refuses_shrinks_to_its_last_line_unless_a_suggestion_needs_it_all():
    wide = finding(start_line=-3)
    assert put(Group(wide))[0].anchor == Anchor("shop/cart.py", Side.RIGHT, 4)
    assert put(Group(replace(wide, suggestion="x")))[0].disposition is Disposition.OUT_OF_DIFF


def test_the_worst_go_inline_first_and_the_rest_is_said_to_be_beyond_the_limit():
    groups = [Group(finding(severity=severity, title=severity.label)) for severity in Severity]
    placed = put(*groups, most=2)
    assert [(one.finding.title, one.disposition) for one in placed] == [
        ("critical", Disposition.INLINE),
        ("high", Disposition.INLINE),
        ("medium", Disposition.SUMMARY),
        ("low", Disposition.SUMMARY),
    ]
    assert "2 inline comments" in placed[2].reason


def test_others_of_a_group_are_on_record_as_duplicates_of_the_one_that_speaks():
    placed = put(Group(finding("Speaks"), (finding("Silent"),), 2))
    assert [(one.finding.title, one.disposition) for one in placed] == [
        ("Speaks", Disposition.INLINE),
        ("Silent", Disposition.DUPLICATE),
    ]
    assert "'Speaks'" in placed[1].reason


@pytest.mark.parametrize("disposition", [Disposition.DUPLICATE, Disposition.SUPPRESSED])
def test_what_was_told_before_keeps_its_fate_and_comes_last(disposition):
    told = Group(finding("Old", severity=Severity.CRITICAL), disposition=disposition, reason="before")
    placed = put(told, Group(finding("New", severity=Severity.LOW)))
    assert [one.finding.title for one in placed] == ["New", "Old"]
    assert (placed[1].disposition, placed[1].reason, placed[1].anchor) == (disposition, "before", None)


@settings(max_examples=50, deadline=None)
@given(FINDINGS, st.floats(0, 1), st.floats(0, 1), st.integers(0, 4))
def test_every_finding_has_exactly_one_place_and_an_anchor_exactly_when_inline(findings, worth, threshold, most):
    groups = merge(findings)
    placed = place(groups, ANCHORS, score=lambda _group: worth, threshold=threshold, max_inline=most)
    assert len(placed) == len(findings)
    assert sum(one.disposition is Disposition.INLINE for one in placed) <= most
    assert all((one.anchor is not None) == (one.disposition is Disposition.INLINE) for one in placed)
    assert all(one.reason for one in placed if one.disposition is not Disposition.INLINE)
