"""Which models are usable now: by the table, the keys that are set, the local servers that answer, and policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from policies.providers import LOCAL, ModelFacts, ProviderRules, permitted
from policies.words import Payment, Tier
from reviewer.errors import ConfigurationError
from reviewer.models.address import is_loopback, refused_url
from reviewer.models.discover import LocalModel, discover
from reviewer.models.model import Candidate
from reviewer.models.price_book import PriceBook
from reviewer.models.prices import MILLION, Price
from reviewer.models.table import ENDPOINT, ModelRow, ProviderRow, Table, shipped_table
from reviewer.settings import Settings

# A model that is named but not in the table: small enough to be safe, and never taken for a strong one.
UNKNOWN_TIER = Tier.EFFICIENT
UNKNOWN_CONTEXT = 32_768
UNKNOWN_MAX_OUTPUT = 8_192


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
    book = PriceBook(now=now, cache_dir=settings.cache_dir)

    def judge(candidate: Candidate) -> Usable:
        why = _unreachable(candidate, table.providers.get(candidate.provider), settings)
        price = book.price_of(candidate) if price_all or not why else None
        if why:
            return Usable(candidate, price, usable=False, reason=why)
        refusal = permitted(facts_of(candidate, price), rules, private=private)
        if refusal:
            return Usable(candidate, price, usable=False, reason=refusal, rule=refusal.partition(":")[0])
        return Usable(candidate, price, usable=True, reason="")

    only = _fixed(settings, table, fixed)
    found: list[Usable] = [judge(only)] if only is not None else []
    rows = [_candidate(row, table, settings) for row in table.models]
    if discover_local and only is None:
        rows.extend(_local(table, settings))
    for candidate in rows:
        judged = judge(candidate)
        if only is None:
            found.append(judged)
        elif candidate.name != only.name:
            found.append(replace(judged, usable=False, reason=f"not used: {only.name} is named instead"))
    book.keep()
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


def _base_url(provider: ProviderRow, base_urls: Mapping[str, str]) -> str:
    return base_urls.get(provider.id, provider.base_url)


def _candidate(row: ModelRow, table: Table, settings: Settings) -> Candidate:
    provider = table.providers[row.provider]
    return Candidate(
        tier=row.tier,
        provider=row.provider,
        model=row.model,
        payment=provider.payment,
        protocol=provider.protocol,
        base_url=_base_url(provider, settings.base_urls),
        context_window=row.context,
        max_output_tokens=row.max_output,
        structured=row.structured or provider.structured,
        reasoning_tokens=row.reasoning,
    )


def _local(table: Table, settings: Settings) -> list[Candidate]:
    servers = {
        row.id: _base_url(row, settings.base_urls)
        for row in table.providers.values()
        if row.payment is Payment.LOCAL
    }
    return [_local_candidate(model, table) for model in discover(servers, table.local, offline=settings.offline)]


def _local_candidate(model: LocalModel, table: Table) -> Candidate:
    provider = table.providers[model.provider]
    return Candidate(
        tier=table.local.tier,
        provider=model.provider,
        model=model.model,
        # A server that was set to another machine is still nobody's bill, but its price is not ours to say.
        payment=Payment.LOCAL if is_loopback(model.base_url) else Payment.OWN_KEY,
        protocol=provider.protocol,
        base_url=model.base_url,
        context_window=model.context_window or provider.context,
        max_output_tokens=table.local.max_output,
        structured=provider.structured,
    )


def _fixed(settings: Settings, table: Table, fixed: str) -> Candidate | None:
    """Return the one model that is named, by the argument or else by settings."""
    name = fixed or settings.model_name
    if settings.model_url and not settings.model_name:
        raise ConfigurationError(
            "KILO_REVIEW_MODEL_URL is set without KILO_REVIEW_MODEL",
            remedy="Set KILO_REVIEW_MODEL to the model that the endpoint serves.",
        )
    if not name:
        return None
    if settings.model_url and name in (settings.model_name, f"{ENDPOINT}/{settings.model_name}"):
        return _endpoint(settings)
    listed = next((row for row in table.models if name == row.model), None)
    if listed is not None:
        return _candidate(listed, table, settings)
    provider_id, _, model = name.partition("/")
    provider = table.providers.get(provider_id)
    if provider is None or not model:
        raise ConfigurationError(
            f"{name!r} names no model",
            remedy=f"Write provider/model; providers: {', '.join(table.providers)}. "
            "See `kilo-review models` for the ones that are known.",
        )
    row = table.model(provider_id, model)
    if row is not None:
        return _candidate(row, table, settings)
    return Candidate(
        tier=UNKNOWN_TIER,
        provider=provider_id,
        model=model,
        payment=provider.payment,
        protocol=provider.protocol,
        base_url=_base_url(provider, settings.base_urls),
        context_window=provider.context or UNKNOWN_CONTEXT,
        max_output_tokens=UNKNOWN_MAX_OUTPUT,
        structured=provider.structured,
    )


def _endpoint(settings: Settings) -> Candidate:
    local = is_loopback(settings.model_url)
    return Candidate(
        tier=Tier.FREE if local else UNKNOWN_TIER,
        provider=ENDPOINT,
        model=settings.model_name,
        payment=Payment.LOCAL if local else Payment.OWN_KEY,
        protocol="openai",
        base_url=settings.model_url,
        context_window=UNKNOWN_CONTEXT,
        max_output_tokens=UNKNOWN_MAX_OUTPUT,
        structured="schema",
    )
