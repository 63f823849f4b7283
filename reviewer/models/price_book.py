"""Where prices come from: genai-prices, our own table on top, Kilo's ids read as OpenRouter's."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from policies.words import Payment
from reviewer.models.model import Candidate
from reviewer.models.prices import FREE, MILLION, Price, gateway_price
from reviewer.models.table import shipped_table

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice


class PriceBook:
    """Prices of candidates at a time. With a folder, answers are kept there for the hour.

    Importing genai-prices costs half a second, which is most of a cold start; a kept answer costs nothing.
    """

    def __init__(self, *, now: datetime | None = None, cache_dir: Path | None = None) -> None:
        self._now = now or datetime.now(UTC)
        self._file = cache_dir / "prices.json" if cache_dir else None
        self._known: dict[str, Price | None] | None = None
        self._news = False

    def price_of(self, candidate: Candidate) -> Price | None:
        """Return the price of a candidate, None where none is published or it varies."""
        if candidate.payment is Payment.LOCAL:
            return FREE
        table = shipped_table()
        row = table.model(candidate.provider, candidate.model)
        if row is not None and row.price is not None:
            return gateway_price(
                {
                    "prompt": row.price["input"] / MILLION if row.price["input"] >= 0 else -1,
                    "completion": row.price["output"] / MILLION if row.price["output"] >= 0 else -1,
                }
            )
        provider = table.providers.get(candidate.provider)
        if provider is None or not provider.prices:
            return None
        return self._published(provider.prices, row.priced_as if row and row.priced_as else candidate.model)

    def _published(self, provider: str, model: str) -> Price | None:
        if self._known is None:
            self._known = _read_kept(self._file, self._stamp()) if self._file else {}
        name = f"{provider}/{model}"
        if name not in self._known:
            self._known[name] = published_price(provider, model, self._now)
            self._news = True
        return self._known[name]

    def keep(self) -> None:
        """Write what was looked up since the last time, where there is a folder for it."""
        if self._file and self._known and self._news:
            _keep(self._file, self._stamp(), self._known)
            self._news = False

    def _stamp(self) -> str:
        from importlib.metadata import version  # noqa: PLC0415 - only where prices are asked for

        return f"{version('genai-prices')} {self._now:%Y-%m-%dT%H}"


def price_of(candidate: Candidate) -> Price | None:
    """Return the price of a candidate now, None where it is unknown."""
    return PriceBook().price_of(candidate)


def published_price(provider: str, model: str, now: datetime) -> Price | None:
    """Return genai-prices' price at a time, None where it has none. Reads shipped data, no network."""
    # Half a second of import: nothing that needs no price should wait for it.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    try:
        _, info = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return _from_library(info.get_prices(now), free=model.endswith(":free"))


def _from_library(prices: ModelPrice, *, free: bool) -> Price | None:
    fields = {
        "input": prices.input_mtok,
        "output": prices.output_mtok,
        "cache_read": prices.cache_read_mtok,
        "cache_write": prices.cache_write_mtok,
    }
    if fields["input"] is None or fields["output"] is None:
        # The data has empty prices for OpenRouter's free variants, and for models that are billed otherwise.
        return FREE if free and not any(fields.values()) else None

    def at(prompt_tokens: int) -> Price:
        values: dict[str, Decimal | None] = {}
        for name, value in fields.items():
            base: Decimal | None = value if value is None or isinstance(value, Decimal) else value.base
            for tier in [] if value is None or isinstance(value, Decimal) else value.tiers:
                if prompt_tokens > tier.start:
                    base = tier.price
            values[name] = base
        assert values["input"] is not None  # noqa: S101 - checked above, for the type checker
        assert values["output"] is not None  # noqa: S101
        return Price.per_million(values["input"], values["output"], values["cache_read"], values["cache_write"])

    starts = sorted(
        {
            tier.start
            for value in fields.values()
            if value is not None and not isinstance(value, Decimal)
            for tier in value.tiers
        }
    )
    base = at(0)
    return Price(
        base.input,
        base.output,
        base.cache_read,
        base.cache_write,
        tuple((start, at(start + 1)) for start in starts),
    )


def _row_to_json(price: Price) -> list[str]:
    return [str(price.input), str(price.output), str(price.cache_read), str(price.cache_write)]


def _row_from_json(row: list[str], above: tuple[tuple[int, Price], ...] = ()) -> Price:
    plain, output, cache_read, cache_write = map(Decimal, row)
    return Price(plain, output, cache_read, cache_write, above)


def _keep(file: Path, stamp: str, known: Mapping[str, Price | None]) -> None:
    body = {
        "stamp": stamp,
        "prices": {
            name: None
            if price is None
            else [_row_to_json(price), [[start, _row_to_json(row)] for start, row in price.above]]
            for name, price in known.items()
        },
    }
    # A read-only cache folder costs half a second, not the review.
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=file.parent, prefix=".prices-", delete=False, encoding="utf-8"
        ) as kept:
            kept.write(json.dumps(body))
        Path(kept.name).replace(file)


def _read_kept(file: Path, stamp: str) -> dict[str, Price | None]:
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
        if body["stamp"] != stamp:
            return {}
        return {
            name: None
            if row is None
            else _row_from_json(row[0], tuple((int(start), _row_from_json(more)) for start, more in row[1]))
            for name, row in body["prices"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, IndexError, ArithmeticError):
        return {}
