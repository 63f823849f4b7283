from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.words import Check, Payment, Severity, Tier
from reviewer.change.model import Anchor, Change, FileChange, FileStatus, Hunk, Line, LineKind, Side
from reviewer.findings.model import (
    Category,
    Coverage,
    Disposition,
    Finding,
    PlacedFinding,
    Reviewed,
    Skipped,
)
from reviewer.ledger.documents import DocumentUnreadable, dump_review, load_review
from reviewer.models.model import Call, Stage, Usage
from reviewer.review import Escalation, EvidenceRun, Review, ReviewStatus, UnitRoute

texts = st.text(max_size=30)
money = st.decimals(0, 1000, places=12)
lines = st.builds(
    Line, st.none() | st.integers(1, 10**6), st.none() | st.integers(1, 10**6), st.sampled_from(LineKind), texts
)
hunks = st.builds(
    Hunk, texts, *(st.integers(0, 9999) for _ in range(4)), texts, st.lists(lines, max_size=3).map(tuple)
)
files = st.builds(
    FileChange, texts, st.none() | texts, st.sampled_from(FileStatus), st.lists(hunks, max_size=2).map(tuple)
)
findings = st.builds(
    Finding,
    path=texts,
    line=st.integers(1, 9999),
    severity=st.sampled_from(Severity),
    category=st.sampled_from(Category),
    title=texts,
    body=texts,
    source=texts,
    fingerprint=texts,
    suggestion=st.none() | texts,
    confidence=st.none() | st.floats(0, 1),
    evidence=st.lists(texts, max_size=2).map(tuple),
)
placed = st.builds(
    PlacedFinding,
    findings,
    st.sampled_from(Disposition),
    texts,
    st.none() | st.builds(Anchor, texts, st.sampled_from(Side), st.integers(1, 99), st.none() | st.integers(1, 9)),
    st.floats(0, 1),
)
calls = st.builds(
    Call,
    texts,
    st.sampled_from(Stage),
    st.sampled_from(Tier),
    texts,
    texts,
    st.sampled_from(Payment),
    st.builds(Usage, st.integers(0, 10**9)),
    st.none() | money,
    st.integers(0, 10**6),
    st.integers(1, 5),
    st.booleans(),
    st.none() | st.sampled_from(Check),
)
reviews = st.builds(
    Review,
    st.builds(Change, texts, texts, st.lists(files, max_size=2).map(tuple)),
    st.sampled_from(ReviewStatus),
    st.lists(placed, max_size=2).map(tuple),
    st.builds(
        Coverage,
        st.lists(st.builds(Reviewed, texts, texts, texts), max_size=2).map(tuple),
        st.lists(st.builds(Skipped, texts, texts, texts, st.booleans()), max_size=2).map(tuple),
    ),
    st.lists(
        st.builds(UnitRoute, texts, st.just(("a", "b")), st.sampled_from(Tier), texts, st.just(("r",))), max_size=2
    ).map(tuple),
    st.lists(
        st.builds(Escalation, texts, st.sampled_from(Check), st.sampled_from(Tier), st.sampled_from(Tier)),
        max_size=1,
    ).map(tuple),
    st.lists(calls, max_size=2).map(tuple),
    st.lists(st.builds(EvidenceRun, texts, texts, st.integers(0, 9), st.integers(0, 9)), max_size=1).map(tuple),
    st.lists(texts, max_size=2).map(tuple),
    st.none() | money,
)


@given(reviews)
@settings(max_examples=60, deadline=None)
def test_a_review_comes_back_from_json_as_it_was(review: Review) -> None:
    assert load_review(dump_review(review)) == review


def test_amounts_are_exact_decimal_texts() -> None:
    review = Review(Change("", "", ()), ReviewStatus.COMPLETE, all_frontier_cost=Decimal("0.000000000001"))
    assert '"all_frontier_cost":"0.000000000001"' in dump_review(review)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"format":0}',
        '{"format":1}',
        '{"format":1,"review":null}',
        '{"format":1,"review":{}}',
        '{"format":1,"review":{"change":{"base":1,"head":"","files":[]},"status":"complete"}}',
        '{"format":1,"review":{"change":{"base":"","head":"","files":[]},"status":"splendid"}}',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(DocumentUnreadable):
        load_review(text)


def test_a_field_of_a_later_version_is_left_out() -> None:
    text = dump_review(Review(Change("a", "b", ()), ReviewStatus.EMPTY)).replace(
        '"status"', '"moonphase":"full","status"'
    )
    assert load_review(text).status is ReviewStatus.EMPTY
