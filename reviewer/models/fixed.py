"""Make a candidate of a name: a row of the table, a model named by a user, or an endpoint of the user's own."""

from __future__ import annotations

from typing import Final

from policies.words import Payment, Tier
from reviewer.errors import ConfigurationError
from reviewer.models.address import is_loopback
from reviewer.models.model import Candidate
from reviewer.models.table import ENDPOINT, ModelRow, ProviderRow, Table
from reviewer.settings import Settings

# A model that is named but not in the table: small enough to be safe, and never taken for a strong one.
UNKNOWN_TIER: Final = Tier.EFFICIENT
UNKNOWN_CONTEXT: Final = 32_768
UNKNOWN_MAX_OUTPUT: Final = 8_192
# They know every vendor's models as `vendor/model`.
GATEWAYS: Final = ("kilo", "openrouter")


def base_url_of(provider: ProviderRow, settings: Settings) -> str:
    """Return a provider's address: what settings say, else the table."""
    return settings.base_urls.get(provider.id, provider.base_url)


def payment_of(provider: ProviderRow, base_url: str) -> Payment:
    """Return who pays. A local kind of server on another machine is not local: its price is not ours to say."""
    if provider.payment is Payment.LOCAL and not is_loopback(base_url):
        return Payment.OWN_KEY
    return provider.payment


def listed_model(row: ModelRow, table: Table, settings: Settings) -> Candidate:
    """Return the candidate of a row of the table."""
    provider = table.providers[row.provider]
    return Candidate(
        tier=row.tier,
        provider=row.provider,
        model=row.model,
        payment=provider.payment,
        protocol=provider.protocol,
        base_url=base_url_of(provider, settings),
        context_window=row.context,
        max_output_tokens=row.max_output,
        structured=row.structured or provider.structured,
        reasoning_tokens=row.reasoning,
    )


def fixed_model(settings: Settings, table: Table, fixed: str) -> Candidate | None:
    """Return the one model that is named, by the argument or else by settings; None where none is.

    `provider/model` means that provider where its key is set; else a provider with a key that lists the model by
    this very name, else a gateway with a key. Raises ConfigurationError for a name of nothing.
    """
    if settings.model_url and not settings.model_name:
        raise ConfigurationError(
            "KILO_REVIEW_MODEL_URL is set without KILO_REVIEW_MODEL",
            remedy="Set KILO_REVIEW_MODEL to the model that the endpoint serves.",
        )
    name = fixed or settings.model_name
    if not name:
        return None
    if settings.model_url and name in (settings.model_name, f"{ENDPOINT}/{settings.model_name}"):
        return _endpoint(settings)
    found = _with_a_key(name, settings, table) or _without_one(name, settings, table)
    if found is None:
        raise ConfigurationError(
            f"{name!r} names no model",
            remedy=f"Write provider/model; providers: {', '.join(table.providers)}. "
            "See `kilo-review models` for the ones that are known.",
        )
    return found


def _with_a_key(name: str, settings: Settings, table: Table) -> Candidate | None:
    provider_id, _, model = name.partition("/")
    provider = table.providers.get(provider_id)
    if provider is not None and model and (not provider.key or settings.provider_keys.get(provider_id)):
        return _model_of(provider, model, settings, table)
    for row in table.models:
        if row.model == name and settings.provider_keys.get(row.provider):
            return listed_model(row, table, settings)
    gateway = next((table.providers[found] for found in GATEWAYS if settings.provider_keys.get(found)), None)
    return _model_of(gateway, name, settings, table) if gateway and model else None


def _without_one(name: str, settings: Settings, table: Table) -> Candidate | None:
    """Return the candidate that a name means although its key is not set, so that the reason can say which."""
    provider_id, _, model = name.partition("/")
    provider = table.providers.get(provider_id)
    if provider is not None and model:
        return _model_of(provider, model, settings, table)
    row = next((row for row in table.models if row.model == name), None)
    return listed_model(row, table, settings) if row else None


def _model_of(provider: ProviderRow, model: str, settings: Settings, table: Table) -> Candidate:
    row = table.model(provider.id, model)
    if row is not None:
        return listed_model(row, table, settings)
    return Candidate(
        tier=UNKNOWN_TIER,
        provider=provider.id,
        model=model,
        payment=payment_of(provider, base_url_of(provider, settings)),
        protocol=provider.protocol,
        base_url=base_url_of(provider, settings),
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
