"""Load a Policy: defaults, then the organisation's file, then the repository's file at the BASE commit.

A repository can narrow what its organisation allows, never widen it, and can name no endpoint and no key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from importlib import resources
from typing import Any, Final

from policies.budgets import SHIPPED
from policies.invalid import PolicyInvalid
from policies.keys import KEYS, read_values
from policies.paths import PathRules
from policies.policy import Policy
from policies.providers import ProviderRules, narrow
from policies.rules import builtin_rules

# Where a repository's own policy is looked for, at the base commit, first hit wins.
REPOSITORY_FILES: Final = (".kilo-review.toml", ".github/kilo-review.toml")
MAX_POLICY_BYTES: Final = 64 * 1024


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
    the stricter provider rules then hold as well. Unknown and forbidden keys are ignored with a notice. Raises
    PolicyInvalid for text that is not TOML, and for a known key with a value that is not allowed.
    """
    policy = organisation_policy(organisation, organisation_file)
    if repository is not None:
        policy = narrowed_by(policy, repository, repository_file)
    return for_private(policy) if private else policy


def organisation_policy(text: str | None, file: str) -> Policy:
    """Return the defaults with the organisation's text put over them; None for no text."""
    return _defaults() if text is None else _layer(_defaults(), text, file, from_repository=False)


def narrowed_by(policy: Policy, text: str, file: str) -> Policy:
    """Narrow an organisation's policy by a repository's text, the one at the base commit."""
    return _layer(policy, text, file, from_repository=True)


def for_private(policy: Policy) -> Policy:
    """Let the stricter provider rules for private repositories hold as well."""
    if policy.providers.private is None:
        return policy
    return replace(policy, providers=narrow(policy.providers, policy.providers.private))


@cache
def _defaults() -> Policy:
    text = resources.files("policies").joinpath("defaults/default.toml").read_text(encoding="utf-8")
    values, notices = read_values(tomllib.loads(text), text=text, file="default.toml")
    known = {
        **{field.name: () for field in fields(Policy) if field.name in {"locked", "stated", "notices"}},
        "paths": PathRules(),
        "sensitive": builtin_rules(),
        "providers": ProviderRules(),
    }
    values["limits"] = tuple(replace(limit, layer=SHIPPED) for limit in values["limits"])
    policy = _with(known, {KEYS[name].field: value for name, value in values.items()})
    if notices:
        raise PolicyInvalid("\n".join(notices), file="default.toml")
    return policy


def _with(known: Mapping[str, Any], values: Mapping[str, Any]) -> Policy:
    """Apply values by field; "paths.include" goes into the nested record."""
    flat = dict(known)
    for name, value in values.items():
        outer, _, inner = name.partition(".")
        flat[outer] = replace(flat[outer], **{inner: value}) if inner else value
    return Policy(**flat)


def _layer(policy: Policy, text: str, file: str, *, from_repository: bool) -> Policy:
    table = parse_toml(text, file)
    values, unknown = read_values(table, text=text, file=file, from_repository=from_repository)
    flat: dict[str, Any] = {field.name: getattr(policy, field.name) for field in fields(Policy)}
    notices = [*policy.notices, *unknown]
    for name, value in values.items():
        key = KEYS[name]
        outer, _, inner = key.field.partition(".")
        current = getattr(flat[outer], inner) if inner else flat[outer]
        if not from_repository:
            merged = key.merge(current, value)
            flat["stated"] = (*flat["stated"], name)
        elif name in policy.locked or name.split(".")[0] in policy.locked:
            notices.append(f"{file}: `{name}` ignored: the organisation's policy locks it")
            continue
        elif key.soft and name not in policy.stated:
            merged = value
        else:
            merged, refusal = key.narrow(current, value, policy)
            if refusal:
                notices.append(f"{file}: `{name}` {refusal}")
        target = key.repository_field if from_repository and key.repository_field else key.field
        outer, _, inner = target.partition(".")
        flat[outer] = replace(flat[outer], **{inner: merged}) if inner else merged
    flat["notices"] = tuple(notices)
    return _bounded(Policy(**flat), file)


def _bounded(policy: Policy, file: str) -> Policy:
    if policy.min_tier > policy.max_tier:
        raise PolicyInvalid(
            f"{file}: min_tier = {policy.min_tier.label} is above max_tier = {policy.max_tier.label}; "
            "lower the one or raise the other",
            file=file,
        )
    return policy


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """Parse TOML; PolicyInvalid names file, line and what is wrong there."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_POLICY_BYTES:
        raise PolicyInvalid(
            f"{file}: larger than {MAX_POLICY_BYTES // 1024} KiB; a policy is a short file, split nothing into it",
            file=file,
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, what = _where(error, text)
        shown = text.splitlines()[line - 1].strip()[:80] if line <= len(text.splitlines()) else ""
        raise PolicyInvalid(
            f"{file}, line {line}: not valid TOML: {what}"
            f"{f' in {shown!r}' if shown else ''}; see https://toml.io for the format, docs/policy.md for the keys",
            file=file,
            line=line,
        ) from None
    except (RecursionError, ValueError) as error:
        raise PolicyInvalid(
            f"{file}: not valid TOML ({type(error).__name__}); see https://toml.io", file=file
        ) from None


def _where(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, str]:
    what, _, place = str(error).rpartition(" (at ")
    words = place.removesuffix(")").replace(",", "").split()
    line = int(words[1]) if len(words) > 1 and words[1].isdigit() else max(1, len(text.splitlines()))
    return line, what or str(error)
