"""What one question costs and brings, whatever the provider does: bounded attempts, every bill kept."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest

from policies.words import Payment, Tier
from reviewer.errors import (
    BudgetRefused,
    ConfigurationError,
    LedgerUnavailable,
    ModelUnavailable,
    PolicyRefused,
    RateLimited,
)
from reviewer.models.breaker import LocalBreaker
from reviewer.models.catalogue import Usable
from reviewer.models.meter import CallIntent, NullMeter
from reviewer.models.model import Call, FinishReason, Prompt
from tests.models.asking import HASTY, LIMITS, PRICE, PROMPT, ask, asker_of, candidate_of
from tests.simulators.behaviour import (
    Behaviour,
    Cut,
    ErrorInStream,
    Flood,
    Forever,
    Hang,
    Raw,
    Say,
    Status,
)
from tests.simulators.provider import KEY, ProviderSimulator
from tests.simulators.shapes import MODEL_ID

PROTOCOLS = ("openai", "anthropic", "gemini")
GOOD = '{"findings": [], "uncertain": false}'


class Booked(NullMeter):
    """Remembers under which reservation each call was made and settled."""

    def __init__(self) -> None:
        super().__init__()
        self.reserved: list[str] = []
        self.settled: dict[str, Call] = {}

    def reserve(self, *, amount: Decimal | None, call: CallIntent) -> str:
        reservation = super().reserve(amount=amount, call=call)
        self.reserved.append(reservation)
        return reservation

    def settle(self, reservation: str, call: Call) -> None:
        super().settle(reservation, call)
        self.settled[reservation] = call


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_answer_streams_in_with_the_provider_s_own_usage(protocol: str) -> None:
    with ProviderSimulator(protocol, default=Say(GOOD, piece=3, reasoning=7)) as provider:
        meter = NullMeter()
        answer = ask(asker_of(candidate_of(provider), meter=meter))
    assert answer.error is None
    assert answer.completion is not None
    assert answer.completion.text == GOOD
    assert answer.completion.finish_reason is FinishReason.STOP
    assert not answer.completion.estimated
    (billed,) = provider.books
    usage = answer.completion.usage
    assert (usage.input, usage.output, usage.reasoning) == (billed.input, billed.output, 7)
    assert meter.calls == list(answer.calls)
    assert meter.calls[0].cost == PRICE.cost(usage)
    assert meter.open == {}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("finish", "reason"), [("length", FinishReason.LENGTH), ("refusal", FinishReason.REFUSAL)])
def test_why_a_model_stopped_has_one_word_in_every_protocol(
    protocol: str, finish: str, reason: FinishReason
) -> None:
    with ProviderSimulator(protocol, default=Say('{"findings": [', finish=finish)) as provider:
        answer = ask(asker_of(candidate_of(provider)))
    assert answer.completion is not None
    assert answer.completion.finish_reason is reason


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_attempt_goes_out_under_the_id_of_its_reservation(protocol: str) -> None:
    with ProviderSimulator(protocol, script=[Status(503), Cut()], default=Say(GOOD)) as provider:
        meter = Booked()
        answer = ask(asker_of(candidate_of(provider), meter=meter))
    assert answer.completion is not None
    sent = [request.headers["x-client-request-id"] for request in provider.requests]
    assert sent == meter.reserved == list(meter.settled)
    assert len(set(sent)) == 3


def test_the_provider_s_own_id_is_kept_with_an_answer_a_cut_and_a_refusal() -> None:
    for protocol in ("openai", "anthropic"):
        with ProviderSimulator(protocol, script=[Status(503), Cut()], default=Say(GOOD)) as provider:
            answer = ask(asker_of(candidate_of(provider)))
        assert [call.request_id for call in answer.calls] == [request.id for request in provider.requests]


def test_the_books_of_a_gateway_go_by_the_id_of_the_answer() -> None:
    with ProviderSimulator("openai", default=Say(GOOD)) as provider:
        for name in ("openrouter", "openai"):
            subject = candidate_of(provider, provider=name)
            (call,) = ask(asker_of(subject)).calls
            assert call.request_id == (MODEL_ID if name == "openrouter" else provider.requests[-1].id)


def test_an_id_of_any_length_is_cut() -> None:
    event = {"id": "x" * 5000, "choices": [{"index": 0, "delta": {"content": GOOD}, "finish_reason": "stop"}]}
    body = f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode()
    with ProviderSimulator("openai", default=Raw(body)) as provider:
        (call,) = ask(asker_of(candidate_of(provider, provider="openrouter"))).calls
    assert call.ok
    assert len(call.request_id) == 200


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_shared_prefix_is_read_from_the_cache_at_the_second_call(protocol: str) -> None:
    prompt = Prompt(system="s" * 8000, shared="c" * 8000, unit="first", schema=PROMPT.schema)
    with ProviderSimulator(protocol) as provider:
        asker = asker_of(candidate_of(provider))
        first = ask(asker, prompt)
        second = ask(asker, prompt)
    assert first.completion is not None
    assert second.completion is not None
    assert first.completion.usage.cache_read == 0
    assert second.completion.usage.cache_read >= (2000 if protocol == "anthropic" else 3900)
    assert second.calls[0].cost is not None
    assert first.calls[0].cost is not None
    assert second.calls[0].cost < first.calls[0].cost


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_follow_up_reads_the_whole_first_question_from_the_cache(protocol: str) -> None:
    question = Prompt("s" * 3000, "", "u" * 9000, schema=PROMPT.schema, reusable=True)
    with ProviderSimulator(protocol, default=Say(GOOD)) as provider:
        asker = asker_of(candidate_of(provider))
        ask(asker, question)
        again = ask(asker, replace(question, more="Your answer and what it asked for: " + "m" * 2000))
        other = ask(asker, replace(question, unit="another question " + "v" * 9000))
    assert again.completion is not None
    assert other.completion is not None
    assert again.completion.usage.cache_read >= 2900
    assert again.completion.usage.input - again.completion.usage.cache_read < 700
    assert other.completion.usage.cache_read < 900
    first, second = (json.dumps(request.body) for request in provider.requests[:2])
    assert first.count("cache_control") == second.count("cache_control") == (2 if protocol == "anthropic" else 0)


def test_a_question_that_is_asked_once_takes_no_place_in_the_cache() -> None:
    once = Prompt("s" * 3000, "c" * 3000, "u" * 9000, schema=PROMPT.schema)
    with ProviderSimulator("anthropic", default=Say(GOOD)) as provider:
        answer = ask(asker_of(candidate_of(provider)), once)
    assert answer.completion is not None
    assert answer.completion.usage.cache_write == 1500


PASSING: list[tuple[str, Behaviour]] = [
    ("429", Status(429, headers={"retry-after": "2"})),
    ("429 without retry-after", Status(429)),
    ("529", Status(529)),
    ("503", Status(503)),
    ("cut stream", Cut()),
    ("error inside the stream", ErrorInStream()),
    ("bad JSON", Raw(b"data: {not json\n\n")),
    ("empty body", Raw(b"")),
    ("empty answer", Say("")),
    ("hang before the headers", Hang(30)),
    ("hang after the headers", Hang(30, headers=True)),
    ("hang behind keep-alives", Hang(30, comments=True)),
    ("hang after a first piece", Hang(30, piece='{"fin')),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", [fault for _, fault in PASSING], ids=[name for name, _ in PASSING])
def test_a_passing_fault_is_survived_by_one_more_attempt(protocol: str, fault: Behaviour) -> None:
    with ProviderSimulator(protocol, script=[fault], default=Say(GOOD)) as provider:
        meter = NullMeter()
        answer = ask(asker_of(candidate_of(provider), meter=meter, limits=HASTY))
    assert answer.completion is not None, answer
    assert answer.completion.text == GOOD
    assert [call.ok for call in answer.calls] == [False, True]
    assert [call.attempt for call in answer.calls] == [1, 2]
    assert len(provider.requests) == 2
    assert meter.open == {}
    assert answer.notes


@pytest.mark.parametrize("fault", [fault for _, fault in PASSING], ids=[name for name, _ in PASSING])
def test_a_fault_that_stays_ends_after_three_attempts_with_every_one_of_them_recorded(fault: Behaviour) -> None:
    with ProviderSimulator("openai", default=fault) as provider:
        meter = NullMeter()
        answer = ask(asker_of(candidate_of(provider), meter=meter, limits=HASTY))
    assert answer.completion is None
    assert isinstance(answer.error, (ModelUnavailable, RateLimited))
    assert len(provider.requests) == 3
    assert len(meter.calls) == len(answer.calls) == 3
    assert all(call.error for call in meter.calls)
    assert meter.open == {}


def test_what_a_cut_stream_said_is_counted_and_marked_as_an_estimate() -> None:
    cut = Cut(text='{"findings": [' + '"x", ' * 40, pieces=10, piece=20)
    with ProviderSimulator("anthropic", script=[cut], default=Say(GOOD)) as provider:
        answer = ask(asker_of(candidate_of(provider)))
    lost, kept = answer.calls
    assert lost.estimated
    assert not kept.estimated
    # Anthropic says the input at the start, so only the output is a guess.
    assert lost.usage.input == provider.books[0].input
    assert lost.usage.output >= provider.books[0].output
    # Nobody saw the bill: the ledger keeps the worst case, and the estimate stands beside it.
    assert lost.cost is None
    assert lost.computed_cost is not None
    assert lost.computed_cost > 0


@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_a_refused_request_costs_nothing(status: int) -> None:
    with ProviderSimulator("openai", script=[Status(status)], default=Say(GOOD)) as provider:
        answer = ask(asker_of(candidate_of(provider)))
    assert answer.calls[0].cost == 0
    assert answer.calls[0].usage.input == 0


def test_retry_after_is_a_floor_for_the_pause() -> None:
    sleeps: list[float] = []
    script = [Status(429, headers={"retry-after": "7"}), Status(503)]
    with ProviderSimulator("openai", script=script, default=Say(GOOD)) as provider:
        ask(asker_of(candidate_of(provider), sleeps=sleeps))
    assert 7 <= sleeps[0] <= 7.7
    assert 0 < sleeps[1] <= 2


def test_a_retry_after_longer_than_we_wait_is_handed_to_the_caller_at_once() -> None:
    sleeps: list[float] = []
    with ProviderSimulator("openai", default=Status(429, headers={"retry-after": "3600"})) as provider:
        answer = ask(asker_of(candidate_of(provider), sleeps=sleeps))
    assert isinstance(answer.error, RateLimited)
    assert answer.error.retry_after == 3600
    assert len(provider.requests) == 1
    assert sleeps == []


@pytest.mark.parametrize(
    "fault",
    [Status(429), Hang(30), Status(402, "no credit"), Status(403), Status(404), Status(401)],
    ids=["429", "hang", "402", "403", "404", "401"],
)
def test_another_model_of_the_tier_answers_where_the_first_cannot(fault: Behaviour) -> None:
    with (
        ProviderSimulator("openai", default=fault) as first,
        ProviderSimulator("anthropic", default=Say(GOOD)) as second,
    ):
        answer = ask(asker_of(candidate_of(first), candidate_of(second), limits=HASTY))
    assert answer.completion is not None
    assert answer.candidate is not None
    assert answer.candidate.provider == "anthropic"
    assert len(first.requests) == 1
    assert [call.provider for call in answer.calls] == ["openai", "anthropic"]


@pytest.mark.parametrize(
    ("status", "error"),
    [(402, PolicyRefused), (403, PolicyRefused), (401, ConfigurationError), (404, ConfigurationError)],
)
def test_a_refusal_by_the_provider_is_no_outage(status: int, error: type[Exception]) -> None:
    with ProviderSimulator("openai", default=Status(status)) as provider:
        asker = asker_of(candidate_of(provider))
        answers = [ask(asker) for _ in range(8)]
    assert all(isinstance(answer.error, error) for answer in answers)
    # One request per question, and the breaker stays closed: the provider is up.
    assert len(provider.requests) == 8


def test_a_redirect_is_not_followed() -> None:
    with ProviderSimulator("openai", default=Say(GOOD)) as elsewhere:
        moved = Status(307, headers={"location": f"{elsewhere.base_url}/chat/completions"})
        with ProviderSimulator("openai", default=moved) as provider:
            answer = ask(asker_of(candidate_of(provider)))
    assert isinstance(answer.error, ConfigurationError)
    assert elsewhere.requests == []


def test_an_answer_of_ten_megabytes_is_cut_off() -> None:
    with ProviderSimulator("openai", script=[Flood(12_000_000)], default=Say(GOOD)) as provider:
        answer = ask(asker_of(candidate_of(provider)))
    assert answer.completion is None
    assert "too-large" in answer.calls[0].error
    # It may be billed, so it is counted.
    assert answer.calls[0].estimated
    assert answer.calls[0].usage.input > 0


def test_a_huge_error_body_is_read_no_further_than_its_limit() -> None:
    with ProviderSimulator("openai", default=Status(500, "x" * 3_000_000)) as provider:
        answer = ask(asker_of(candidate_of(provider)))
    assert len(str(answer.error)) < 1000


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "runaway",
    [
        Forever('{"title": "the same again"},'),
        Forever("\n   "),
        Forever("So, thinking about it, ", start="Well. "),
        Forever('"x"', start='{"thoughts": ['),
    ],
    ids=["repetition", "white space", "prose", "off the schema"],
)
def test_a_runaway_answer_is_cut_while_it_streams(protocol: str, runaway: Forever) -> None:
    with ProviderSimulator(protocol, default=runaway) as provider:
        answer = ask(asker_of(candidate_of(provider)))
    assert answer.completion is not None
    assert answer.completion.finish_reason is FinishReason.RUNAWAY
    assert answer.completion.cut
    assert answer.completion.estimated
    assert answer.calls[0].usage.output > 0
    assert answer.calls[0].cost is not None
    assert answer.calls[0].cost > 0
    assert len(answer.completion.text) < 8000


def test_an_answer_that_ignores_its_length_limit_is_cut() -> None:
    text = '{"findings": [' + ", ".join(str(number) for number in range(5000))
    prompt = Prompt(system="s", shared="", unit="u", schema=PROMPT.schema, max_output_tokens=50)
    with ProviderSimulator("openai", default=Say(text)) as provider:
        answer = ask(asker_of(candidate_of(provider)), prompt)
    assert answer.completion is not None
    assert answer.completion.finish_reason is FinishReason.RUNAWAY
    assert "longer than" in answer.completion.cut


def test_a_missing_usage_is_estimated_and_marked() -> None:
    with ProviderSimulator("openai", default=Say(GOOD, usage=False)) as provider:
        answer = ask(asker_of(candidate_of(provider)))
    assert answer.completion is not None
    assert answer.completion.estimated
    assert answer.calls[0].estimated
    assert answer.calls[0].usage.input > 0


def test_a_gateway_s_own_cost_is_the_bill_and_ours_is_kept_beside_it() -> None:
    with ProviderSimulator("openai", default=Say(GOOD, cost="0.0123")) as provider:
        answer = ask(asker_of(candidate_of(provider, provider="openrouter")))
    (call,) = answer.calls
    assert call.cost == Decimal("0.0123")
    assert call.computed_cost == PRICE.cost(call.usage)


def test_an_unknown_price_stays_unknown() -> None:
    with ProviderSimulator("openai", default=Say(GOOD)) as provider:
        answer = ask(asker_of(candidate_of(provider), price=None))
    assert answer.calls[0].cost is None


def test_a_local_model_costs_nothing_and_is_counted_all_the_same() -> None:
    with ProviderSimulator("openai", default=Say(GOOD)) as provider:
        answer = ask(asker_of(candidate_of(provider, payment=Payment.LOCAL), price=None))
    assert answer.calls[0].cost == 0
    assert answer.calls[0].usage.input > 0


class _Limited(NullMeter):
    """Refuses what passes its limit, as the ledger does."""

    def __init__(self, limit: Decimal) -> None:
        super().__init__()
        self.limit = limit
        self.asked: list[Decimal | None] = []

    def reserve(self, *, amount: Decimal | None, call: CallIntent) -> str:
        self.asked.append(amount)
        if amount is None:
            raise BudgetRefused("the price is unknown", rule="unknown-price")
        if amount > self.limit:
            raise BudgetRefused("the run's limit would be passed", rule="run")
        return super().reserve(amount=amount, call=call)


def test_nothing_is_sent_without_a_reservation() -> None:
    with ProviderSimulator("openai") as provider:
        answer = ask(asker_of(candidate_of(provider), meter=_Limited(Decimal(0))))
    assert isinstance(answer.error, BudgetRefused)
    assert answer.error.rule == "run"
    assert provider.requests == []
    assert answer.calls == ()


def test_the_reservation_covers_the_bill_of_hostile_text() -> None:
    """Rare characters take several tokens each: the bound is on bytes, so no text can pass it."""
    prompt = Prompt(
        system="s", shared="", unit="\U0001f9ff\U00010d2b" * 500, schema=PROMPT.schema, max_output_tokens=64
    )
    with ProviderSimulator("openai", default=Say(GOOD)) as provider:
        meter = _Limited(Decimal(100))
        ask(asker_of(candidate_of(provider), meter=meter), prompt)
    every_byte_a_token = len(prompt.text.encode()) * PRICE.cache_write + 64 * PRICE.output
    assert meter.asked[0] is not None
    assert meter.asked[0] >= every_byte_a_token


def test_a_model_with_an_unknown_price_makes_way_for_one_with_a_price() -> None:
    with ProviderSimulator("openai") as first, ProviderSimulator("anthropic", default=Say(GOOD)) as second:
        unknown, known = candidate_of(first), candidate_of(second)
        asker = asker_of(unknown, known, meter=_Limited(Decimal(1)))
        asker._prices = {known: PRICE}.get
        answer = ask(asker)
    assert answer.completion is not None
    assert first.requests == []


def test_no_ledger_means_no_call() -> None:
    class Down(NullMeter):
        def reserve(self, *, amount: Decimal | None, call: CallIntent) -> str:
            raise LedgerUnavailable("the ledger is down")

    with ProviderSimulator("openai") as provider, pytest.raises(LedgerUnavailable):
        ask(asker_of(candidate_of(provider), meter=Down()))
    assert provider.requests == []


def test_an_interrupted_call_is_settled_before_the_interrupt_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with ProviderSimulator("openai") as provider:
        meter = NullMeter()
        asker = asker_of(candidate_of(provider), meter=meter)

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(type(asker._sender), "_read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ask(asker)
    assert meter.open == {}
    assert meter.calls[0].estimated


def test_a_tier_without_a_model_is_served_by_the_next_cheaper_and_says_so() -> None:
    with ProviderSimulator("openai", default=Say(GOOD)) as provider:
        asker = asker_of(candidate_of(provider))
        answer = ask(asker, tier=Tier.FRONTIER)
        below = ask(asker, tier=Tier.FREE)
    assert answer.calls[0].tier is Tier.EFFICIENT
    assert "no frontier model is usable" in answer.notes[0]
    assert below.completion is not None
    assert asker.highest is Tier.EFFICIENT
    assert asker.candidate(Tier.FRONTIER) == candidate_of(provider)


def test_without_any_model_the_error_says_what_to_set() -> None:
    answer = ask(asker_of())
    assert isinstance(answer.error, ConfigurationError)
    assert "KILO_API_KEY" in str(answer.error)


def test_where_policy_rules_everything_out_the_error_names_the_rule() -> None:
    with ProviderSimulator("openai") as provider:
        refused = Usable(candidate_of(provider), PRICE, usable=False, reason="deny-models: no", rule="deny-models")
        answer = ask(asker_of(refused=[refused]))
    assert isinstance(answer.error, PolicyRefused)
    assert answer.error.rule == "deny-models"
    assert provider.requests == []


def test_a_prompt_that_does_not_fit_is_not_sent() -> None:
    with ProviderSimulator("openai") as provider:
        answer = ask(asker_of(candidate_of(provider, context_window=3)))
    assert answer.error is not None
    assert "do not fit" in str(answer.error)
    assert provider.requests == []


def test_a_server_that_refuses_schemas_is_asked_in_simpler_ways_from_then_on() -> None:
    def refuse_schemas(body: dict[str, object]) -> Behaviour:
        asked = body.get("response_format") or body.get("tools")
        return Status(400, "response_format is not supported") if asked else Say(GOOD)

    with ProviderSimulator("openai", default=refuse_schemas) as provider:
        asker = asker_of(candidate_of(provider, structured="json"))
        first, second = ask(asker), ask(asker)
    assert first.completion is not None
    assert second.completion is not None
    assert len(first.calls) == 2
    assert len(second.calls) == 1
    assert "JSON Schema" in provider.requests[-1].body["messages"][0]["content"]


def test_a_server_that_wants_the_newer_name_of_the_output_limit_gets_it_from_then_on() -> None:
    def refuse_the_old(body: dict[str, object]) -> Behaviour:
        told = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
        return Status(400, told) if "max_tokens" in body else Say(GOOD)

    with ProviderSimulator("openai", default=refuse_the_old) as provider:
        asker = asker_of(candidate_of(provider, provider="endpoint"))
        first, second = ask(asker), ask(asker)
    assert first.completion is not None
    assert [len(first.calls), len(second.calls)] == [2, 1]
    assert "response_format" in provider.requests[-1].body


def test_five_failures_open_the_breaker_and_no_more_requests_go_out() -> None:
    with ProviderSimulator("openai", default=Status(503)) as provider:
        asker = asker_of(candidate_of(provider))
        answers = [ask(asker) for _ in range(4)]
    assert len(provider.requests) == 5
    last = answers[-1]
    assert isinstance(last.error, ModelUnavailable)
    assert last.error.retry_after is not None
    assert 0 < last.error.retry_after <= 30
    assert last.calls == ()


def test_units_are_asked_at_the_same_time_up_to_the_provider_s_cap() -> None:
    with ProviderSimulator("openai", default=Say(GOOD, pause=0.02)) as provider:
        meter = NullMeter()
        asker = asker_of(candidate_of(provider), meter=meter, concurrency=3)
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: ask(asker), range(24)))
    assert all(answer.completion is not None for answer in answers)
    assert provider.most_in_flight == 3
    assert len(meter.calls) == 24
    assert meter.open == {}


def test_a_hosted_provider_gets_as_many_questions_at_a_time_as_there_are() -> None:
    together = threading.Barrier(32)

    def say(_body: object) -> Say:
        # Nobody is answered before all 32 have asked.
        together.wait(30)
        return Say(GOOD)

    with ProviderSimulator("openai", default=say) as provider, ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: ask(asker_of(candidate_of(provider))), range(32)))
    assert all(answer.completion is not None for answer in answers)


def test_reviews_of_one_process_wait_for_each_other_s_prompt_at_a_local_server() -> None:
    with ProviderSimulator("openai", default=Say(GOOD, pause=0.01)) as provider, ThreadPoolExecutor(6) as pool:
        askers = [asker_of(candidate_of(provider, payment=Payment.LOCAL)) for _ in range(6)]
        list(pool.map(ask, askers))
    assert provider.most_in_flight == 1


def test_a_local_server_gets_one_prompt_at_a_time() -> None:
    with ProviderSimulator("openai", default=Say(GOOD, pause=0.01)) as provider:
        asker = asker_of(candidate_of(provider, payment=Payment.LOCAL))
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: ask(asker), range(6)))
    assert provider.most_in_flight == 1


def test_stop_wakes_a_pause_and_refuses_what_comes_after() -> None:
    with ProviderSimulator("openai", default=Status(429, headers={"retry-after": "25"})) as provider:
        asker = asker_of(candidate_of(provider), sleep=None)
        threading.Timer(0.2, asker.stop).start()
        answer = ask(asker)
        after = ask(asker)
    assert isinstance(answer.error, ModelUnavailable)
    assert isinstance(after.error, ModelUnavailable)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_key_is_in_its_header_and_nowhere_else(
    protocol: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    echo = Status(400, f"Incorrect API key provided: {KEY}.")
    with ProviderSimulator(protocol, script=[echo], default=Say(GOOD)) as provider:
        asker = asker_of(candidate_of(provider))
        answers = [ask(asker), ask(asker)]
    for request in provider.requests:
        assert KEY not in request.path
        assert KEY.encode() not in request.raw
    seen = repr(answers) + repr(asker) + repr(vars(asker)) + caplog.text + "".join(capsys.readouterr())
    assert KEY not in seen
    assert provider.root not in caplog.text


def _calls_equal_books(calls: list[Call], provider: ProviderSimulator) -> Decimal:
    ours = sum((call.cost or Decimal(0) for call in calls), Decimal(0))
    theirs = sum(
        (
            PRICE.input * (book.input - book.cache_read - book.cache_write)
            + PRICE.cache_read * book.cache_read
            + PRICE.cache_write * book.cache_write
            + PRICE.output * book.output
            for book in provider.books
        ),
        Decimal(0),
    )
    return abs(ours - theirs)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_our_bill_equals_the_provider_s_books(protocol: str) -> None:
    prompt = Prompt(system="s" * 9000, shared="c" * 9000, unit="u", schema=PROMPT.schema)
    script: list[Behaviour] = [Status(503), Status(429)]
    with ProviderSimulator(protocol, script=script, default=Say(GOOD)) as provider:
        meter = NullMeter()
        asker = asker_of(candidate_of(provider), meter=meter)
        for _ in range(20):
            ask(asker, prompt)
    assert len(provider.books) == 20
    assert _calls_equal_books(meter.calls, provider) == 0


def test_text_with_lone_surrogates_is_sent_all_the_same() -> None:
    prompt = Prompt(system="s", shared="", unit="caf\udce9.py", schema=PROMPT.schema)
    with ProviderSimulator("openai", default=Say(GOOD)) as provider:
        answer = ask(asker_of(candidate_of(provider)), prompt)
    assert answer.completion is not None
    assert provider.requests[0].body["messages"][1]["content"] == "caf?.py"


def test_a_model_that_reasons_gets_room_for_it_and_the_reservation_covers_it() -> None:
    with ProviderSimulator("openai", default=Say(GOOD)) as provider:
        meter = _Limited(Decimal(100))
        ask(asker_of(candidate_of(provider, reasoning_tokens=2000), meter=meter))
        (request,) = provider.requests
    assert request.body["max_completion_tokens"] == PROMPT.max_output_tokens + 2000
    assert meter.asked[0] is not None
    assert meter.asked[0] >= (PROMPT.max_output_tokens + 2000) * PRICE.output


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_leaves_its_parent_s_connections_alone() -> None:
    with ProviderSimulator("openai", default=Say(GOOD)) as provider:
        asker = asker_of(candidate_of(provider))
        assert ask(asker).completion is not None
        child = os.fork()
        if child == 0:
            answered = ask(asker).completion is not None
            os._exit(0 if answered else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert ask(asker).completion is not None


def test_an_asker_made_without_a_sender_still_takes_keys_out_of_errors() -> None:
    with ProviderSimulator("openai", default=Status(400, f"bad key {KEY}")) as provider:
        answer = ask(asker_of(candidate_of(provider), sender=None))
    assert answer.error is not None
    assert "***" in str(answer.error)
    assert KEY not in repr(answer)


@pytest.mark.parametrize("hang", [Hang(60), Hang(60, headers=True), Hang(60, piece='{"fin')], ids=repr)
def test_stop_ends_a_hanging_answer_at_once_and_settles_it(hang: Hang) -> None:
    with ProviderSimulator("openai", default=hang) as provider:
        meter = NullMeter()
        asker = asker_of(candidate_of(provider), meter=meter, limits=LIMITS)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask, asker)
            while not provider.requests:
                time.sleep(0.01)
            asker.stop()
            # Far less than the limits of a phase, which are what it would wait otherwise.
            answer = asked.result(timeout=LIMITS.first_token / 2)
    assert isinstance(answer.error, ModelUnavailable)
    assert meter.open == {}
    assert len(meter.calls) == 1


def test_an_answer_that_never_ends_is_ended_by_the_total_limit() -> None:
    words = '{"findings": [' + ", ".join(f'"finding {number}"' for number in range(4000))
    limits = replace(LIMITS, total=0.6)
    slow = Say(words, piece=4, pause=0.02)
    prompt = replace(PROMPT, max_output_tokens=4096)
    with ProviderSimulator("openai", default=slow) as provider:
        answer = ask(asker_of(candidate_of(provider), limits=limits), prompt)
    assert isinstance(answer.error, ModelUnavailable)
    assert "not done after 0.6 s" in answer.calls[0].error
    assert answer.calls[0].usage.output > 0


def _many_calls(count: int) -> None:
    """Faults that are never billed, at random, between answers that are."""
    rng = random.Random(20261121)
    unbilled = [Status(429), Status(503), Status(529), Status(400, "no")]
    script: list[Behaviour] = [
        rng.choice(unbilled) if rng.random() < 0.3 else Say(GOOD * rng.randint(1, 3), reasoning=rng.randint(0, 99))
        for _ in range(count)
    ]
    for protocol in PROTOCOLS:
        with ProviderSimulator(protocol, script=script, default=Say(GOOD)) as provider:
            meter = NullMeter()
            asker = asker_of(candidate_of(provider), meter=meter, breaker=_NeverOpen())
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda number, asker=asker: ask(asker, _sized(number)), range(count)))
        assert sum(len(answer.calls) for answer in answers) == len(meter.calls) == len(provider.requests)
        assert len(provider.books) == sum(1 for call in meter.calls if call.ok)
        assert _calls_equal_books(meter.calls, provider) == 0
        assert meter.open == {}


def _sized(number: int) -> Prompt:
    return replace(PROMPT, system="s" * 6000, shared="c" * (number % 5) * 3000, unit=f"unit {number}")


class _NeverOpen(LocalBreaker):
    def wait(self, provider: str) -> float:
        return 0.0


def test_over_many_calls_at_once_our_bill_equals_the_provider_s_books() -> None:
    _many_calls(40)


@pytest.mark.campaign
def test_over_a_thousand_calls_at_once_our_bill_equals_the_provider_s_books() -> None:
    _many_calls(1000)
