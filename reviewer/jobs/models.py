"""Settings and policy → the parts of a review: policy, models, meter. Where both front doors agree on them."""

from __future__ import annotations

from dataclasses import dataclass

from policies.policy import Policy
from policies.words import Strategy, Tier
from reviewer.models.ask import ModelClient
from reviewer.models.catalogue import Usable, catalogue
from reviewer.models.meter import Meter
from reviewer.models.open import open_client
from reviewer.models.prices import Price
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

    Under the strategy `free` no dearer model is ever asked, whatever a check or a unit would call for.
    """
    fixed = model or policy.model
    found = catalogue(settings, policy.providers, private=private, discover_local=discover_local, fixed=fixed)
    frontier = [entry for entry in found if entry.candidate.tier is Tier.FRONTIER and entry.price]
    reference = next((entry.price for entry in sorted(frontier, key=lambda entry: not entry.usable)), None)
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
    return Models(client, "" if client.usable else _why_none(found), reference)


def _why_none(found: tuple[Usable, ...]) -> str:
    by_policy = next((entry for entry in found if entry.rule), None)
    if by_policy is not None:
        return f"policy allows no model that is set up ({by_policy.candidate.name}: {by_policy.reason})"
    return "no model configured: set KILO_API_KEY or a provider's key, or start Ollama, LM Studio or llama.cpp"
