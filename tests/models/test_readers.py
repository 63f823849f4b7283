"""What each protocol's reader makes of usage, finish reasons and errors."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from policies.words import Payment, Tier
from reviewer.models.anthropic_messages import MessagesReader
from reviewer.models.faults import FaultKind, ProviderFault
from reviewer.models.gemini import GEMINI, GeminiReader
from reviewer.models.model import Candidate, FinishReason, Prompt, Usage
from reviewer.models.openai_chat import ChatReader, read_usage
from reviewer.models.table import Dialect
from reviewer.models.wire import Ask, Reader, money


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 40},
                "completion_tokens_details": {"reasoning_tokens": 30},
            },
            Usage(100, 40, 0, 50, 30),
        ),
        # xAI counts reasoning beside the completion.
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "total_tokens": 150,
                "completion_tokens_details": {"reasoning_tokens": 30},
            },
            Usage(100, 0, 0, 50, 30),
        ),
        # DeepSeek has a name of its own for what it read from its cache.
        ({"prompt_tokens": 100, "completion_tokens": 1, "prompt_cache_hit_tokens": 64}, Usage(100, 64, 0, 1, 0)),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            },
            Usage(100, 60, 30, 1, 0),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": None}, Usage(10, 0, 0, 1, 0)),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 99}}, Usage(10, 10, 0, 0, 0)),
        ({"prompt_tokens": "many", "completion_tokens": -4}, Usage()),
    ],
)
def test_openai_usage_is_read_as_every_server_means_it(usage: dict[str, Any], expected: Usage) -> None:
    assert read_usage(usage) == expected


def test_anthropic_input_is_the_total_with_what_the_cache_read_and_wrote() -> None:
    reader = MessagesReader()
    start = {"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 50}
    reader.feed("message_start", {"type": "message_start", "message": {"usage": {**start, "output_tokens": 1}}})
    reader.feed("message_delta", {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 42}})
    assert reader.usage == Usage(input=160, cache_read=100, cache_write=50, output=42)


def test_anthropic_s_last_word_on_usage_is_cumulative() -> None:
    reader = MessagesReader()
    reader.feed("", {"type": "message_start", "message": {"usage": {"input_tokens": 10, "output_tokens": 1}}})
    last = {"input_tokens": 12, "cache_read_input_tokens": None, "output_tokens": 9}
    reader.feed("", {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last})
    assert reader.usage == Usage(input=12, output=9)


def test_gemini_thoughts_are_output_and_are_no_answer() -> None:
    reader = GeminiReader()
    text = reader.feed(
        "",
        {
            "candidates": [
                {
                    "content": {"parts": [{"text": "hmm", "thought": True}, {"text": "{}"}]},
                    "finishReason": "STOP",
                }
            ],
            "usageMetadata": {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 80,
                "candidatesTokenCount": 5,
                "thoughtsTokenCount": 20,
            },
        },
    )
    assert text == "{}"
    assert reader.usage == Usage(input=100, cache_read=80, output=25, reasoning=20)


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "PROHIBITED_CONTENT"])
def test_gemini_s_ways_to_refuse_are_refusals(reason: str) -> None:
    reader = GeminiReader()
    reader.feed("", {"candidates": [{"finishReason": reason}]})
    assert reader.finish_reason is FinishReason.REFUSAL


def test_a_prompt_that_gemini_blocks_is_a_refusal() -> None:
    reader = GeminiReader()
    reader.feed("", {"promptFeedback": {"blockReason": "SAFETY"}})
    assert (reader.finish_reason, reader.ended) == (FinishReason.REFUSAL, True)


def test_openai_s_refusal_text_is_a_refusal() -> None:
    reader = ChatReader()
    reader.feed("", {"choices": [{"delta": {"refusal": "I cannot"}, "finish_reason": None}]})
    reader.feed("", {"choices": [{"delta": {}, "finish_reason": "stop"}]})
    assert reader.finish_reason is FinishReason.REFUSAL


def test_arguments_of_the_answer_tool_are_the_answer() -> None:
    reader = ChatReader()
    pieces = [
        reader.feed("", {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}}]})
        for part in ('{"a"', ": 1}")
    ]
    assert "".join(pieces) == '{"a": 1}'
    whole = {"content": [{"type": "tool_use", "input": {"a": 1}}], "stop_reason": "tool_use"}
    assert MessagesReader().whole(whole) == '{"a": 1}'


@pytest.mark.parametrize(
    ("reader", "event", "kind"),
    [
        (ChatReader, {"error": {"code": 429, "message": "slow down"}}, FaultKind.RATE_LIMITED),
        (ChatReader, {"error": {"code": 402, "message": "no credit"}}, FaultKind.POLICY),
        (ChatReader, {"error": "upstream died"}, FaultKind.CUT),
        (ChatReader, {"choices": [{"delta": {}, "finish_reason": "error"}]}, FaultKind.CUT),
        (MessagesReader, {"type": "error", "error": {"type": "overloaded_error"}}, FaultKind.OVERLOADED),
        (MessagesReader, {"type": "error", "error": {"type": "rate_limit_error"}}, FaultKind.RATE_LIMITED),
        (MessagesReader, {"type": "error", "error": {"type": "a_new_error"}}, FaultKind.CUT),
        (GeminiReader, {"error": {"code": 429, "message": "quota"}}, FaultKind.RATE_LIMITED),
    ],
)
def test_an_error_inside_a_stream_is_sorted_like_one_outside(
    reader: type[Reader], event: dict[str, Any], kind: FaultKind
) -> None:
    with pytest.raises(ProviderFault) as caught:
        reader().feed("", event)
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    "odd",
    [{}, {"choices": None}, {"choices": [None]}, {"choices": [{"delta": None}]}, {"usage": []}, {"content": 3}],
)
def test_odd_events_are_no_text(odd: dict[str, Any]) -> None:
    for reader in (ChatReader(), MessagesReader(), GeminiReader()):
        assert reader.feed("", odd) == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0123, Decimal("0.0123")),
        ("0.5", Decimal("0.5")),
        (0, Decimal(0)),
        (-1, None),
        ("x", None),
        (True, None),
        (None, None),
    ],
)
def test_a_reported_cost_is_money_or_nothing(value: object, expected: Decimal | None) -> None:
    assert money(value) == expected


def test_a_gemini_request_has_its_key_in_a_header_and_a_schema_of_known_words() -> None:
    schema = {
        "type": "object",
        "properties": {"kind": {"const": "x"}, "title": {"type": "string", "maxLength": 5}},
        "additionalProperties": False,
    }
    candidate = Candidate(
        Tier.FREE, "google", "models/gemini-x", Payment.OWN_KEY, "gemini", "https://example.org", 9, 9
    )
    request = GEMINI.write(Ask(Prompt("s", "c", "u", schema=schema), candidate, Dialect(), "schema"))
    assert request.path == "/models/gemini-x:streamGenerateContent?alt=sse"
    assert request.key_header == "x-goog-api-key"
    sent = request.body["generationConfig"]["responseJsonSchema"]
    assert sent["properties"] == {"kind": {"enum": ["x"]}, "title": {"type": "string"}}
    assert [part["text"] for part in request.body["contents"][0]["parts"]] == ["c", "u"]
