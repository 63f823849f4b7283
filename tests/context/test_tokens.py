"""Tokens are counted exactly for one family and on the safe side for the others."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.context.tokens import count_tokens, family_factor

# The package itself reads its data in a way that Python deprecates; the product loads only its extension module.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import bpe_openai


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_the_count_is_the_packages_own(text: str) -> None:
    assert count_tokens(text) == len(bpe_openai.get_encoding("o200k_base").encode_ordinary(text))


def test_special_words_count_as_text_and_broken_text_is_counted() -> None:
    assert count_tokens("<|endoftext|>") > 1
    assert count_tokens("") == 0
    assert count_tokens("\ud800") == 1


def test_a_very_long_text_is_counted() -> None:
    assert count_tokens("word " * 300_000) >= 300_000


@pytest.mark.parametrize(
    ("family", "factor"),
    [("openai/gpt-5", 1.0), ("gpt-4o", 1.0), ("anthropic/claude-x", 1.25), ("kilo-auto/small", 1.25), ("", 1.25)],
)
def test_an_unknown_family_is_counted_carefully(family: str, factor: float) -> None:
    assert family_factor(family) == factor
    assert count_tokens("some words here", family=family) >= count_tokens("some words here")
