"""The table of providers and models, policies/defaults/models.toml, as typed rows."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, Final

from policies.words import Payment, Tier

# The provider id of the one extra endpoint that settings name.
ENDPOINT: Final = "endpoint"


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where OpenAI-compatible servers differ: header of the key, name of the output limit, extra fields."""

    key_header: str = "authorization"
    output_limit: str = "max_completion_tokens"
    reports_cost: bool = False
    routes_by_training: bool = False


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """One `[providers.<id>]`. `prices` is genai-prices' id of the provider, "" where it has none."""

    id: str
    name: str
    payment: Payment
    protocol: str
    base_url: str
    key: str = ""
    prices: str = ""
    structured: str = "schema"
    context: int = 0
    trains_on_prompts: bool | None = None
    retention_days: int | None = None
    location: str = ""
    dialect: Dialect = field(default_factory=Dialect)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One `[[models]]`. `price` overrides genai-prices: dollars per million tokens, negative for "varies".

    `reasoning` is the room in tokens that a model which always reasons gets besides its answer. `priced_as` is the
    model whose published price counts, "" for this one.
    """

    tier: Tier
    provider: str
    model: str
    context: int
    max_output: int
    structured: str = ""
    reasoning: int = 0
    trains_on_prompts: bool | None = None
    price: Mapping[str, Decimal] | None = None
    priced_as: str = ""


@dataclass(frozen=True, slots=True)
class LocalRow:
    """The `[local]` table: which of a local server's models is asked."""

    tier: Tier
    prefer: tuple[str, ...]
    never: tuple[str, ...]
    max_output: int


@dataclass(frozen=True, slots=True)
class Table:
    """Everything in models.toml, in its order."""

    providers: Mapping[str, ProviderRow]
    models: tuple[ModelRow, ...]
    local: LocalRow

    def model(self, provider: str, model: str) -> ModelRow | None:
        """Return the row of a model, None where the table does not list it."""
        return next((row for row in self.models if (row.provider, row.model) == (provider, model)), None)

    def dialect(self, provider: str) -> Dialect:
        """Return what a provider accepts; an endpoint of the user's own gets the most common form."""
        row = self.providers.get(provider)
        return row.dialect if row else Dialect(output_limit="max_tokens")


def parse_table(text: str) -> Table:
    """Read models.toml; KeyError or ValueError for a table that this program cannot have shipped."""
    data = tomllib.loads(text)
    local = data["local"]
    return Table(
        providers={name: _provider(name, row) for name, row in data["providers"].items()},
        models=tuple(_model(row) for row in data["models"]),
        local=LocalRow(
            tier=Tier[local["tier"].upper()],
            prefer=tuple(local["prefer"]),
            never=tuple(local["never"]),
            max_output=local["max_output"],
        ),
    )


def _provider(name: str, row: Mapping[str, Any]) -> ProviderRow:
    return ProviderRow(
        id=name,
        name=row["name"],
        payment=Payment(row["payment"]),
        protocol=row["protocol"],
        base_url=row["base_url"],
        key=row.get("key", ""),
        prices=row.get("prices", ""),
        structured=row.get("structured", "schema"),
        context=row.get("context", 0),
        trains_on_prompts=row.get("trains_on_prompts"),
        retention_days=row.get("retention_days"),
        location=row.get("location", ""),
        dialect=Dialect(
            key_header=row.get("key_header", "authorization"),
            output_limit=row.get("output_limit", "max_completion_tokens"),
            reports_cost=row.get("reports_cost", False),
            routes_by_training=row.get("routes_by_training", False),
        ),
    )


def _model(row: Mapping[str, Any]) -> ModelRow:
    price = row.get("price")
    return ModelRow(
        tier=Tier[row["tier"].upper()],
        provider=row["provider"],
        model=row["model"],
        context=row["context"],
        max_output=row["max_output"],
        structured=row.get("structured", ""),
        reasoning=row.get("reasoning", 0),
        trains_on_prompts=row.get("trains_on_prompts"),
        price={key: Decimal(value) for key, value in price.items()} if price else None,
        priced_as=row.get("priced_as", ""),
    )


@cache
def shipped_table() -> Table:
    """Return the table that this version ships."""
    return parse_table(resources.files("policies").joinpath("defaults/models.toml").read_text(encoding="utf-8"))
