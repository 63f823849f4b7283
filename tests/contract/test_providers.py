"""What we send to OpenAI and Anthropic is what their own descriptions say that they take."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from policies.words import Payment, Tier
from reviewer.models.model import Candidate, Prompt
from reviewer.models.protocols import protocol_of
from reviewer.models.table import ENDPOINT, Dialect, shipped_table
from reviewer.models.wire import Ask
from tests.models.asking import SCHEMA, ask, asker_of, candidate_of
from tests.shared import shared
from tests.simulators.provider import ProviderSimulator

pytestmark = pytest.mark.contract

LOOSE = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "minLength": 1}, "lines": {"type": "array", "minItems": 1}},
    "required": ["verdict"],
}
PROMPTS = {
    "strict schema": Prompt("system", "shared", "unit", schema=SCHEMA, schema_name="review"),
    "loose schema": Prompt("system", "shared", "unit", schema=LOOSE, schema_name="a name, with odd characters!"),
    "no schema": Prompt("system", "shared", "unit"),
    "no shared part": Prompt("system", "", "unit", schema=SCHEMA),
    "no system": Prompt("", "", "unit", schema=SCHEMA),
}


@cache
def validator(file: str, name: str) -> Draft202012Validator:
    document = json.loads(shared(f"contract/{file}").read_text())
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


OPENAI = ("openai-subset.json", "CreateChatCompletionRequest")
ANTHROPIC = ("anthropic-subset.json", "CreateMessageParams")


def candidate(protocol: str, provider: str, payment: Payment) -> Candidate:
    return Candidate(Tier.EFFICIENT, provider, "model", payment, protocol, "https://example.org", 10_000, 1000)


def written(protocol: str, provider: str, prompt: Prompt, mode: str, payment: Payment) -> dict[str, Any]:
    subject = candidate(protocol, provider, payment)
    ask = Ask(prompt, subject, shipped_table().dialect(provider), mode)
    body: dict[str, Any] = json.loads(protocol_of(subject).write(ask).encoded())
    return body


def test_the_descriptions_refuse_what_is_wrong() -> None:
    """The check itself can fail."""
    for contract, body in (
        (OPENAI, {"model": "m", "messages": [{"role": "robot", "content": "x"}]}),
        (OPENAI, {"model": "m"}),
        (ANTHROPIC, {"model": "m", "messages": [{"role": "user", "content": "x"}]}),
        (ANTHROPIC, {"model": "m", "max_tokens": 1, "messages": [], "response_format": {}}),
    ):
        with pytest.raises(ValidationError):
            validator(*contract).validate(body)


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
@pytest.mark.parametrize("mode", ["schema", "tool", "json", "prompt"])
@pytest.mark.parametrize(
    ("provider", "payment"),
    [
        ("openai", Payment.OWN_KEY),
        ("mistral", Payment.OWN_KEY),
        ("ollama", Payment.LOCAL),
        (ENDPOINT, Payment.OWN_KEY),
    ],
)
def test_every_openai_request_is_valid(prompt: Prompt, mode: str, provider: str, payment: Payment) -> None:
    validator(*OPENAI).validate(written("openai", provider, prompt, mode, payment))


@pytest.mark.parametrize("provider", ["kilo", "openrouter"])
def test_a_gateway_s_request_is_openai_s_plus_the_gateway_s_own_words(provider: str) -> None:
    subject = replace(candidate("openai", provider, Payment.GATEWAY), model="anthropic/claude-opus-5.5")
    dialect = shipped_table().dialect(provider)
    ask = Ask(PROMPTS["strict schema"], subject, dialect, "schema", forbid_training=True)
    body = json.loads(protocol_of(subject).write(ask).encoded())
    assert body["usage"] == {"include": True}
    if provider == "openrouter":
        assert body["provider"] == {"data_collection": "deny"}
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    validator(*OPENAI).validate({key: value for key, value in body.items() if key not in ("usage", "provider")})


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
@pytest.mark.parametrize("mode", ["schema", "tool", "prompt"])
def test_every_anthropic_request_is_valid(prompt: Prompt, mode: str) -> None:
    body = written("anthropic", "anthropic", prompt, mode, Payment.OWN_KEY)
    validator(*ANTHROPIC).validate(body)


def test_what_goes_over_the_wire_is_what_was_checked() -> None:
    for protocol, contract in (("openai", OPENAI), ("anthropic", ANTHROPIC)):
        with ProviderSimulator(protocol) as provider:
            assert ask(asker_of(candidate_of(provider))).completion is not None
            (request,) = provider.requests
        validator(*contract).validate(request.body)


def test_anthropic_requests_end_their_stable_parts_at_cache_breakpoints() -> None:
    body = written("anthropic", "anthropic", PROMPTS["strict schema"], "schema", Payment.OWN_KEY)
    shared_part, unit_part = body["messages"][0]["content"]
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert shared_part["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in unit_part


def test_the_schema_that_anthropic_gets_has_no_keyword_that_it_refuses() -> None:
    body = written("anthropic", "anthropic", PROMPTS["strict schema"], "schema", Payment.OWN_KEY)
    sent = json.dumps(body["output_config"]["format"]["schema"])
    assert '"maxLength"' not in sent
    assert '"minimum"' not in sent
    assert "maxLength 120" in sent


@pytest.mark.parametrize(("schema", "strict"), [(SCHEMA, True), (LOOSE, False)], ids=["closed", "open"])
def test_strict_is_only_asked_for_where_the_schema_allows_it(schema: dict[str, Any], strict: bool) -> None:
    prompt = Prompt("s", "", "u", schema=schema)
    body = written("openai", "openai", prompt, "schema", Payment.OWN_KEY)
    described = body["response_format"]["json_schema"]
    assert described["strict"] is strict
    # Strict mode refuses lengths of strings; a grammar of a local server is made from them.
    assert ('"maxLength"' in json.dumps(described)) is False
    local = written("openai", "ollama", prompt, "schema", Payment.LOCAL)
    assert local["response_format"]["json_schema"]["schema"] == schema


def test_no_request_offers_the_model_a_tool_that_does_anything() -> None:
    """The only tool there ever is gives the answer its shape: nothing of ours runs on a model's word."""
    for protocol in ("openai", "anthropic", "gemini"):
        for mode in ("schema", "json", "prompt"):
            body = written(protocol, protocol, PROMPTS["strict schema"], mode, Payment.OWN_KEY)
            assert "tools" not in body
    dialect = Dialect()
    for protocol in ("openai", "anthropic"):
        subject = candidate(protocol, protocol, Payment.OWN_KEY)
        body = protocol_of(subject).write(Ask(PROMPTS["strict schema"], subject, dialect, "tool")).body
        assert len(body["tools"]) == 1
