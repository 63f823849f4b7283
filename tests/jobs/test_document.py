"""The document that the ledger keeps: everything of a review comes back, and nothing else is taken for one."""

from __future__ import annotations

import contextlib
import json
import types
import typing
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from policies.gates import Verdict
from policies.words import Conclusion
from reviewer.findings.model import Disposition
from reviewer.jobs.document import Document, dump_document, load_document
from reviewer.ledger.units import clean
from reviewer.steps.result import Review
from tests.publish import samples

# Lone surrogates too: a path or a line of a diff need not be UTF-8.
TEXT = st.text(st.characters(), max_size=12)
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**53), 2**53),
    bool: st.booleans(),
    float: st.floats(0, 1),
    Decimal: st.decimals(0, 10**6, places=12),
}


@cache
def of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type, from its own annotations: a field that is added is tested at once."""
    if kind in LEAVES:
        return LEAVES[kind]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(*(st.none() if part is type(None) else of(part) for part in inner))
    if origin is tuple:
        return st.lists(of(inner[0]), max_size=2).map(tuple)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    assert is_dataclass(kind), kind
    assert isinstance(kind, type)
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{field.name: of(hints[field.name]) for field in fields(kind)})


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=50, deadline=None, suppress_health_check=SLOW)
@given(of(Document))
@example(Document(samples.review(), Verdict(Conclusion.NEUTRAL, "\udcff", ())))
def test_a_document_comes_back_as_it_was(document: Document) -> None:
    # As the ledger stores it: UTF-8 without NUL.
    text = dump_document(document)
    assert clean(text) == text
    text.encode("utf-8")
    again = load_document(text)
    assert again.verdict == document.verdict
    assert replace(again.review, change=document.review.change) == document.review
    inline = {found.finding.path for found in document.review.findings if found.disposition is Disposition.INLINE}
    for before, after in zip(document.review.change.files, again.review.change.files, strict=True):
        assert after == (before if before.path in inline else replace(before, hunks=()))
    assert dump_document(again) == text


def test_the_sample_of_every_fate_comes_back() -> None:
    review: Review = samples.review()
    document = Document(review, Verdict(Conclusion.FAILURE, "1 high", ("a reason",)))
    again = load_document(dump_document(document))
    assert again.review.findings == review.findings
    assert again.review.cost == review.cost
    assert again.review.coverage == review.coverage


SAMPLE = json.loads(dump_document(Document(samples.review(), Verdict(Conclusion.NEUTRAL, "", ()))))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def paths(value: Any) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, as the keys and indexes that lead there."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(), *((key, *rest) for key, part in inside for rest in paths(part))]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(paths(SAMPLE)), JSON)
@example(("review", "calls", 0, "cost"), "no amount")
@example(("review", "change"), 7)
@example((), {"version": 2})
def test_a_document_of_another_shape_is_refused_or_read(where: tuple[Any, ...], value: Any) -> None:
    text = json.dumps(_with(SAMPLE, where, value))
    with contextlib.suppress(ValueError):
        assert isinstance(load_document(text), Document)


def _with(document: Any, where: tuple[Any, ...], value: Any) -> Any:
    if not where:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[where[0]] = _with(document[where[0]], where[1:], value)
    return copy


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"version": 2}', '{"version": 1}', '{"version": 1, "x": 1}']
)
def test_what_is_no_document_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        load_document(text)
