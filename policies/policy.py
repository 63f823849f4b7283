"""Policy: the record of every decision that people make for the program; `policies/load.py` reads it from files."""

from __future__ import annotations

from dataclasses import dataclass

from policies.budgets import Limit
from policies.paths import PathRules
from policies.providers import ProviderRules
from policies.rules import SensitiveRules
from policies.statements import PlainCheck
from policies.words import AtLimit, Bots, Conclusion, Severity, Strategy, Style, Tier, Verify


@dataclass(frozen=True, slots=True)
class Policy:
    """Every decision that people make for the program. `load_policy()` gives the defaults.

    `model` is "" where the strategy chooses, else one model by its name. `min_tier` and `max_tier` bound every
    route, also for a command. `path_strategies` are (glob, strategy), the last match wins; `label_strategies` are
    (label, strategy), the dearest wins. Token figures are per call. `fail_on` is None where no finding fails the
    check. `min_severity` is the least that stands beside a
    line. `triggers` are the pull request actions that start a review; `skip_labels` and `skip_titles` (texts with
    `*`) say which pull requests are reviewed by command only. `stated` are the keys that the organisation
    set itself; `notices` say what of a repository's file was ignored or refused, with its line, for the reader.
    """

    strategy: Strategy
    model: str
    min_tier: Tier
    max_tier: Tier
    style: Style
    fail_on: Severity | None
    at_limit: AtLimit
    limit_conclusion: Conclusion
    verify: Verify
    second_pass: bool
    lookups: int
    metadata_blind: bool
    analysers: tuple[str, ...]
    max_inline: int
    min_severity: Severity
    converge: bool
    intent: bool

    triggers: tuple[str, ...]
    review_drafts: bool
    review_forks: bool
    bots: Bots
    ignore_authors: tuple[str, ...]
    skip_labels: tuple[str, ...]
    skip_titles: tuple[str, ...]
    command_permission: str
    max_reviews_per_hour: int
    max_reviews_per_author_day: int
    max_reviews_per_repository_day: int
    max_reviews_per_outsider_day: int
    max_outsider_reviews_per_repository_day: int

    paths: PathRules
    sensitive: SensitiveRules
    sensitivity_threshold: float
    sensitive_tier: Tier
    path_strategies: tuple[tuple[str, Strategy], ...]
    label_strategies: tuple[tuple[str, Strategy], ...]

    context_tokens: int
    unit_tokens: int
    max_output_tokens: int
    max_units: int
    max_calls_per_unit: int
    max_escalations: int
    concurrency: int
    max_seconds: int

    providers: ProviderRules
    limits: tuple[Limit, ...]
    checks: tuple[PlainCheck, ...]
    unknown_price: str
    locked: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
