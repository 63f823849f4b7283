"""What a repository's policy may do with its organisation's: narrow it, never widen it.

Every function takes the value in force, the value asked for and the policy so far, and returns the value that
results and, where it is not what was asked for, the reason as the end of a sentence that begins with the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from policies import budgets, providers
from policies.policy import Policy
from policies.words import Conclusion, Severity, Strategy, Tier

Narrower = Callable[[Any, Any, Policy], tuple[Any, str]]
Pairs = tuple[tuple[str, Strategy], ...]


def _word(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "never"
    return str(getattr(value, "label", None) or getattr(value, "value", None) or value)


def _kept(old: object, new: object) -> str:
    return (
        f"= {_word(new)} refused: the organisation's policy says {_word(old)}, and a repository can only narrow it"
    )


def forbidden(old: Any, _new: Any, _policy: Policy) -> tuple[Any, str]:
    """Leave the organisation's value."""
    return old, "refused: only the organisation's policy may set it"


def free(_old: Any, new: Any, _policy: Policy) -> tuple[Any, str]:
    """Take the repository's value: a matter of taste, not of money or safety."""
    return new, ""


def at_most(old: Any, new: Any, _policy: Policy) -> tuple[Any, str]:
    """Take the smaller value."""
    return (new, "") if new <= old else (old, _kept(old, new))


def at_least(old: Any, new: Any, _policy: Policy) -> tuple[Any, str]:
    """Take the larger value."""
    return (new, "") if new >= old else (old, _kept(old, new))


def only(*, value: bool) -> Narrower:
    """Let a repository switch to one value of two, and not back."""

    def narrow(old: bool, new: bool, _policy: Policy) -> tuple[bool, str]:  # noqa: FBT001 (TOML values)
        return (new, "") if new in (value, old) else (old, _kept(old, new))

    return narrow


def not_above(order: Sequence[Any]) -> Narrower:
    """Let a repository move down an order of choices."""

    def narrow(old: Any, new: Any, _policy: Policy) -> tuple[Any, str]:
        return (new, "") if order.index(new) <= order.index(old) else (old, _kept(old, new))

    return narrow


def not_below(order: Sequence[Any]) -> Narrower:
    """Let a repository move up an order of choices."""

    def narrow(old: Any, new: Any, _policy: Policy) -> tuple[Any, str]:
        return (new, "") if order.index(new) >= order.index(old) else (old, _kept(old, new))

    return narrow


def stricter_gate(old: Severity | None, new: Severity | None, _policy: Policy) -> tuple[Severity | None, str]:
    """Let a repository fail on more, never on less."""
    if old is None or (new is not None and new <= old):
        return new, ""
    return old, _kept(old, new)


def stricter_conclusion(old: Conclusion, new: Conclusion, _policy: Policy) -> tuple[Conclusion, str]:
    """Let a repository ask for action where the organisation is neutral."""
    if new in (old, Conclusion.ACTION_REQUIRED):
        return new, ""
    return old, _kept(old, new)


def union(old: tuple[str, ...], new: tuple[str, ...], _policy: Policy | None = None) -> Any:
    """Add to a list. Also the organisation's merge, which has no policy to ask and returns no reason."""
    both = tuple(dict.fromkeys((*old, *new)))
    return both if _policy is None else (both, "")


def subset(old: tuple[str, ...], new: tuple[str, ...], _policy: Policy) -> tuple[tuple[str, ...], str]:
    """Keep what both name."""
    extra = [item for item in new if item not in old]
    refusal = f"without {', '.join(extra)}: the organisation's policy does not allow that" if extra else ""
    return tuple(item for item in old if item in new), refusal


def strategy(old: Strategy, new: Strategy, policy: Policy) -> tuple[Strategy, str]:
    """Take a strategy whose tier lies between the organisation's bounds, and not above a strategy that it fixed."""
    refusal = _outside(new, policy)
    return (old, f"= {new.value} refused: {refusal}") if refusal else (new, "")


def model(old: str, new: str, policy: Policy) -> tuple[str, str]:
    """Take a model by name, unless the organisation named one or bounds the tier, which a name gets around."""
    if new == old:
        return new, ""
    if old:
        return old, f"= {new or 'none'} refused: the organisation's policy names {old}"
    if policy.max_tier is not Tier.FRONTIER or policy.min_tier is not Tier.FREE:
        return (
            old,
            f"= {new} refused: the organisation's policy bounds the tier, so a repository cannot name a model",
        )
    return new, ""


def path_strategies(old: Pairs, new: Pairs, policy: Policy) -> tuple[Pairs, str]:
    """Add path rules before the organisation's: the last match wins, so what it names keeps its strategy."""
    kept, refused = _kept_pairs(old, new, policy)
    return (*kept, *old), refused


def label_strategies(old: Pairs, new: Pairs, policy: Policy) -> tuple[Pairs, str]:
    """Add label rules; a label that the organisation's own file names keeps its strategy."""
    kept, refused = _kept_pairs(old if "routing.labels" in policy.stated else (), new, policy)
    return override(old, kept), refused


def override(old: Pairs, new: Pairs) -> Pairs:
    """Put new pairs after the old, in place of those of the same name."""
    names = {name for name, _ in new}
    return (*(pair for pair in old if pair[0] not in names), *new)


def _kept_pairs(fixed: Pairs, new: Pairs, policy: Policy) -> tuple[Pairs, str]:
    """Return the pairs that a repository may add, and why not the others; `fixed` are the organisation's own."""
    theirs = dict(fixed)
    refusals = [
        f"{name!r} = {chosen.value} ({why})"
        for name, chosen in new
        if (why := _taken(name, chosen, theirs) or _outside(chosen, policy))
    ]
    kept = tuple((name, chosen) for name, chosen in new if name not in theirs and not _outside(chosen, policy))
    return kept, f"refused for {'; '.join(refusals)}" if refusals else ""


def _taken(name: str, chosen: Strategy, theirs: Mapping[str, Strategy]) -> str:
    if name not in theirs or theirs[name] is chosen:
        return ""
    return f"the organisation's policy says {theirs[name].value}"


def _outside(chosen: Strategy, policy: Policy) -> str:
    """Return why a repository may not choose a strategy, "" where it may."""
    fixed = policy.strategy if "strategy" in policy.stated else Strategy.AUTO
    highest = Tier.FRONTIER if chosen is Strategy.AUTO else Tier[chosen.name]
    if fixed is not Strategy.AUTO and highest > Tier[fixed.name]:
        return f"the organisation's policy fixes {fixed.value}, and a repository can only go lower"
    if chosen is Strategy.AUTO:
        return ""
    tier = Tier[chosen.name]
    if tier > policy.max_tier:
        return f"the organisation allows at most {policy.max_tier.label}"
    if tier < policy.min_tier:
        return f"the organisation asks for at least {policy.min_tier.label}"
    return ""


def limits(
    old: tuple[budgets.Limit, ...], new: tuple[budgets.Limit, ...], _policy: Policy
) -> tuple[tuple[budgets.Limit, ...], str]:
    """Add limits under the organisation's: both hold, so the tightest counts."""
    return budgets.narrow(old, new), ""


def provider_rules(
    old: providers.ProviderRules, new: providers.ProviderRules, _policy: Policy
) -> tuple[providers.ProviderRules, str]:
    """Put rules under the organisation's: a model must satisfy both."""
    return providers.narrow(old, new), ""
