"""Which models may see the code: rules on price, training, retention and location, and the answer to one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any, Final

from policies.words import Payment

# A local server keeps the prompt on the machine that already holds the code.
LOCAL: Final = "local"


class ProviderRulesInvalid(ValueError):
    """A `[providers]` table that cannot be used; the text names the key and what is allowed."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the rules look at. Prices are US dollars per million tokens; None is unknown, everywhere.

    `model` is the id that the provider uses; `location` is a lower-case region ("us", "eu", "cn"), "local", or "".
    """

    provider: str
    model: str
    payment: Payment
    input_price: Decimal | None = None
    output_price: Decimal | None = None
    trains_on_prompts: bool | None = None
    retention_days: int | None = None
    location: str = ""

    @property
    def name(self) -> str:
        """`provider/model`, unless the model id already says its provider."""
        return self.model if self.model.startswith(f"{self.provider}/") else f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """What may be used. Names are shell globs matched without regard to case; empty lists and None do not restrict.

    Model globs match `provider/model` as well as the provider's own id. Price ceilings are US dollars per million
    tokens. An unknown price, retention, location or training habit fails a rule that asks for it. `private` holds
    for private repositories *in addition*, and so does every entry of `also` (what `narrow` adds).
    """

    allow_models: tuple[str, ...] = ()
    deny_models: tuple[str, ...] = ()
    allow_providers: tuple[str, ...] = ()
    deny_providers: tuple[str, ...] = ()
    max_input_price: Decimal | None = None
    max_output_price: Decimal | None = None
    forbid_training: bool = False
    max_retention_days: int | None = None
    locations: tuple[str, ...] = ()
    private: ProviderRules | None = None
    also: tuple[ProviderRules, ...] = ()


def narrow(outer: ProviderRules, inner: ProviderRules) -> ProviderRules:
    """Rules that permit exactly what both permit: `inner` can take away from `outer` and never give."""
    return ProviderRules(private=None, also=(outer, inner))


def forbids_training(rules: ProviderRules, *, private: bool) -> bool:
    """Return True where any rule that applies forbids training on prompts, for gateways that can route by it."""
    return (
        rules.forbid_training
        or (private and rules.private is not None and forbids_training(rules.private, private=True))
        or any(forbids_training(more, private=private) for more in rules.also)
    )


def permitted(facts: ModelFacts, rules: ProviderRules, *, private: bool) -> str | None:
    """Return None where the model may be used, else `rule: sentence` for the first rule that refuses it."""
    refusal = _by_name(facts, rules) or _by_price(facts, rules) or _by_handling(facts, rules)
    if refusal:
        return refusal
    for more in rules.also:
        if refusal := permitted(facts, more, private=private):
            return refusal
    if private and rules.private is not None and (refusal := permitted(facts, rules.private, private=True)):
        return f"private.{refusal}"
    return None


def _matches(name: str, globs: tuple[str, ...]) -> str | None:
    return next((glob for glob in globs if fnmatchcase(name.lower(), glob.lower())), None)


def _by_name(facts: ModelFacts, rules: ProviderRules) -> str | None:
    denied = _matches(facts.provider, rules.deny_providers)
    if denied:
        return f"deny-providers: {facts.provider} is denied by {denied!r}"
    if rules.allow_providers and not _matches(facts.provider, rules.allow_providers):
        return f"allow-providers: {facts.provider} is not among {', '.join(rules.allow_providers)}"
    denied = _matches(facts.name, rules.deny_models) or _matches(facts.model, rules.deny_models)
    if denied:
        return f"deny-models: {facts.name} is denied by {denied!r}"
    if rules.allow_models and not (
        _matches(facts.name, rules.allow_models) or _matches(facts.model, rules.allow_models)
    ):
        return f"allow-models: {facts.name} is not among {', '.join(rules.allow_models)}"
    return None


def _by_price(facts: ModelFacts, rules: ProviderRules) -> str | None:
    for rule, word, price, ceiling in (
        ("max-input-price", "input", facts.input_price, rules.max_input_price),
        ("max-output-price", "output", facts.output_price, rules.max_output_price),
    ):
        if ceiling is None:
            continue
        if price is None:
            return f"{rule}: the {word} price of {facts.name} is unknown, so ${ceiling} cannot be held"
        if price > ceiling:
            return f"{rule}: ${price} per million {word} tokens of {facts.name} is over ${ceiling}"
    return None


def _by_handling(facts: ModelFacts, rules: ProviderRules) -> str | None:
    if facts.payment is Payment.LOCAL:
        return None
    if rules.forbid_training and facts.trains_on_prompts is not False:
        habit = "may train on prompts" if facts.trains_on_prompts else "does not say whether it trains on prompts"
        return f"forbid-training: {facts.name} {habit}"
    if rules.max_retention_days is not None:
        if facts.retention_days is None:
            return f"max-retention-days: {facts.name} does not say how long it keeps prompts"
        if facts.retention_days > rules.max_retention_days:
            return (
                f"max-retention-days: {facts.name} keeps prompts {facts.retention_days} days, "
                f"over {rules.max_retention_days}"
            )
    allowed = tuple(location.lower() for location in rules.locations)
    if allowed and facts.location.lower() not in allowed:
        return f"locations: {facts.name} is in {facts.location or 'an unknown place'}, not {', '.join(allowed)}"
    return None


_LISTS: Final = ("allow_models", "deny_models", "allow_providers", "deny_providers", "locations")
_PRICES: Final = ("max_input_price", "max_output_price")
_KEYS: Final = (*_LISTS, *_PRICES, "forbid_training", "max_retention_days", "private")


def parse_provider_rules(table: Mapping[str, Any], *, where: str = "providers") -> ProviderRules:
    """Read a `[providers]` table of TOML; keys are written with `-` or `_`.

    Raises ProviderRulesInvalid for an unknown key or a value of the wrong kind, naming key and remedy.
    """
    values: dict[str, Any] = {}
    for written, value in table.items():
        key = written.replace("-", "_")
        label = f"{where}.{written}"
        if key not in _KEYS or (key == "private" and where.endswith(".private")):
            allowed = ", ".join(sorted(known.replace("_", "-") for known in _KEYS))
            raise ProviderRulesInvalid(f"{label} is not a provider rule; allowed: {allowed}")
        if key in _LISTS:
            values[key] = _words(value, label)
        elif key in _PRICES:
            values[key] = _price(value, label)
        elif key == "forbid_training":
            if not isinstance(value, bool):
                raise ProviderRulesInvalid(f"{label} must be true or false, not {value!r}")
            values[key] = value
        elif key == "max_retention_days":
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ProviderRulesInvalid(f"{label} must be a whole number of days, 0 or more, not {value!r}")
            values[key] = value
        else:
            if not isinstance(value, Mapping):
                raise ProviderRulesInvalid(f"{label} must be a table of provider rules, not {value!r}")
            values[key] = parse_provider_rules(value, where=label)
    return ProviderRules(**values)


def _words(value: object, label: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ProviderRulesInvalid(f"{label} must be a list of names or globs, not {value!r}")
    return tuple(value)


def _price(value: object, label: str) -> Decimal:
    try:
        price = (
            Decimal(str(value)) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
        )
    except InvalidOperation:
        price = None
    if price is None or not price.is_finite() or price < 0:
        raise ProviderRulesInvalid(f"{label} must be US dollars per million tokens, 0 or more, not {value!r}")
    return price
