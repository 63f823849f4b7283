"""The keys of a policy file: how each is read, and what a repository may do with it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from policies import narrowing as n
from policies import readers as r
from policies import statements
from policies.budgets import in_place_of_shipped
from policies.readers import Reader
from policies.words import AtLimit, Bots, Conclusion, Severity, Strategy, Style, Tier, Verify

Merger = Callable[[Any, Any], Any]

ANALYSERS: Final = (
    "ruff",
    "bandit",
    "gitleaks",
    "zizmor",
    "ast-grep",
    "oxlint",
    "shellcheck",
    "hadolint",
    "squawk",
    "builtin",
)
TRIGGERS: Final = ("opened", "synchronize", "reopened", "ready_for_review", "labeled", "command")
PERMISSIONS: Final = ("write", "maintain", "admin")
PROVIDER_KEYS: Final = tuple(
    f"providers.{place}{name.replace('_', '-')}" for place in ("", "private.") for name in r.PROVIDER_KEYS
)


def _replace(_old: Any, new: Any) -> Any:
    return new


@dataclass(frozen=True, slots=True)
class Key:
    """One key: the Policy field it fills ("paths.include" is a nested one) and its rules.

    `read` turns TOML into the field's value or raises ValueError with what is allowed. `merge` puts the
    organisation's value over the default; `narrow(current, new, policy)` returns what a repository gets and, where
    it asked for more than that, why not. A `soft` key is a matter of taste: the shipped default does not bind a
    repository, only what the organisation states.
    """

    field: str
    read: Reader[Any]
    narrow: n.Narrower = n.forbidden
    merge: Merger = _replace
    repository_field: str = ""
    soft: bool = False


@r.described(r.TEXTS)
def _names_of_keys(value: object) -> tuple[str, ...]:
    """Read a list of keys ("review.style") and sections ("paths")."""
    names = tuple(name.replace("-", "_") for name in r.strings(value))
    for name in names:
        if name not in KEYS and name not in SECTIONS:
            raise ValueError(f"names {name[:80]!r}, which is no key and no section; {nearest(name)}")
    return names


def nearest(name: str) -> str:
    """Say which key is nearest to a name that is none."""
    known = (*KEYS, *PROVIDER_KEYS, *SECTIONS)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if not close:
        last = name.rpartition(".")[2]
        close = [key for key in known if key.rpartition(".")[2] == last][:1]
    if close:
        return f"did you mean `{close[0]}`?"
    nearest_one = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    return f"the nearest key is `{nearest_one}`; see docs/reference/policy.md"


def _enum(kind: type[StrEnum]) -> Reader[Any]:
    return r.one_of({item.value: item for item in kind})


_TIERS: Final = {tier.label: tier for tier in Tier}
_SEVERITIES: Final = {severity.label: severity for severity in Severity}
_GATES: Final = {**_SEVERITIES, "never": None}
_LIMIT_CONCLUSIONS: Final = {
    Conclusion.NEUTRAL.value: Conclusion.NEUTRAL,
    Conclusion.ACTION_REQUIRED.value: Conclusion.ACTION_REQUIRED,
}
_BOTS_ORDER: Final = (Bots.IGNORE, Bots.ANALYSERS, Bots.REVIEW)
_VERIFY_ORDER: Final = (Verify.NEVER, Verify.POLICY, Verify.ALWAYS)

KEYS: Final[Mapping[str, Key]] = {
    "strategy": Key("strategy", _enum(Strategy), n.strategy),
    "model": Key("model", r.model_name, n.model),
    "min_tier": Key("min_tier", r.one_of(_TIERS), n.at_least),
    "max_tier": Key("max_tier", r.one_of(_TIERS), n.at_most),
    "locked": Key("locked", _names_of_keys, n.forbidden, n.union),
    "review.style": Key("style", _enum(Style), n.free),
    "review.fail_on": Key("fail_on", r.one_of(_GATES), n.stricter_gate, soft=True),
    "review.verify": Key("verify", _enum(Verify), n.not_above(_VERIFY_ORDER)),
    "review.second_pass": Key("second_pass", r.boolean, n.only(value=False)),
    "review.lookups": Key("lookups", r.whole(0, 2), n.at_most),
    "review.metadata_blind": Key("metadata_blind", r.boolean, n.only(value=True)),
    "review.analysers": Key("analysers", r.subset(ANALYSERS), n.subset),
    "review.max_inline": Key("max_inline", r.whole(0, 100), n.at_most, soft=True),
    "review.min_severity": Key("min_severity", r.one_of(_SEVERITIES), n.free),
    "review.converge": Key("converge", r.boolean, n.free),
    "review.intent": Key("intent", r.boolean, n.free),
    "triggers.on": Key("triggers", r.subset(TRIGGERS), n.subset),
    "triggers.drafts": Key("review_drafts", r.boolean, n.only(value=False), soft=True),
    "triggers.forks": Key("review_forks", r.boolean, n.only(value=False)),
    "triggers.bots": Key("bots", _enum(Bots), n.not_above(_BOTS_ORDER), soft=True),
    "triggers.ignore_authors": Key("ignore_authors", r.strings, n.union, n.union),
    "triggers.skip_labels": Key("skip_labels", r.labels, n.union, n.union),
    "triggers.skip_titles": Key("skip_titles", r.title_patterns, n.union, n.union),
    "triggers.command_permission": Key("command_permission", r.word(PERMISSIONS), n.not_below(PERMISSIONS)),
    "triggers.max_reviews_per_hour": Key("max_reviews_per_hour", r.whole(1, 1000), n.at_most),
    # Counted over pull requests, before a repository's file is read: only the organisation sets them.
    "triggers.max_reviews_per_author_day": Key("max_reviews_per_author_day", r.whole(1, 10_000)),
    "triggers.max_reviews_per_repository_day": Key("max_reviews_per_repository_day", r.whole(1, 100_000)),
    "triggers.max_reviews_per_outsider_day": Key("max_reviews_per_outsider_day", r.whole(0, 10_000)),
    "triggers.max_outsider_reviews_per_repository_day": Key(
        "max_outsider_reviews_per_repository_day", r.whole(0, 100_000)
    ),
    "paths.include": Key("paths.include", r.globs, n.free, repository_field="paths.repository_include"),
    "paths.exclude": Key("paths.exclude", r.globs, n.union, n.union),
    "paths.always": Key("paths.always", r.globs, n.union, n.union),
    "paths.skip_generated": Key("paths.skip_generated", r.boolean, n.only(value=True), soft=True),
    "paths.skip_vendored": Key("paths.skip_vendored", r.boolean, n.only(value=True), soft=True),
    "paths.skip_lock_files": Key("paths.skip_lock_files", r.boolean, n.only(value=True), soft=True),
    "paths.skip_snapshots": Key("paths.skip_snapshots", r.boolean, n.only(value=True), soft=True),
    "paths.skip_minified": Key("paths.skip_minified", r.boolean, n.only(value=True), soft=True),
    "sensitive.threshold": Key("sensitivity_threshold", r.share, n.at_most),
    "sensitive.tier": Key("sensitive_tier", r.one_of(_TIERS), n.at_least),
    "sensitive.paths": Key("sensitive.paths", r.globs, n.union, n.union),
    "sensitive.words": Key("sensitive.words", r.short_words, n.union, n.union),
    # An expression can be made to run for ever, so only the organisation may write one.
    "sensitive.patterns": Key("sensitive.patterns", r.patterns, merge=n.union),
    "sensitive.disable": Key("sensitive.disabled", r.rule_names, merge=n.union),
    "sensitive.learned": Key("sensitive.learned", r.boolean),
    "routing.paths": Key("path_strategies", r.strategies(r.glob), n.path_strategies, n.override),
    "routing.labels": Key("label_strategies", r.strategies(r.label), n.label_strategies, n.override),
    "caps.context_tokens": Key("context_tokens", r.whole(0, 200_000), n.at_most),
    "caps.unit_tokens": Key("unit_tokens", r.whole(500, 200_000), n.at_most),
    "caps.max_output_tokens": Key("max_output_tokens", r.whole(256, 64_000), n.at_most),
    "caps.max_units": Key("max_units", r.whole(1, 2000), n.at_most),
    "caps.max_calls_per_unit": Key("max_calls_per_unit", r.whole(1, 10), n.at_most),
    "caps.max_escalations": Key("max_escalations", r.whole(0, 1000), n.at_most),
    "caps.concurrency": Key("concurrency", r.whole(1, 64), n.at_most),
    "caps.max_seconds": Key("max_seconds", r.whole(1, 86_400), n.at_most),
    "money.at_limit": Key("at_limit", _enum(AtLimit), n.free),
    "money.limit_conclusion": Key("limit_conclusion", r.one_of(_LIMIT_CONCLUSIONS), n.stricter_conclusion),
    "money.unknown_price": Key("unknown_price", r.word(("refuse", "allow")), n.not_below(("allow", "refuse"))),
    "limits": Key("limits", r.limits, n.limits, merge=in_place_of_shipped),
    "checks": Key("checks", r.checks, statements.added, statements.together),
    "providers": Key("providers", r.provider_rules, n.provider_rules),
}

SECTIONS: Final[frozenset[str]] = frozenset(name.partition(".")[0] for name in KEYS if "." in name)
