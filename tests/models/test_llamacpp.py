"""A real server answers: llama.cpp, in both shapes that it speaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from policies.providers import ProviderRules
from policies.words import Payment, Tier
from reviewer.models.ask import ModelClient
from reviewer.models.clocking import TimeLimits
from reviewer.models.meter import NullMeter
from reviewer.models.model import Candidate, FinishReason, Prompt
from reviewer.models.open import open_client
from reviewer.settings import Settings
from tests.models.asking import ask, asker_of
from tests.simulators.llama_server import ALIAS, llama_server, missing

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]
PATIENT = TimeLimits(first_token=120, between_tokens=60, total=240)
SCHEMA = {
    "type": "object",
    "properties": {
        "severity": {"enum": ["high", "low"]},
        "title": {"type": "string", "maxLength": 12},
    },
    "required": ["severity", "title"],
    "additionalProperties": False,
}
PROMPT = Prompt(
    "You review code.", "def f(): pass\n" * 12, "x = 1 / 0", schema=SCHEMA, schema_name="r", max_output_tokens=80
)


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    if why := missing():
        pytest.skip(why)
    with llama_server() as address:
        yield address


def asker(root: str, protocol: str = "openai") -> ModelClient:
    base_url = f"{root}/v1" if protocol == "openai" else root
    structured = "schema" if protocol == "openai" else "prompt"
    candidate = Candidate(Tier.FREE, "llamacpp", ALIAS, Payment.LOCAL, protocol, base_url, 8192, 4096, structured)
    return asker_of(candidate, limits=PATIENT)


def test_a_grammar_holds_a_tiny_model_to_the_schema_and_its_prompt_is_cached(root: str) -> None:
    local = asker(root)
    first, second = ask(local, PROMPT), ask(local, PROMPT)
    for answer in (first, second):
        assert answer.completion is not None, answer
        Draft202012Validator(SCHEMA).validate(json.loads(answer.completion.text))
        assert answer.completion.finish_reason is FinishReason.STOP
        assert not answer.completion.estimated
        assert answer.calls[0].cost == 0
    assert second.completion is not None
    usage = second.completion.usage
    assert usage.input > usage.cache_read > usage.input // 2
    assert usage.output > 0


def test_the_same_server_answers_in_anthropic_s_shape_with_usage(root: str) -> None:
    plain = replace(PROMPT, schema={}, max_output_tokens=12)
    answer = ask(asker(root, "anthropic"), plain)
    assert answer.completion is not None, answer
    assert answer.completion.text
    assert not answer.completion.estimated
    assert answer.completion.usage.input > 50
    assert 0 < answer.completion.usage.output <= 12


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
def test_a_limit_on_the_output_is_obeyed_and_reported(root: str, protocol: str) -> None:
    essay = Prompt("", "", "Write a long story about a dragon.", max_output_tokens=8)
    answer = ask(asker(root, protocol), essay)
    assert answer.completion is not None, answer
    assert answer.completion.finish_reason is FinishReason.LENGTH
    assert answer.completion.usage.output == 8


def test_a_prompt_over_the_server_s_window_is_refused_and_not_repeated(root: str) -> None:
    local = asker(root)
    local._candidates = {Tier.FREE: (replace(local._candidates[Tier.FREE][0], context_window=10**6),)}
    answer = ask(local, Prompt("", "", "word " * 12_000, max_output_tokens=8))
    assert answer.completion is None
    assert len(answer.calls) == 1
    assert "too long" in str(answer.error)


def test_it_is_found_on_its_port_and_used_without_any_key(root: str) -> None:
    settings = Settings.from_environ({"KILO_REVIEW_LLAMACPP_BASE_URL": f"{root}/v1", "KILO_REVIEW_OFFLINE": "1"})
    local = open_client(settings, ProviderRules(), private=True, meter=NullMeter(), limits=PATIENT)
    found = local.candidate(Tier.FRONTIER)
    assert found is not None
    assert (found.provider, found.model, found.payment, found.context_window) == (
        "llamacpp",
        ALIAS,
        Payment.LOCAL,
        8192,
    )
