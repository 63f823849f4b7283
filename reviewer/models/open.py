"""From settings and policy to a ModelClient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from policies.providers import ProviderRules, forbids_training
from policies.words import Tier
from reviewer.models.ask import ModelClient
from reviewer.models.breaker import Breaker, LocalBreaker, RedisBreaker
from reviewer.models.catalogue import Usable, catalogue
from reviewer.models.clocking import TimeLimits
from reviewer.models.meter import Meter
from reviewer.models.model import Candidate
from reviewer.models.redact import redactor
from reviewer.models.send import Sender
from reviewer.models.table import ENDPOINT
from reviewer.settings import Secret, Settings


def open_client(
    settings: Settings,
    rules: ProviderRules,
    *,
    private: bool,
    meter: Meter,
    fixed: str = "",
    ceiling: Tier = Tier.FRONTIER,
    discover_local: bool = True,
    breaker: Breaker | None = None,
    limits: TimeLimits | None = None,
    found: Sequence[Usable] | None = None,
    wrap: Callable[[Sender], Sender] = lambda sender: sender,
) -> ModelClient:
    """Return a ModelClient over every model that is set up, permitted, and not dearer than `ceiling`.

    A fixed model is asked whatever its tier. With a Redis the circuit breaker is shared between workers.
    `found` is a catalogue that the caller has made already, by the same rules. `wrap` may put something before
    what sends requests.
    Raises ConfigurationError for a fixed model that cannot exist.
    """
    if found is None:
        found = catalogue(
            settings, rules, private=private, discover_local=discover_local, fixed=fixed, price_all=False
        )
    named = bool(fixed or settings.model_name)
    usable = [entry for entry in found if entry.usable and (named or entry.candidate.tier <= ceiling)]
    prices = {entry.candidate: entry.price for entry in usable}
    if breaker is None:
        breaker = RedisBreaker.at(settings.redis_url) if settings.redis_url else LocalBreaker()
    sender = Sender(offline=settings.offline, redact=redactor(settings.secrets()), limits=limits or TimeLimits())
    return ModelClient(
        candidates_by_tier=by_tier(usable),
        keys=keys_of(settings),
        meter=meter,
        refused=[entry for entry in found if not entry.usable],
        prices=prices.get,
        sender=wrap(sender),
        breaker=breaker,
        forbid_training=forbids_training(rules, private=private),
    )


def by_tier(usable: Iterable[Usable]) -> dict[Tier, tuple[Candidate, ...]]:
    """Group candidates by tier, in order of preference."""
    grouped: dict[Tier, tuple[Candidate, ...]] = {}
    for entry in usable:
        tier = entry.candidate.tier
        grouped[tier] = (*grouped.get(tier, ()), entry.candidate)
    return grouped


def keys_of(settings: Settings) -> dict[str, Secret]:
    """Return every key by provider id, the extra endpoint's too."""
    keys = dict(settings.provider_keys)
    if settings.model_key:
        keys[ENDPOINT] = settings.model_key
    return keys
