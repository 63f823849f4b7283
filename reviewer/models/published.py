"""Published prices: the snapshot of genai-prices that is shipped, read as that package reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from reviewer.models.prices import FREE, Price

FILE: Final = Path(__file__).with_name("published_prices.json")
# LiteLLM and OpenRouter write dates without dashes; the data has them.
_COMPACT_DATE: Final = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


@dataclass(frozen=True, slots=True)
class ProviderPrices:
    """Models as (match, prices) in the order in which they are tried, then those of other providers."""

    models: tuple[tuple[list[Any], list[Any]], ...]
    fallback: tuple[str, ...]


def published_price(provider: str, model: str, now: datetime) -> Price | None:
    """Return the price of a provider's model at a time, None where the snapshot has none."""
    prices = _find(provider, model.lower())
    if prices is None:
        return None
    return _price(_in_force(prices, now.astimezone(UTC)), free=model.endswith(":free"))


@cache
def shipped_prices() -> Mapping[str, ProviderPrices]:
    """Return the snapshot by provider."""
    data = json.loads(FILE.read_text("utf-8"))
    return {
        name: ProviderPrices(tuple((row[0], row[1]) for row in provider["models"]), tuple(provider["fallback"]))
        for name, provider in data["providers"].items()
    }


def _find(provider: str, model: str) -> list[Any] | None:
    if provider not in shipped_prices():
        return None
    found = _match_model(provider, model)
    dashed = _COMPACT_DATE.sub(_with_dashes, model)
    return _match_model(provider, dashed) if found is None and dashed != model else found


def _match_model(provider: str, model: str) -> list[Any] | None:
    own = shipped_prices()[provider]
    for name in (provider, *own.fallback):
        for match, prices in shipped_prices()[name].models:
            if _matches(match, model):
                return prices
    return None


def _matches(clause: list[Any], model: str) -> bool:
    kind, first = clause[0], clause[1]
    match kind:
        case "equals":
            return bool(model == first)
        case "or":
            return any(_matches(one, model) for one in clause[1:])
        case "and":
            return all(_matches(one, model) for one in clause[1:])
        case "starts":
            return model.startswith(first)
        case "ends":
            return model.endswith(first)
        case "contains":
            return first in model
        case _:
            return re.search(first, model) is not None


def _with_dashes(match: re.Match[str]) -> str:
    try:
        date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return match[0]
    return f"-{match[1]}-{match[2]}-{match[3]}"


def _in_force(prices: list[Any], now: datetime) -> dict[str, Any]:
    """Return the last price whose condition holds, the first where none does."""
    row: dict[str, Any] = next((row for when, row in reversed(prices) if _holds(when, now)), prices[0][1])
    return row


def _holds(when: list[str], now: datetime) -> bool:
    if not when:
        return True
    if len(when) == 1:
        return now.date() >= date.fromisoformat(when[0])
    start, end, at = time.fromisoformat(when[0]), time.fromisoformat(when[1]), now.time()
    return at >= start or at < end if end < start else start <= at < end


def _price(row: dict[str, Any], *, free: bool) -> Price | None:
    if "input" not in row or "output" not in row:
        # The data has empty prices for OpenRouter's free variants, and for models that are billed otherwise.
        return FREE if free and not row else None
    starts = sorted({start for value in row.values() if isinstance(value, list) for start, _ in value[1:]})
    base = _at(row, 0)
    above = tuple((start, _at(row, start + 1)) for start in starts)
    return Price(base.input, base.output, base.cache_read, base.cache_write, above)


def _at(row: dict[str, Any], prompt_tokens: int) -> Price:
    values: dict[str, Decimal] = {}
    for name, value in row.items():
        if isinstance(value, str):
            values[name] = Decimal(value)
            continue
        values[name] = Decimal(value[0])
        for start, price in value[1:]:
            if prompt_tokens > start:
                values[name] = Decimal(price)
    return Price.per_million(values["input"], values["output"], values.get("cache_read"), values.get("cache_write"))
