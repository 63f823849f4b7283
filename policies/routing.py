"""Which tier a unit starts at, with every reason in plain words.

Documentation starts at FREE, sensitive code at FRONTIER, tests and the rest at EFFICIENT; people can say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies.globs import matching
from policies.paths import is_documentation, is_test
from policies.policy import Policy
from policies.rules import ChangedPart
from policies.sensitivity import Sensitivity, assess
from policies.words import Severity, Strategy, Tier

# Evidence of this severity in a routine unit raises its tier.
EVIDENCE_RAISES_FROM: Final = Severity.HIGH


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of a unit before any model is asked.

    `evidence_severity` is the worst analyser finding inside the unit; `command_strategy` comes from a command of
    a person whose permission was checked.
    """

    paths: tuple[str, ...]
    sensitivity: Sensitivity
    documentation_only: bool = False
    tests_only: bool = False
    labels: tuple[str, ...] = ()
    command_strategy: Strategy | None = None
    evidence_severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The tier to start at, why, and whether title, body and commit messages stay out of the prompt."""

    tier: Tier
    reasons: tuple[str, ...]
    metadata_blind: bool


def signals_for(
    parts: Sequence[ChangedPart],
    policy: Policy,
    *,
    labels: Sequence[str] = (),
    command_strategy: Strategy | None = None,
    evidence_severity: Severity | None = None,
    attributes_of: Callable[[str], Mapping[str, str]] | None = None,
) -> Signals:
    """Gather the signals of a unit from its changed parts; `attributes_of` gives a path's `.gitattributes`."""
    paths = tuple(dict.fromkeys(part.path for part in parts))
    return Signals(
        paths=paths,
        sensitivity=assess(parts, policy.sensitive, threshold=policy.sensitivity_threshold),
        documentation_only=bool(paths)
        and all(is_documentation(path, attributes_of(path) if attributes_of else None) for path in paths),
        tests_only=bool(paths) and all(is_test(path) for path in paths),
        labels=tuple(labels),
        command_strategy=command_strategy,
        evidence_severity=evidence_severity,
    )


def route(signals: Signals, policy: Policy) -> Decision:
    """Choose the tier that a unit starts at.

    A command goes before a label, a label before a path, a path before the policy's strategy. Under `auto` a label
    or a path never takes a sensitive unit below the policy's tier for those; a strategy that the policy or a
    command fixes does, and says so. `min_tier` and `max_tier` hold against everybody.
    """
    strategy, source = _strategy(signals, policy)
    sensitive = signals.sensitivity.sensitive
    by_kind, reasons = _by_kind(signals, policy)
    if strategy is Strategy.AUTO:
        tier = by_kind
        if source:
            reasons = [source, *reasons]
    else:
        tier = Tier[strategy.name]
        keeps = sensitive and policy.strategy is Strategy.AUTO and signals.command_strategy is None
        if keeps and tier < policy.sensitive_tier:
            why = f"{source}, but the unit is security-sensitive, so it keeps {policy.sensitive_tier.label}"
            tier, reasons = policy.sensitive_tier, [why, *signals.sensitivity.reasons]
        elif sensitive and tier < policy.sensitive_tier:
            reasons = [f"{source}, although the unit looks security-sensitive", *signals.sensitivity.reasons]
        else:
            reasons = [source, *(signals.sensitivity.reasons if sensitive else ())]
    bounded, bound = _bounded(tier, policy)
    return Decision(
        tier=bounded,
        reasons=tuple(filter(None, (*reasons, bound))),
        metadata_blind=policy.metadata_blind and sensitive,
    )


def evidence_matters(signals: Signals, policy: Policy) -> bool:
    """Return True where an analyser's finding would raise the tier: then the route waits for the analysers."""
    raised = replace(signals, evidence_severity=EVIDENCE_RAISES_FROM)
    return route(raised, policy).tier > route(signals, policy).tier


def _strategy(signals: Signals, policy: Policy) -> tuple[Strategy, str]:
    """Return the strategy in force and who asked for it ("" for the policy's own `auto`)."""
    if signals.command_strategy is not None:
        return signals.command_strategy, f"the command asks for {signals.command_strategy.value}"
    named = {label.casefold(): chosen for label, chosen in policy.label_strategies}
    asked = [(named[label.casefold()], label) for label in signals.labels if label.casefold() in named]
    if asked:
        chosen, label = max(asked, key=lambda pair: _height(pair[0]))
        return chosen, f"label {label} asks for {chosen.value}"
    by_path = {_path_strategy(path, policy) for path in signals.paths}
    found = [pair for pair in by_path if pair is not None]
    if found and len(found) == len(by_path):
        chosen, glob = max(found, key=lambda pair: (_height(pair[0]), pair[1]))
        return chosen, f"path rule {glob} asks for {chosen.value}"
    if found:
        # Some files of the unit have no rule: a rule may raise the whole unit, not lower what it does not name.
        chosen, glob = max(found, key=lambda pair: (_height(pair[0]), pair[1]))
        if chosen is not Strategy.AUTO and Tier[chosen.name] > Tier.EFFICIENT and policy.strategy is Strategy.AUTO:
            return chosen, f"path rule {glob} asks for {chosen.value}"
    fixed = policy.strategy is not Strategy.AUTO
    return policy.strategy, f"the policy's strategy is {policy.strategy.value}" if fixed else ""


def _path_strategy(path: str, policy: Policy) -> tuple[Strategy, str] | None:
    for glob, chosen in reversed(policy.path_strategies):
        if matching(path, (glob,)) is not None:
            return chosen, glob
    return None


def _height(strategy: Strategy) -> int:
    return -1 if strategy is Strategy.AUTO else int(Tier[strategy.name])


def _by_kind(signals: Signals, policy: Policy) -> tuple[Tier, list[str]]:
    if signals.sensitivity.sensitive:
        return policy.sensitive_tier, ["security-sensitive", *signals.sensitivity.reasons]
    if signals.evidence_severity is not None and signals.evidence_severity >= EVIDENCE_RAISES_FROM:
        word = signals.evidence_severity.label
        return Tier.BALANCED, [f"an analyser reports {word} severity here, to be confirmed or refuted"]
    if signals.documentation_only:
        return Tier.FREE, ["documentation only"]
    if signals.tests_only:
        return Tier.EFFICIENT, ["tests only"]
    return Tier.EFFICIENT, [
        f"routine change: sensitivity {signals.sensitivity.probability:.2f} "
        f"is below the threshold {signals.sensitivity.threshold:.2f} for a unit of this size"
    ]


def _bounded(tier: Tier, policy: Policy) -> tuple[Tier, str]:
    if tier > policy.max_tier:
        return policy.max_tier, f"the policy allows at most {policy.max_tier.label}"
    if tier < policy.min_tier:
        return policy.min_tier, f"the policy asks for at least {policy.min_tier.label}"
    return tier, ""
