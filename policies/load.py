"""Load a Policy: defaults, then the organisation's file, then the repository's file at the BASE commit.

A repository can narrow what its organisation allows, never widen it, and can name no endpoint and no key.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from importlib import resources
from typing import Any, Final

from policies.budgets import SHIPPED
from policies.invalid import PolicyInvalid
from policies.keys import KEYS
from policies.paths import PathRules
from policies.policy import Policy
from policies.policy_file import read_policy_file
from policies.providers import ProviderRules, narrow
from policies.rules import builtin_rules
from policies.words import Tier

# Where a repository's own policy is looked for, at the base commit, first hit wins.
REPOSITORY_FILES: Final = (".kilo/review.toml", ".kilo-review.toml", ".github/kilo-review.toml")


def load_policy(
    *,
    organisation: str | None = None,
    repository: str | None = None,
    private: bool = False,
    organisation_file: str = "the organisation's policy",
    repository_file: str = REPOSITORY_FILES[0],
) -> Policy:
    """Build the policy from TOML texts: defaults ← organisation (may set all) ← repository (may only narrow).

    `repository` is the file at the base commit, never at the head. `private` says that the repository is private:
    the stricter provider rules then hold as well. Raises PolicyInvalid for any mistake in the organisation's text.
    """
    policy = organisation_policy(organisation, organisation_file)
    if repository is not None:
        policy = narrowed_by(policy, repository, repository_file)
    return for_private(policy) if private else policy


def organisation_policy(text: str | None, file: str) -> Policy:
    """Return the defaults with the organisation's text put over them; None for no text.

    Raises PolicyInvalid with every mistake of the text: what the operator meant to limit must not run unlimited.
    """
    policy = _defaults()
    if text is None:
        return policy
    read = read_policy_file(text, from_repository=False)
    if read.mistakes:
        first = min(mistake.line for mistake in read.mistakes)
        raise PolicyInvalid("\n".join(read.told(file)), file=file, line=first)
    fields_now = _fields(policy)
    for name, value in read.values.items():
        target = KEYS[name].field
        _put(fields_now, target, KEYS[name].merge(_get(fields_now, target), value))
    fields_now["stated"] = tuple(read.values)
    result = Policy(**fields_now)
    if result.min_tier > result.max_tier:
        raise PolicyInvalid(f"{file}: {_crossed(result.min_tier, result.max_tier)}", file=file)
    return result


def narrowed_by(policy: Policy, text: str, file: str) -> Policy:
    """Narrow an organisation's policy by a repository's text, the one at the base commit.

    A mistake is told in `notices` and the rest of the text holds. Where a rule about providers may be among the
    mistakes, no model is permitted: the rule may have been there to keep the code from one.
    """
    read = read_policy_file(text, from_repository=True)
    notices = list(read.told(file))
    fields_now = _fields(policy)
    for name, value in _without_crossed_tiers(policy, read.values, file, notices).items():
        key = KEYS[name]
        if name in policy.locked or name.partition(".")[0] in policy.locked:
            notices.append(f"{file}: `{name}` ignored: the organisation's policy locks it")
            continue
        current = _get(fields_now, key.field)
        if key.soft and name not in policy.stated:
            merged, refusal = value, ""
        else:
            merged, refusal = key.narrow(current, value, policy)
        if refusal:
            notices.append(f"{file}: `{name}` {refusal}")
        _put(fields_now, key.repository_field or key.field, merged)
    if read.provider_rules_lost:
        notices.append(
            f"{file}: no model is asked until its rules about providers can be read; analysers still run"
        )
        fields_now["providers"] = narrow(fields_now["providers"], ProviderRules(deny_models=("*",)))
    fields_now["notices"] = (*policy.notices, *notices)
    return Policy(**fields_now)


def for_private(policy: Policy) -> Policy:
    """Let the stricter provider rules for private repositories hold as well."""
    if policy.providers.private is None:
        return policy
    return replace(policy, providers=narrow(policy.providers, policy.providers.private))


@cache
def _defaults() -> Policy:
    text = resources.files("policies").joinpath("defaults/default.toml").read_text(encoding="utf-8")
    read = read_policy_file(text, from_repository=False)
    if read.mistakes:
        raise PolicyInvalid("\n".join(read.told("default.toml")), file="default.toml")
    values: dict[str, Any] = {"paths": PathRules(), "sensitive": builtin_rules(), "providers": ProviderRules()}
    for name, value in read.values.items():
        _put(values, KEYS[name].field, value)
    values["limits"] = tuple(replace(limit, layer=SHIPPED) for limit in values["limits"])
    return Policy(**values)


def _fields(policy: Policy) -> dict[str, Any]:
    return {field.name: getattr(policy, field.name) for field in fields(Policy)}


def _get(values: dict[str, Any], target: str) -> Any:
    outer, _, inner = target.partition(".")
    return getattr(values[outer], inner) if inner else values[outer]


def _put(values: dict[str, Any], target: str, value: Any) -> None:
    """Set a field; "paths.include" goes into the nested record."""
    outer, _, inner = target.partition(".")
    values[outer] = replace(values[outer], **{inner: value}) if inner else value


def _without_crossed_tiers(policy: Policy, values: dict[str, Any], file: str, notices: list[str]) -> dict[str, Any]:
    """Leave out a repository's bounds of the tier where the lower one would lie above the upper one."""
    low = max(policy.min_tier, values.get("min_tier", policy.min_tier))
    high = min(policy.max_tier, values.get("max_tier", policy.max_tier))
    if low <= high:
        return values
    notices.append(f"{file}: `min_tier` and `max_tier` ignored: {_crossed(low, high)}")
    return {name: value for name, value in values.items() if name not in ("min_tier", "max_tier")}


def _crossed(low: Tier, high: Tier) -> str:
    return f"min_tier = {low.label} is above max_tier = {high.label}; lower the one or raise the other"
