"""The snapshot of prices is what genai-prices publishes, and is read as that package reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import types
from genai_prices.data_snapshot import get_snapshot

from reviewer.models.prices import FREE, Price
from reviewer.models.published import FILE, published_price
from tools import price_snapshot

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NIGHT = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
PROVIDERS = ("anthropic", "azure", "deepseek", "google", "groq", "mistral", "openai", "openrouter", "x-ai")


def test_the_snapshot_is_that_of_the_locked_package():
    assert FILE.read_text("utf-8") == price_snapshot.snapshot()
    assert Path(FILE).with_name("published_prices.licence.txt").read_text("utf-8") == price_snapshot.licence()


def theirs(provider: str, model: str, now: datetime) -> tuple[Decimal, Decimal] | None:
    """What the package says of a prompt of 300,000 tokens, input and output in dollars per million."""
    try:
        _, info = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    prices = info.get_prices(now)
    found = []
    for value in (prices.input_mtok, prices.output_mtok):
        if isinstance(value, types.TieredPrices):
            found.append(([value.base] + [tier.price for tier in value.tiers if tier.start < 300_000])[-1])
        elif value is not None:
            found.append(value)
    return (found[0], found[1]) if len(found) == 2 else None


def ours(price: Price | None) -> tuple[Decimal, Decimal] | None:
    row = price.row(300_000) if price is not None and price is not FREE else None
    return None if row is None else (row.input * 1_000_000, row.output * 1_000_000)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("now", [NOW, NIGHT, LONG_AGO], ids=["noon", "night", "2024"])
def test_every_model_has_the_price_that_the_package_says(provider: str, now: datetime):
    known = next(one for one in get_snapshot().providers if one.id == provider)
    names = [model.id for model in known.models]
    names += [f"{name}-20261103" for name in names[::9]] + [
        "claude-opus-5-5",
        "gpt-5.2-20251211",
        "nobody",
        "GPT-4o",
    ]
    for name in names:
        assert ours(published_price(provider, name, now)) == theirs(provider, name, now), name
