"""The official clients hold the simulators honest: what they cannot read, our tests must not rest on."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx
import openai
import pytest
from jsonschema import Draft202012Validator

from tests.shared import shared
from tests.simulators.behaviour import ErrorInStream, Say, Status
from tests.simulators.provider import KEY, ProviderSimulator

TEXT = '{"findings": [{"title": "é 漢"}]}'


def openai_client(provider: ProviderSimulator) -> openai.OpenAI:
    return openai.OpenAI(base_url=provider.base_url, api_key=KEY, max_retries=0)


def anthropic_client(provider: ProviderSimulator) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=provider.base_url, api_key=KEY, max_retries=0)


def test_openai_s_client_reads_a_whole_answer() -> None:
    with ProviderSimulator("openai", default=Say(TEXT)) as provider, openai_client(provider) as client:
        answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
    assert answer.choices[0].message.content == TEXT
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == provider.books[0].input
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@pytest.mark.parametrize("wanted", [True, False])
def test_openai_s_client_reads_a_stream_and_gets_usage_only_when_it_asks(wanted: bool) -> None:
    with ProviderSimulator("openai", default=Say(TEXT, piece=2)) as provider, openai_client(provider) as client:
        chunks = list(
            client.chat.completions.create(
                model="m",
                messages=[{"role": "user", "content": "hello"}],
                stream=True,
                stream_options={"include_usage": wanted},
            )
        )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    usage = [chunk.usage for chunk in chunks if chunk.usage]
    assert len(usage) == wanted
    assert not wanted or usage[0].completion_tokens == provider.books[0].output


def test_openai_s_client_knows_every_refusal() -> None:
    script = [Status(429, headers={"retry-after": "3"}), Status(503), Status(404), Status(403)]
    with ProviderSimulator("openai", script=script) as provider, openai_client(provider) as client:
        for error in (
            openai.RateLimitError,
            openai.InternalServerError,
            openai.NotFoundError,
            openai.PermissionDeniedError,
        ):
            with pytest.raises(error, match="simulated"):
                client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert len(provider.requests) == 4


def test_anthropic_s_client_reads_a_whole_answer() -> None:
    with ProviderSimulator("anthropic", default=Say(TEXT)) as provider, anthropic_client(provider) as client:
        answer = client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hello"}])
    assert answer.content[0].type == "text"
    assert answer.content[0].text == TEXT
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens == provider.books[0].input


def test_anthropic_s_client_reads_a_stream_with_its_usage() -> None:
    long = "shared " * 2000
    with ProviderSimulator("anthropic", default=Say(TEXT, piece=2)) as provider:
        with anthropic_client(provider) as client:
            for _ in range(2):
                with client.messages.stream(
                    model="m",
                    max_tokens=9,
                    system=[{"type": "text", "text": long, "cache_control": {"type": "ephemeral"}}],
                    messages=[{"role": "user", "content": "hello"}],
                ) as stream:
                    answer = stream.get_final_message()
        first, second = provider.books
    assert answer.content[0].type == "text"
    assert answer.content[0].text == TEXT
    assert answer.usage.cache_read_input_tokens == second.cache_read > 0
    assert first.cache_write == second.cache_read
    assert answer.usage.output_tokens == second.output
    assert answer.usage.input_tokens == second.input - second.cache_read


def test_anthropic_s_client_knows_every_refusal() -> None:
    script = [Status(429), Status(529), Status(401)]
    with ProviderSimulator("anthropic", script=script) as provider, anthropic_client(provider) as client:
        for error in (
            anthropic.RateLimitError,
            anthropic.InternalServerError,
            anthropic.AuthenticationError,
        ):
            with pytest.raises(error, match="simulated"):
                client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert len(provider.requests) == 3


def test_anthropic_s_client_sees_an_error_in_the_stream() -> None:
    with (
        ProviderSimulator("anthropic", default=ErrorInStream()) as provider,
        anthropic_client(provider) as client,
        pytest.raises(anthropic.APIStatusError, match="Overloaded"),
        client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as stream,
    ):
        stream.get_final_message()


def test_a_wrong_key_is_refused() -> None:
    with ProviderSimulator("openai") as provider:
        client = openai.OpenAI(base_url=provider.base_url, api_key="sk-wrong", max_retries=0)
        with client, pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])


def _read_nullable(node: Any) -> Any:
    """Rewrite OpenAPI 3.0's `nullable`, which OpenAI's 3.1 description still uses, as JSON Schema has it."""
    if isinstance(node, list):
        return [_read_nullable(child) for child in node]
    if not isinstance(node, dict):
        return node
    changed = {key: _read_nullable(child) for key, child in node.items()}
    if changed.pop("nullable", False) is True:
        return {"anyOf": [changed, {"type": "null"}]}
    return changed


def _schema(file: str, name: str) -> Draft202012Validator:
    document = _read_nullable(json.loads(shared(f"contract/{file}").read_text()))
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


@pytest.mark.contract
def test_openai_s_description_accepts_what_the_simulator_says() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    streaming = {**body, "stream": True, "stream_options": {"include_usage": True}}
    with ProviderSimulator("openai", default=Say(TEXT)) as provider, httpx.Client() as client:
        headers = {"authorization": f"Bearer {KEY}"}
        address = f"{provider.base_url}/chat/completions"
        whole = client.post(address, json=body, headers=headers).json()
        stream = client.post(address, json=streaming, headers=headers).text
    _schema("openai-subset.json", "CreateChatCompletionResponse").validate(whole)
    check = _schema("openai-subset.json", "CreateChatCompletionStreamResponse")
    lines = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: {")]
    assert len(lines) > 3
    for line in lines:
        check.validate(json.loads(line))


@pytest.mark.contract
def test_anthropic_s_description_accepts_what_the_simulator_says() -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    with ProviderSimulator("anthropic", default=Say(TEXT)) as provider, httpx.Client() as client:
        headers = {"x-api-key": KEY}
        whole = client.post(f"{provider.base_url}/v1/messages", json=body, headers=headers).json()
    _schema("anthropic-subset.json", "Message").validate(whole)
