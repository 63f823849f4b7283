"""Which models are usable now: by the table, the keys that are set, the local servers that answer, and policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from policies.providers import LOCAL, ModelFacts, ProviderRules, permitted
from policies.words import Payment
from reviewer.models.address import refused_url
from reviewer.models.discover import LocalModel, discover, served_model
from reviewer.models.fixed import base_url_of, fixed_model, listed_model, payment_of
from reviewer.models.model import Candidate
from reviewer.models.price_book import price_of
from reviewer.models.prices import MILLION, Price
from reviewer.models.table import ProviderRow, Table, shipped_table
from reviewer.settings import Settings


@dataclass(frozen=True, slots=True)
class Usable:
    """A model of the catalogue; `reason` says why it is not usable, or where it was found."""

    candidate: Candidate
    price: Price | None
    usable: bool
    reason: str
    rule: str = ""


def catalogue(
    settings: Settings,
    rules: ProviderRules,
    *,
    private: bool,
    discover_local: bool,
    fixed: str = "",
    price_all: bool = True,
    now: datetime | None = None,
) -> tuple[Usable, ...]:
    """Return every known model in order of preference, tier by tier, with price and usability.

    `fixed` is `provider/model`, or the bare name of the endpoint's model; "" takes what settings name. Where a
    model is fixed, the others are listed as not used. Without `price_all` only what is set up is priced.
    Raises ConfigurationError for a model that cannot exist.
    """
    table = shipped_table()

    def judge(candidate: Candidate) -> Usable:
        why = _unreachable(candidate, table.providers.get(candidate.provider), settings)
        price = price_of(candidate, now) if price_all or not why else None
        if why:
            return Usable(candidate, price, usable=False, reason=why)
        refusal = permitted(facts_of(candidate, price), rules, private=private)
        if refusal:
            return Usable(candidate, price, usable=False, reason=refusal, rule=refusal.partition(":")[0])
        return Usable(candidate, price, usable=True, reason="")

    only = fixed_model(settings, table, fixed)
    if only is not None and only.payment is Payment.LOCAL:
        known = served_model(only.base_url, only.model, offline=settings.offline)
        window = known.context_window or only.context_window
        only = replace(only, context_window=window, parameters=known.parameters)
    found: list[Usable] = [judge(only)] if only is not None else []
    listed = (listed_model(row, table, settings) for row in table.models)
    # Nobody sets up recorded answers but the demo: without a server they are no way to a model.
    rows = [row for row in listed if row.base_url or row.payment is not Payment.RECORDED]
    if discover_local and only is None:
        rows.extend(_local(table, settings))
    for candidate in rows:
        judged = judge(candidate)
        if only is None:
            found.append(judged)
        elif candidate.name != only.name:
            found.append(replace(judged, usable=False, reason=f"not used: {only.name} is named instead"))
    return tuple(sorted(found, key=lambda usable: usable.candidate.tier))


def facts_of(candidate: Candidate, price: Price | None) -> ModelFacts:
    """Return what the provider rules look at."""
    table = shipped_table()
    provider = table.providers.get(candidate.provider)
    row = table.model(candidate.provider, candidate.model)
    trains = provider.trains_on_prompts if provider else None
    local = candidate.payment is Payment.LOCAL
    return ModelFacts(
        provider=candidate.provider,
        model=candidate.model,
        payment=candidate.payment,
        input_price=None if price is None else price.input * MILLION,
        output_price=None if price is None else price.output * MILLION,
        trains_on_prompts=row.trains_on_prompts if row and row.trains_on_prompts is not None else trains,
        retention_days=provider.retention_days if provider else None,
        location=LOCAL if local else (provider.location if provider else ""),
    )


def per_million(price: Decimal) -> Decimal:
    """Turn dollars per token into dollars per million tokens."""
    return (price * MILLION).normalize()


def _unreachable(candidate: Candidate, provider: ProviderRow | None, settings: Settings) -> str:
    if not candidate.base_url:
        return f"set KILO_REVIEW_{candidate.provider.upper()}_BASE_URL to its address"
    if why := refused_url(candidate.base_url, offline=settings.offline):
        return f"its address {why}"
    if provider is None or not provider.key:
        return ""
    return "" if settings.provider_keys.get(candidate.provider) else f"set {provider.key}"


def _local(table: Table, settings: Settings) -> list[Candidate]:
    servers = {
        row.id: base_url_of(row, settings) for row in table.providers.values() if row.payment is Payment.LOCAL
    }
    return [_local_candidate(model, table) for model in discover(servers, table.local, offline=settings.offline)]


def _local_candidate(model: LocalModel, table: Table) -> Candidate:
    provider = table.providers[model.provider]
    return Candidate(
        tier=table.local.tier,
        provider=model.provider,
        model=model.model,
        payment=payment_of(provider, model.base_url),
        protocol=provider.protocol,
        base_url=model.base_url,
        context_window=model.context_window or provider.context,
        max_output_tokens=table.local.max_output,
        structured=provider.structured,
        parameters=model.parameters,
    )
