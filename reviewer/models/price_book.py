"""Where prices come from: the published ones, our own table on top, Kilo's ids read as OpenRouter's."""

from __future__ import annotations

from datetime import UTC, datetime

from policies.words import Payment
from reviewer.models.model import Candidate
from reviewer.models.prices import FREE, MILLION, Price, gateway_price
from reviewer.models.published import published_price
from reviewer.models.table import shipped_table


def price_of(candidate: Candidate, now: datetime | None = None) -> Price | None:
    """Return the price of a candidate at a time (default: now), None where none is published or it varies."""
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
    model = row.priced_as if row and row.priced_as else candidate.model
    return published_price(provider.prices, model, now or datetime.now(UTC))
