"""The shortest beginning of a prompt that a provider caches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reviewer.context.tokens import count_tokens
from reviewer.models.cacheable import LEAST_CACHED, UNKNOWN, least_cached
from reviewer.prompts.build import system_text
from tests.steps.parts import SMALL


@pytest.mark.parametrize(
    ("model", "least"),
    [
        ("claude-sonnet-4-5", 1024),
        ("anthropic/claude-sonnet-4.6", 2048),
        ("claude-opus-4-20250514", 4096),
        ("claude-opus-4.1", 1024),
        ("claude-haiku-4-5", 4096),
        ("claude-opus-9", 4096),
        ("openai/gpt-6-luna", 1024),
        ("o4-mini", 1024),
        ("gemini-2.5-flash", 2048),
        ("gemini-4-argon", 4096),
        ("somebody-s-model", UNKNOWN),
    ],
)
def test_a_model_has_the_minimum_of_its_family_and_an_unknown_one_a_careful_one(model: str, least: int) -> None:
    assert least_cached(replace(SMALL, model=model)) == least


def test_the_instructions_alone_are_too_short_for_any_cache() -> None:
    assert count_tokens(system_text(), family="claude") < min(LEAST_CACHED.values())
