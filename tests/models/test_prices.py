from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage as LibraryUsage
from genai_prices import calc_price
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.words import Payment, Tier
from reviewer.models.model import Candidate, Usage
from reviewer.models.price_book import price_of
from reviewer.models.prices import FREE, Price, estimate_tokens, gateway_price, most_tokens
from reviewer.models.published import published_price
from reviewer.models.table import shipped_table

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRICED = [
    (row.provider, shipped_table().providers[row.provider].prices, row.priced_as or row.model)
    for row in shipped_table().models
    if row.price is None
]


def candidate(provider: str, model: str, payment: Payment = Payment.OWN_KEY) -> Candidate:
    return Candidate(Tier.EFFICIENT, provider, model, payment, "openai", "https://example.org", 1000, 1000)


usages = st.builds(
    lambda plain, read, write, output: Usage(plain + read + write, read, write, output),
    st.integers(0, 400_000),
    st.integers(0, 400_000),
    st.integers(0, 400_000),
    st.integers(0, 60_000),
)


@pytest.mark.parametrize(("provider", "source", "model"), PRICED, ids=[f"{row[0]}/{row[2]}" for row in PRICED])
def test_every_model_of_the_table_has_a_published_price(provider: str, source: str, model: str) -> None:
    price = published_price(source, model, NOW)
    assert price is not None
    assert 0 < price.input <= price.output


def test_a_recorded_answer_has_the_list_price_of_the_model_that_its_row_names() -> None:
    rows = [row for row in shipped_table().models if row.priced_as]
    assert {row.provider for row in rows} == {"recorded"}
    for row in rows:
        assert row.priced_as in row.model
        recorded = candidate("recorded", row.model, Payment.RECORDED)
        assert price_of(recorded, NOW) == published_price("openai", row.priced_as, NOW)


@settings(max_examples=25)
@given(st.sampled_from(PRICED), usages)
def test_a_cost_is_to_the_last_digit_what_genai_prices_says(row: tuple[str, str, str], usage: Usage) -> None:
    _, source, model = row
    price = published_price(source, model, NOW)
    assert price is not None
    theirs = calc_price(
        LibraryUsage(
            input_tokens=usage.input,
            output_tokens=usage.output,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
        ),
        model_ref=model,
        provider_id=source,
        genai_request_timestamp=NOW,
    ).total_price
    assert price.cost(usage) == theirs


@given(st.sampled_from(PRICED), usages, st.integers(0, 10_000), st.integers(0, 10_000))
@settings(max_examples=50)
def test_no_call_within_its_sizes_costs_more_than_its_worst_case(
    row: tuple[str, str, str], usage: Usage, more_input: int, more_output: int
) -> None:
    price = published_price(row[1], row[2], NOW)
    assert price is not None
    assert price.cost(usage) <= price.worst_case(usage.input + more_input, usage.output + more_output)


def test_a_long_prompt_is_priced_by_its_own_row_from_the_first_token_on() -> None:
    price = Price(
        Decimal(1),
        Decimal(2),
        Decimal(1),
        Decimal(1),
        above=((100, Price(Decimal(3), Decimal(4), Decimal(3), Decimal(3))),),
    )
    assert price.cost(Usage(input=100, output=1)) == 102
    assert price.cost(Usage(input=101, output=1)) == 307


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("kilo", "kilo-auto/frontier"),
        ("kilo", "nobody/has-this-model"),
        ("openai", "a-model-of-next-year"),
        ("endpoint", "gpt-6-luna"),
        ("azure", "my-deployment"),
    ],
)
def test_what_nobody_publishes_is_unknown_and_never_zero(provider: str, model: str) -> None:
    assert price_of(candidate(provider, model), NOW) is None


def test_kilo_s_vendor_models_cost_what_the_vendors_ask_through_openrouter() -> None:
    kilo = price_of(candidate("kilo", "anthropic/claude-opus-5.5", Payment.GATEWAY), NOW)
    assert kilo is not None
    assert kilo == published_price("openrouter", "anthropic/claude-opus-5.5", NOW)


def test_a_route_that_is_free_by_definition_is_free() -> None:
    assert price_of(candidate("kilo", "kilo-auto/free"), NOW) == FREE


def test_a_local_model_has_no_token_price() -> None:
    assert price_of(candidate("ollama", "x", Payment.LOCAL), NOW) == FREE


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"prompt": "0.000002", "completion": 0.00001}, Price.per_million(Decimal(2), Decimal(10))),
        ({"prompt": "0", "completion": "0.000001"}, Price.per_million(Decimal(0), Decimal(1))),
        ({"prompt": "-1", "completion": "-1"}, None),
        ({"prompt": "0.1", "completion": -1}, None),
        ({"prompt": "0.1"}, None),
        ({"prompt": "free", "completion": "0"}, None),
        ({"prompt": "NaN", "completion": "0"}, None),
        ({"prompt": True, "completion": "0"}, None),
        ({}, None),
    ],
)
def test_a_gateway_s_own_price_list_is_read_with_its_habits(
    entry: dict[str, object], expected: Price | None
) -> None:
    assert gateway_price(entry) == expected


def test_a_gateway_s_cache_prices_are_read_and_a_varying_one_costs_what_input_costs() -> None:
    price = gateway_price({"prompt": "2", "completion": "3", "input_cache_read": "0.5", "input_cache_write": "-1"})
    assert price is not None
    assert (price.cache_read, price.cache_write) == (Decimal("0.5"), Decimal(2))


@given(st.text(max_size=200))
def test_a_bound_is_never_under_an_estimate(text: str) -> None:
    assert most_tokens(text.encode()) > estimate_tokens(text) >= 0
