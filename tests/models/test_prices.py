from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import Usage as LibraryUsage
from genai_prices import calc_price
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.words import Payment, Tier
from reviewer.models.model import Candidate, Usage
from reviewer.models.price_book import PriceBook, published_price
from reviewer.models.prices import FREE, Price, estimate_tokens, gateway_price, most_tokens
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
        assert PriceBook(now=NOW).price_of(recorded) == published_price("openai", row.priced_as, NOW)


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
    assert PriceBook(now=NOW).price_of(candidate(provider, model)) is None


def test_kilo_s_vendor_models_cost_what_the_vendors_ask_through_openrouter() -> None:
    book = PriceBook(now=NOW)
    kilo = book.price_of(candidate("kilo", "anthropic/claude-opus-5.5", Payment.GATEWAY))
    assert kilo is not None
    assert kilo == published_price("openrouter", "anthropic/claude-opus-5.5", NOW)


def test_a_route_that_is_free_by_definition_is_free() -> None:
    assert PriceBook(now=NOW).price_of(candidate("kilo", "kilo-auto/free")) == FREE


def test_a_local_model_has_no_token_price() -> None:
    assert PriceBook(now=NOW).price_of(candidate("ollama", "x", Payment.LOCAL)) == FREE


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


def test_prices_are_kept_for_the_hour_and_looked_up_again_after_it(tmp_path: Path) -> None:
    model = candidate("openai", "gpt-6-luna")
    first = PriceBook(now=NOW, cache_dir=tmp_path)
    price = first.price_of(model)
    first.keep()
    kept = json.loads((tmp_path / "prices.json").read_text())
    kept["prices"]["openai/gpt-6-luna"][0][0] = "0.5"
    (tmp_path / "prices.json").write_text(json.dumps(kept))
    within = PriceBook(now=NOW + timedelta(minutes=30), cache_dir=tmp_path).price_of(model)
    after = PriceBook(now=NOW + timedelta(hours=1), cache_dir=tmp_path).price_of(model)
    assert within is not None
    assert price is not None
    assert within.input == Decimal("0.5")
    assert within.above == price.above
    assert after == price


@pytest.mark.parametrize("text", ["", "{", '{"stamp": 1}', "[]", "null"])
def test_a_broken_cache_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "prices.json").write_text(text)
    assert PriceBook(now=NOW, cache_dir=tmp_path).price_of(candidate("openai", "gpt-6-luna")) is not None


def test_kept_prices_spare_the_import_that_costs_half_a_second(tmp_path: Path) -> None:
    book = PriceBook(now=NOW, cache_dir=tmp_path)
    book.price_of(candidate("openai", "gpt-6-luna"))
    book.keep()
    program = (
        "import sys; from datetime import datetime, UTC; from pathlib import Path\n"
        "from policies.words import Payment, Tier\n"
        "from reviewer.models.model import Candidate\n"
        "from reviewer.models.price_book import PriceBook\n"
        "book = PriceBook(now=datetime(2026, 11, 21, 12, tzinfo=UTC), cache_dir=Path(sys.argv[1]))\n"
        "candidate = Candidate(Tier.FREE, 'openai', 'gpt-6-luna', Payment.OWN_KEY, 'openai', '', 1, 1)\n"
        "print(book.price_of(candidate) is not None, 'genai_prices' in sys.modules, 'httpx' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False", "False"]


@given(st.text(max_size=200))
def test_a_bound_is_never_under_an_estimate(text: str) -> None:
    assert most_tokens(text.encode()) > estimate_tokens(text) >= 0
