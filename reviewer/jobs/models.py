"""Settings and policy → the parts of a review: policy, models, meter. Where both front doors agree on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from policies.policy import Policy
from policies.words import Payment, Strategy, Tier
from reviewer.models.ask import ModelClient
from reviewer.models.catalogue import Usable, catalogue
from reviewer.models.meter import Meter, NullMeter
from reviewer.models.model import Candidate
from reviewer.models.open import open_client
from reviewer.models.prices import Price
from reviewer.models.table import ENDPOINT, shipped_table
from reviewer.settings import Settings


@dataclass(frozen=True, slots=True)
class Models:
    """What can be asked. Where `client.usable` is False, `reason` says why and what to set.

    `frontier_price` is the reference for "what all-frontier would have cost": the frontier model that would be
    used, else the first of the catalogue whose price is known.
    """

    client: ModelClient
    reason: str
    frontier_price: Price | None


def open_models(
    settings: Settings,
    policy: Policy,
    meter: Meter,
    *,
    private: bool,
    model: str = "",
    strategy: Strategy | None = None,
    discover_local: bool = False,
) -> Models:
    """Return the models that settings and policy allow; `model` and `strategy` are what a command or flag named.

    Under the strategy `free` no dearer model is ever asked, whatever a check or a unit would call for. `min_tier`
    and `max_tier` hold for every model, a named one too.
    """
    fixed = model or policy.model
    found = catalogue(settings, policy.providers, private=private, discover_local=discover_local, fixed=fixed)
    frontier = [entry for entry in found if entry.candidate.tier is Tier.FRONTIER and entry.price]
    reference = next((entry.price for entry in sorted(frontier, key=lambda entry: not entry.usable)), None)
    found = tuple(_within_tiers(entry, policy) for entry in found)
    free = (strategy or policy.strategy) is Strategy.FREE
    client = open_client(
        settings,
        policy.providers,
        private=private,
        meter=meter,
        fixed=fixed,
        ceiling=Tier.FREE if free else policy.max_tier,
        found=found,
    )
    return Models(client, "" if client.usable else _why_none(found, model), reference)


def no_models(reason: str) -> Models:
    """Return no model at all: only the analysers work, and nothing is billed."""
    return Models(ModelClient(candidates_by_tier={}, keys={}, meter=NullMeter()), reason, None)


def _within_tiers(entry: Usable, policy: Policy) -> Usable:
    """Return the entry as it is, or not usable where policy's bounds of the tier leave it out."""
    rule, why = _out_of_bounds(entry.candidate, policy)
    return replace(entry, usable=False, reason=why, rule=rule) if why and entry.usable else entry


def _out_of_bounds(candidate: Candidate, policy: Policy) -> tuple[str, str]:
    """Return the key that leaves a model out, and why; "" where none does."""
    tier, low, high = candidate.tier, policy.min_tier, policy.max_tier
    if tier < low:
        return "min_tier", f"it is {tier.label}, and policy asks for at least {low.label} (min_tier)"
    if tier > high:
        return "max_tier", f"it is {tier.label}, and policy allows at most {high.label} (max_tier)"
    ours = candidate.payment is Payment.LOCAL or candidate.provider == ENDPOINT
    if high < Tier.FRONTIER and not ours and shipped_table().model(candidate.provider, candidate.model) is None:
        return "max_tier", f"its tier is not known, so max_tier = {high.label} cannot be held"
    return "", ""


def _why_none(found: tuple[Usable, ...], named: str) -> str:
    """Return why no model can be used; for one that a command or flag named, why not that one."""
    only = next(
        (entry for entry in found if named and named in (entry.candidate.name, entry.candidate.model)), None
    )
    if only is not None:
        return f"{only.candidate.name} cannot be used: {only.reason}"
    by_policy = next((entry for entry in found if entry.rule), None)
    if by_policy is not None:
        return f"policy allows no model that is set up ({by_policy.candidate.name}: {by_policy.reason})"
    return "no model configured: set KILO_API_KEY or a provider's key, or start Ollama, LM Studio or llama.cpp"
