"""Refusals that name what they refuse, and answers in other forms: each is one real exchange over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from policies.words import Payment, Tier
from reviewer.errors import ConfigurationError, ModelUnavailable, PermanentError, PolicyRefused, RateLimited
from reviewer.models.breaker import LocalBreaker
from reviewer.models.clocking import TimeLimits
from reviewer.models.meter import CallIntent, NullMeter
from reviewer.models.model import FinishReason, Prompt
from tests.models.asking import HASTY, LIMITS, PRICE, PROMPT, ask, asker_of, candidate_of
from tests.simulators.behaviour import Behaviour, Cut, Hang, Raw, Say, Status, refusing
from tests.simulators.provider import OllamaServes, ProviderSimulator

GOOD = '{"findings": [], "uncertain": false}'
PROTOCOLS = ("openai", "anthropic", "gemini")


def bodies(provider: ProviderSimulator) -> list[dict[str, Any]]:
    return [request.body for request in provider.requests]


def no_request_twice(provider: ProviderSimulator) -> bool:
    return all(one != other for one, other in pairwise(bodies(provider)))


# --- Refusals ------------------------------------------------------------

REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("temperature", {"message": "Unsupported parameter: 'temperature' is not supported with this model."}, "local"),
    ("stream_options", {"message": "Extra inputs are not permitted", "param": "stream_options"}, ""),
    ("usage", {"message": "Unrecognized request argument supplied: usage"}, "openrouter"),
    ("stream", {"message": "Your organization must be verified to stream this model.", "param": "stream"}, ""),
]


@pytest.mark.parametrize(("field", "error", "kind"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_a_refused_field_is_left_out_at_once_and_from_then_on(field: str, error: dict[str, Any], kind: str) -> None:
    def answer(body: Any) -> Behaviour:
        return Status(400, error=error) if field in body else Say(GOOD)

    with ProviderSimulator("openai", default=answer) as provider:
        changes: dict[str, Any] = {"payment": Payment.LOCAL} if kind == "local" else {}
        changes |= {"provider": kind} if kind == "openrouter" else {}
        asker = asker_of(candidate_of(provider, **changes))
        first, second = ask(asker), ask(asker)
    assert first.completion is not None
    assert first.completion.text == GOOD
    assert second.completion is not None
    assert [len(first.calls), len(second.calls)] == [2, 1]
    assert field in bodies(provider)[0]
    assert all(field not in body for body in bodies(provider)[1:])
    assert all("response_format" in body for body in bodies(provider))
    assert first.calls[0].cost == 0


def test_a_validation_error_in_fastapi_s_form_names_its_field_too() -> None:
    def answer(body: Any) -> Behaviour:
        wrong = [
            {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}
        ]
        return Status(422, error={"detail": wrong}) if "stream_options" in body else Say(GOOD)

    with ProviderSimulator("openai", default=answer) as provider:
        answered = ask(asker_of(candidate_of(provider)))
    assert answered.completion is not None
    assert len(provider.requests) == 2


def test_what_the_vendor_behind_a_gateway_refuses_is_found_in_the_gateway_s_error() -> None:
    raw = json.dumps({"error": {"message": "`temperature` is deprecated for this model."}})
    error = {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw, "provider_name": "X"}}

    def answer(body: Any) -> Behaviour:
        return Status(400, error=error) if "temperature" in body else Say(GOOD)

    with ProviderSimulator("openai", default=answer) as provider:
        answered = ask(asker_of(candidate_of(provider, payment=Payment.LOCAL)))
    assert answered.completion is not None
    assert len(provider.requests) == 2


@pytest.mark.parametrize(
    ("protocol", "fields"),
    [("openai", ("response_format", "tools")), ("anthropic", ("output_config", "tools"))],
)
def test_a_server_without_structured_output_is_asked_in_the_prompt_by_the_last_attempt(
    protocol: str, fields: tuple[str, ...]
) -> None:
    default = refusing(*fields, words="`{}` is not supported", then=Say(GOOD))
    with ProviderSimulator(protocol, default=default) as provider:
        asker = asker_of(candidate_of(provider))
        first, second = ask(asker), ask(asker)
    assert first.completion is not None, first
    assert len(first.calls) <= 3
    assert len(second.calls) == 1
    assert no_request_twice(provider) or len(provider.requests) == len(first.calls) + 1
    assert "JSON Schema" in json.dumps(bodies(provider)[-1])


def test_a_server_that_refuses_one_thing_after_the_other_is_asked_in_the_plainest_way_at_last() -> None:
    default = refusing("stream_options", "temperature", "response_format", "tools", then=Say(GOOD))
    with ProviderSimulator("openai", default=default) as provider:
        answered = ask(asker_of(candidate_of(provider, payment=Payment.LOCAL)))
    assert answered.completion is not None
    assert len(provider.requests) == 3
    assert set(bodies(provider)[-1]) == {"model", "messages", "max_completion_tokens", "stream"}


def test_a_request_that_is_refused_without_a_name_is_not_repeated() -> None:
    with ProviderSimulator("openai", default=Status(400, "I do not like this")) as provider:
        answered = ask(asker_of(candidate_of(provider)))
    assert isinstance(answered.error, PermanentError)
    assert len(provider.requests) == 1


def test_what_policy_asks_of_a_gateway_is_never_left_out() -> None:
    default = refusing("provider", words="Unknown parameter: '{}'", then=Say(GOOD))
    with ProviderSimulator("openai", default=default) as provider:
        asker = asker_of(candidate_of(provider, provider="openrouter"), forbid_training=True)
        answered = ask(asker)
    assert answered.completion is None
    assert all(body["provider"] == {"data_collection": "deny"} for body in bodies(provider))


@pytest.mark.parametrize(
    "words",
    [
        "max_tokens is too large: {}. This model supports at most 300 completion tokens.",
        "Invalid max_tokens value, the valid range of max_tokens is [1, 300]",
    ],
)
def test_a_lower_limit_of_output_is_taken_from_the_refusal(words: str) -> None:
    def answer(body: Any) -> Behaviour:
        return Status(400, words.format(body["max_tokens"])) if body["max_tokens"] > 300 else Say(GOOD)

    with ProviderSimulator("openai", default=answer) as provider:
        answered = ask(asker_of(candidate_of(provider, provider="mistral")))
    assert answered.completion is not None
    assert [body["max_tokens"] for body in bodies(provider)] == [PROMPT.max_output_tokens, 300]


def test_a_model_without_a_system_role_gets_that_text_with_the_question() -> None:
    def answer(body: Any) -> Behaviour:
        has_system = body["messages"][0]["role"] == "system"
        return Status(400, "System role not supported") if has_system else Say(GOOD)

    with ProviderSimulator("openai", default=answer) as provider:
        answered = ask(asker_of(candidate_of(provider)))
    assert answered.completion is not None
    (message,) = bodies(provider)[-1]["messages"]
    assert message["content"].startswith(PROMPT.system)


def test_an_organisation_that_may_not_stream_gets_its_answer_in_one_piece_and_time_for_it() -> None:
    def answer(body: Any) -> Behaviour:
        refusal = Status(400, "Your organization must be verified to stream this model.")
        return refusal if body.get("stream") else Say(GOOD)

    with ProviderSimulator("openai", default=answer) as provider:
        answered = ask(asker_of(candidate_of(provider)))
    assert answered.completion is not None
    assert not answered.completion.estimated
    assert bodies(provider)[1]["response_format"] == bodies(provider)[0]["response_format"]
    assert "stream_options" not in bodies(provider)[1]


@pytest.mark.parametrize("inside", [False, True], ids=["400", "inside a 200"])
def test_an_answer_that_the_provider_s_own_check_refused_is_read_where_it_is_whole(inside: bool) -> None:
    error = {"message": "Failed to generate JSON.", "type": "invalid_request_error", "code": "json_validate_failed"}
    whole, cut = {**error, "failed_generation": GOOD}, {**error, "failed_generation": GOOD[:-1]}
    for failed, requests in ((whole, 1), (cut, 2)):
        script = [Status(400, error=failed, inside=inside)]
        with ProviderSimulator("openai", script=script, default=Say(GOOD)) as provider:
            answered = ask(asker_of(candidate_of(provider, provider="groq")))
        assert answered.completion is not None
        assert answered.completion.text == GOOD
        assert len(provider.requests) == requests
        assert no_request_twice(provider)


# --- Answers ------------------------------------------------------------

DRESSES: list[tuple[str, Say]] = [
    ("chunks", Say(GOOD, dress="chunks")),
    ("reasoning", Say(GOOD, dress="reasoning")),
    ("message for delta", Say(GOOD, dress="message")),
    ("tool call", Say(GOOD, dress="tool")),
    ("two choices", Say(GOOD, dress="two")),
    ("blank data lines", Say(GOOD, blanks=True)),
    ("content type in capitals", Say(GOOD, content_type="Text/Event-Stream; Charset=UTF-8")),
    ("a stream that calls itself JSON", Say(GOOD, content_type="application/json")),
    ("a stream that calls itself text", Say(GOOD, content_type="text/plain")),
    ("one piece that calls itself a stream", Say(GOOD, whole=True, content_type="text/event-stream")),
    ("one piece", Say(GOOD, whole=True)),
    ("one piece in chunks", Say(GOOD, whole=True, dress="chunks")),
    ("one piece under reasoning", Say(GOOD, whole=True, dress="reasoning")),
    ("thinking", Say(f'<think>{{"findings": ["a draft"], "uncertain": false}} no</think>{GOOD}')),
    ("thinking without its opening tag", Say(f'Is it {{"findings": 1, "uncertain": 0}}?\n</think>\n{GOOD}')),
    ("thought", Say(f"<thought>\nHm.\n</thought>\n\n{GOOD}")),
    ("THINK", Say(f"[THINK]Hm.[/THINK]{GOOD}")),
    (
        "harmony",
        Say(
            "<|channel|>analysis<|message|>Hm, {}.<|end|><|start|>assistant<|channel|>final <|constrain|>json"
            f"<|message|>{GOOD}<|return|>"
        ),
    ),
    ("harmony without its marks", Say(f"analysisThe user wants a review.assistantfinal{GOOD}")),
    ("tool call in words", Say(json.dumps({"name": "review", "arguments": json.loads(GOOD)}))),
    ("tool call in tags", Say(f'<tool_call>\n{{"name": "review", "arguments": {GOOD}}}\n</tool_call>')),
    ("encoded twice", Say(json.dumps({"name": "review", "parameters": GOOD}))),
    ("a list encoded twice", Say(json.dumps({"findings": "[]", "uncertain": False}))),
]


@pytest.mark.parametrize("dress", [row[1] for row in DRESSES], ids=[row[0] for row in DRESSES])
def test_an_answer_in_another_dress_is_taken_at_the_first_call(dress: Say) -> None:
    with ProviderSimulator("openai", default=dress) as provider:
        answered = ask(asker_of(candidate_of(provider)))
    assert answered.completion is not None, answered
    assert json.loads(answered.completion.text) == json.loads(GOOD)
    assert answered.completion.finish_reason is FinishReason.STOP
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "text", [f"So {GOOD} would do, but", GOOD[:-1], "I think that it is fine.", '{"findings": []}']
)
def test_reasoning_that_is_no_whole_answer_is_none(text: str) -> None:
    with ProviderSimulator("openai", default=Say(text, dress="reasoning")) as provider:
        answered = ask(asker_of(candidate_of(provider)))
    assert answered.completion is None
    assert isinstance(answered.error, ModelUnavailable)


def test_a_model_that_never_stops_thinking_has_not_answered() -> None:
    draft = f"<think>Perhaps {GOOD}, or perhaps not"
    with ProviderSimulator("openai", default=Say(draft)) as provider:
        answered = ask(asker_of(candidate_of(provider)))
    assert answered.completion is None


def test_a_tag_that_the_answer_quotes_ends_no_reasoning() -> None:
    quoting = json.dumps({"findings": [{"title": "Ends with </think>", "path": "a.html"}], "uncertain": False})
    for text in (quoting, f"Here it is: {quoting}", f"<think>Hm.</think>{quoting}"):
        with ProviderSimulator("openai", default=Say(text)) as provider:
            answered = ask(asker_of(candidate_of(provider)))
        assert answered.completion is not None
        assert quoting in answered.completion.text


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("ending", ["no done", "broken", "open"])
def test_a_finished_answer_is_kept_whatever_its_stream_does_after_it(protocol: str, ending: str) -> None:
    limits = replace(LIMITS, after_end=0.3)
    with ProviderSimulator(protocol, default=Say(GOOD, ending=ending)) as provider:
        answered = ask(asker_of(candidate_of(provider), limits=limits))
    assert answered.completion is not None, answered
    assert answered.completion.text == GOOD
    assert len(provider.requests) == 1
    # What is still to come is not waited for as long as an answer is.
    assert answered.completion.latency_ms < limits.between_tokens * 1000


def test_an_answer_that_ended_at_its_limit_is_not_bought_again_when_its_connection_breaks() -> None:
    cut = Say(GOOD[:-9], finish="length", ending="broken")
    with ProviderSimulator("openai", default=cut) as provider:
        answered = ask(asker_of(candidate_of(provider)))
    assert answered.completion is not None
    assert answered.completion.finish_reason is FinishReason.LENGTH
    assert len(provider.requests) == 1


def test_a_whole_answer_without_a_finish_reason_is_kept_and_its_bill_is_marked_as_an_estimate() -> None:
    with ProviderSimulator("openai", default=Say(GOOD, ending="no finish")) as provider:
        answered = ask(asker_of(candidate_of(provider)))
    assert answered.completion is not None
    assert len(provider.requests) == 1
    assert answered.calls[0].estimated


def test_half_an_answer_without_a_finish_reason_is_asked_for_again() -> None:
    with ProviderSimulator("openai", script=[Say(GOOD[:-1], ending="no finish")], default=Say(GOOD)) as provider:
        answered = ask(asker_of(candidate_of(provider)))
    assert answered.completion is not None
    assert len(provider.requests) == 2


def test_what_a_model_says_after_its_answer_is_stopped_and_the_answer_kept() -> None:
    chatter = " ".join(f"And {number} more things." for number in range(1000))
    prompt = replace(PROMPT, max_output_tokens=4096)
    with ProviderSimulator("openai", default=Say(f"{GOOD}\n{chatter}")) as provider:
        answered = ask(asker_of(candidate_of(provider)), prompt)
    assert answered.completion is not None
    assert answered.completion.text == GOOD
    assert answered.completion.finish_reason is FinishReason.STOP
    assert "after the end" in answered.completion.cut
    assert answered.calls[0].estimated


# --- Errors inside a 200 ------------------------------------------------------------

INSIDE: list[tuple[dict[str, Any], type[Exception], int]] = [
    ({"code": 429, "message": "slow down", "metadata": {"retry_after": 99}}, RateLimited, 1),
    ({"code": "429", "message": "slow down. Please try again in 45s."}, RateLimited, 1),
    ({"type": "insufficient_quota", "message": "You exceeded your quota"}, PolicyRefused, 1),
    ({"code": 402, "message": "no credit"}, PolicyRefused, 1),
    ({"code": 401, "message": "no auth"}, ConfigurationError, 1),
    ({"status": "PERMISSION_DENIED", "message": "no"}, PolicyRefused, 1),
    ({"code": 404, "message": "no such model"}, ConfigurationError, 1),
    ({"type": "invalid_request_error", "message": "I do not like this"}, PermanentError, 1),
    ({"code": 503, "message": "no instances"}, ModelUnavailable, 3),
    ({"message": "something"}, ModelUnavailable, 3),
]


@pytest.mark.parametrize(("error", "kind", "requests"), INSIDE)
def test_an_error_inside_a_200_is_sorted_as_its_http_status(
    error: dict[str, Any], kind: type[Exception], requests: int
) -> None:
    with ProviderSimulator("openai", default=Status(200, error=error, inside=True)) as provider:
        answered = ask(asker_of(candidate_of(provider)))
    assert isinstance(answered.error, kind)
    assert len(provider.requests) == requests


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ({"code": 429, "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]}, 7),
        ({"code": 429, "message": "Rate limit reached. Please try again in 6.5s. Visit a page."}, 6.5),
        ({"code": 429, "message": "Please try again in 1m30s"}, 90),
        ({"code": 429, "message": "Please retry after 250 ms"}, 0.25),
    ],
)
def test_a_wait_that_is_asked_for_in_the_body_is_kept(error: dict[str, Any], seconds: float) -> None:
    sleeps: list[float] = []
    with ProviderSimulator("openai", script=[Status(429, error=error)], default=Say(GOOD)) as provider:
        answered = ask(asker_of(candidate_of(provider), sleeps=sleeps))
    if seconds > 30:
        assert isinstance(answered.error, RateLimited)
        assert answered.error.retry_after == seconds
    else:
        assert seconds <= sleeps[0] <= seconds * 1.1


# --- Money ------------------------------------------------------------

BYOK: dict[str, Any] = {
    "cost": 0,
    "is_byok": True,
    "cost_details": {"upstream_inference_cost": 0.0360795, "upstream_inference_prompt_cost": 0.0343845},
}


@pytest.mark.parametrize(
    ("fields", "bill"),
    [
        (BYOK, "0.0360795"),
        ({**BYOK, "cost": 0.0018}, "0.0378795"),
        ({"cost": 0, "cost_details": {"upstream_inference_cost": 0.036}}, "0.036"),
        ({"cost": 0.02, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.02}}, "0.02"),
        ({"cost": 0.02, "cost_details": {"upstream_inference_cost": 0.019}}, "0.02"),
        ({"cost": 0, "is_byok": False}, "0"),
    ],
)
def test_a_gateway_s_bill_holds_what_the_vendor_bills_to_one_s_own_key(fields: dict[str, Any], bill: str) -> None:
    with ProviderSimulator("openai", default=Say(GOOD, usage_fields=fields)) as provider:
        (call,) = ask(asker_of(candidate_of(provider, provider="openrouter"))).calls
    assert call.cost == Decimal(bill)


@pytest.mark.parametrize("fields", [{"cost": 0, "is_byok": True}, {"cost": 0}, {"cost": None}, {"cost": "?"}])
def test_a_gateway_that_does_not_say_the_whole_bill_is_counted_by_price(fields: dict[str, Any]) -> None:
    with ProviderSimulator("openai", default=Say(GOOD, usage_fields=fields)) as provider:
        subject = candidate_of(provider, provider="openrouter")
        (priced,) = ask(asker_of(subject)).calls
        (unpriced,) = ask(asker_of(subject, price=None)).calls
    assert priced.cost == PRICE.cost(priced.usage)
    assert unpriced.cost is None


@pytest.mark.parametrize("cost", ["0", "0.0001", "999"])
def test_a_cost_that_any_other_server_reports_does_not_replace_a_known_price(cost: str) -> None:
    with ProviderSimulator("openai", default=Say(GOOD, cost=cost)) as provider:
        (call,) = ask(asker_of(candidate_of(provider, provider="endpoint"))).calls
    assert call.cost == PRICE.cost(call.usage)


def test_where_no_price_is_known_a_reported_cost_counts_and_a_zero_is_unknown() -> None:
    for cost, counted in (("0.25", Decimal("0.25")), ("0", None)):
        with ProviderSimulator("openai", default=Say(GOOD, cost=cost)) as provider:
            (call,) = ask(asker_of(candidate_of(provider, provider="endpoint"), price=None)).calls
        assert call.cost == counted


def test_a_model_that_bills_above_its_price_is_reserved_for_at_what_it_bills() -> None:
    reserved: list[Decimal | None] = []

    class Noting(NullMeter):
        def reserve(self, *, amount: Decimal | None, call: CallIntent) -> str:
            reserved.append(amount)
            return super().reserve(amount=amount, call=call)

    with ProviderSimulator("openai", default=Say(GOOD, usage_fields=BYOK)) as provider:
        asker = asker_of(candidate_of(provider, provider="openrouter"), meter=Noting())
        (first,), (second,) = ask(asker).calls, ask(asker).calls
    assert first.cost is not None
    assert first.computed_cost is not None
    assert first.cost > first.computed_cost
    assert reserved[0] is not None
    assert reserved[1] is not None
    assert reserved[1] >= reserved[0] * first.cost / first.computed_cost
    assert second.cost is not None
    assert second.cost <= reserved[1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "fault",
    [Hang(30), Hang(30, headers=True), Hang(30, piece='{"fin'), Cut(), Raw(b""), Status(504)],
    ids=["no headers", "no first token", "silent in the middle", "cut", "empty", "gateway timeout"],
)
def test_a_bill_that_nobody_saw_is_unknown_with_an_estimate_beside_it(protocol: str, fault: Behaviour) -> None:
    with ProviderSimulator(protocol, script=[fault], default=Say(GOOD)) as provider:
        lost, kept = ask(asker_of(candidate_of(provider), limits=HASTY)).calls
    assert lost.cost is None
    assert lost.estimated
    assert lost.computed_cost is not None
    assert lost.computed_cost > 0
    assert kept.cost is not None


def test_a_free_or_local_model_that_hangs_costs_nothing() -> None:
    free = replace(PRICE, input=Decimal(0), output=Decimal(0), cache_read=Decimal(0), cache_write=Decimal(0))
    for changes, price in (({"payment": Payment.LOCAL}, None), ({}, free)):
        with ProviderSimulator("openai", script=[Hang(30)], default=Say(GOOD)) as provider:
            lost, _ = ask(asker_of(candidate_of(provider, **changes), limits=HASTY, price=price)).calls
        assert lost.cost == 0


def test_a_request_that_never_reached_its_provider_costs_nothing() -> None:
    with ProviderSimulator("openai") as provider:
        gone = candidate_of(provider, base_url="http://127.0.0.1:1/v1")
        answered = ask(asker_of(gone))
    assert {call.cost for call in answered.calls} == {Decimal(0)}


# --- The breaker ------------------------------------------------------------


def test_an_overloaded_model_is_left_alone_although_another_behind_the_same_gateway_answers() -> None:
    def answer(body: Any) -> Behaviour:
        return Status(503) if body["model"] == "busy" else Say(GOOD)

    with ProviderSimulator("openai", default=answer) as provider:
        busy, healthy = (candidate_of(provider, provider="kilo", model=name) for name in ("busy", "healthy"))
        asker = asker_of(busy, healthy, breaker=LocalBreaker())
        answers = [ask(asker) for _ in range(6)]
    asked = [body["model"] for body in bodies(provider)]
    assert all(answered.completion is not None for answered in answers)
    assert asked.count("busy") == 5
    assert asked.count("healthy") == 6


# --- Local servers ------------------------------------------------------------

LONG = Prompt(
    system="You review code.",
    shared="",
    unit="\n".join(f"def handler_{number}(request, store): return store.load({number})" for number in range(400)),
    schema=PROMPT.schema,
    schema_name="review",
    max_output_tokens=512,
)


@pytest.mark.parametrize("window", [2048, 4096, 3000])
def test_a_prompt_that_a_local_server_cut_is_no_answer_and_is_not_sent_again(window: int) -> None:
    serves = OllamaServes(window=window)
    with ProviderSimulator("openai", default=Say(GOOD), ollama=serves) as provider:
        meter = NullMeter()
        subject = candidate_of(provider, provider="ollama", model=serves.model, payment=Payment.LOCAL)
        asker = asker_of(subject, meter=meter)
        first, second = ask(asker, LONG), ask(asker, LONG)
    assert first.completion is None
    assert "cut the prompt" in str(first.error)
    assert second.completion is None
    assert "do not fit" in str(second.error)
    assert len(provider.requests) == 1
    assert meter.open == {}


def test_a_prompt_that_a_local_server_read_whole_is_answered() -> None:
    serves = OllamaServes(window=16_384)
    with ProviderSimulator("openai", default=Say(GOOD), ollama=serves) as provider:
        subject = candidate_of(provider, provider="ollama", model=serves.model, payment=Payment.LOCAL)
        answered = ask(asker_of(subject), LONG)
    assert answered.completion is not None


# --- Keys ------------------------------------------------------------


@pytest.mark.parametrize("key", ["sk-secret-0123456789\n", "“sk-secret-0123456789”", "sk-secret\u200b0123456789"])
def test_a_key_that_no_header_can_carry_is_refused_and_never_shown(key: str) -> None:
    with ProviderSimulator("openai", default=Say(GOOD)) as provider:
        answered = ask(asker_of(candidate_of(provider), key=key))
    assert isinstance(answered.error, ConfigurationError)
    assert provider.requests == []
    assert "0123456789" not in repr(answered)


def test_limits_hold_for_an_answer_that_does_not_stream() -> None:
    limits = TimeLimits(connect=5, write=5, first_token=0.3, between_tokens=0.3, total=4)

    def answer(body: Any) -> Behaviour:
        return Status(400, "stream is not supported") if body.get("stream") else Hang(30)

    with ProviderSimulator("openai", default=answer) as provider:
        answered = ask(asker_of(candidate_of(provider), limits=limits))
    assert "not done after 4 s" in str(answered.error)
    assert answered.candidate is not None
    assert answered.candidate.tier is Tier.EFFICIENT
