"""How likely a unit is security-sensitive, and why: rules with reasons, and a small learned model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from policies.features import Features, features
from policies.identifiers import bounded, count
from policies.learned import Model, shipped
from policies.rules import (
    ChangedPart,
    Hit,
    SensitiveRules,
    builtin_rules,
    builtin_words,
    ending_of,
    foreign_rules,
    hits,
)

__all__ = ["ChangedPart", "Sensitivity", "assess", "likelihood"]

MAX_REASONS: Final = 5
MAX_LEARNED_REASONS: Final = 4
# A unit without code has no words for the model; a rule can still find something in it.
WITHOUT_CODE: Final = 0.01
LIKELIHOOD_LINES: Final = 40
# The threshold is policy's for a unit of this many changed characters, about 300 tokens. What a unit costs at the
# frontier grows with its size and what may be in it does not, so a smaller unit needs less doubt and a larger more.
USUAL_SIZE: Final = 1000
SMALLEST_SIZE: Final = 300
SMALLEST_THRESHOLD: Final = 1e-6
# Share of the positive weight below which a feature is not worth telling.
TELLING_SHARE: Final = 0.03


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """`probability` is calibrated, 0 to 1; `reasons` are the rules that hit, then what the model weighed most.

    `threshold` is the one that held for a unit of this size.
    """

    probability: float
    sensitive: bool
    reasons: tuple[str, ...]
    threshold: float = 0.5


def assess(
    parts: Sequence[ChangedPart], rules: SensitiveRules, *, threshold: float, model: Model | None = None
) -> Sensitivity:
    """Judge the changed parts of one unit; pure, a few milliseconds.

    `threshold` is the probability from which a unit of USUAL_SIZE counts as sensitive. `model` is for measuring one
    that is not shipped. A rule that is sensitive by itself makes the probability 1.
    """
    found = hits(parts, rules)
    # Another rule may hit the line that holds a secret, so no line of its file is shown.
    hidden = {hit.path for hit in found if hit.rule.secret}
    forced = tuple(_sentence(hit, shown=hit.path not in hidden) for hit in found)
    if not rules.learned:
        return Sensitivity(1.0 if forced else 0.0, bool(forced), forced[:MAX_REASONS], threshold)
    seen = features(parts)
    if not seen.code:
        return Sensitivity(1.0 if forced else WITHOUT_CODE, bool(forced), forced[:MAX_REASONS], threshold)
    used = model or shipped()
    threshold = threshold_for(threshold, parts, used.size_weight)
    probability = used.probability(used.score(seen))
    sensitive = bool(forced) or probability >= threshold
    reasons = forced
    if probability >= threshold:
        scored = f"the sensitivity model says {probability:.2f} (threshold {threshold:.2f})"
        reasons = (*forced, scored, *_explain(used.contributions(seen), seen, parts))
    return Sensitivity(1.0 if forced else probability, sensitive, reasons[: MAX_REASONS + len(forced)], threshold)


def threshold_for(threshold: float, parts: Sequence[ChangedPart], weight: float) -> float:
    """Return the threshold for a unit of this size: policy's, moved by `weight` log-odds for each factor e."""
    if threshold in (0.0, 1.0):
        return threshold
    size = sum(len(line) + 1 for part in parts for line in (*part.added, *part.removed))
    own = min(max(threshold, SMALLEST_THRESHOLD), 1.0 - SMALLEST_THRESHOLD)
    odds = math.log(own / (1.0 - own)) + weight * math.log(max(size, SMALLEST_SIZE) / USUAL_SIZE)
    return 1.0 / (1.0 + math.exp(-odds))


def likelihood(parts: Sequence[ChangedPart], rules: SensitiveRules) -> float:
    """Estimate the probability of `assess` from the first LIKELIHOOD_LINES lines a side, without reasons.

    For ordering and grouping thousands of hunks; what decides a unit's tier is `assess`, which reads everything.
    """
    read = tuple(
        ChangedPart(part.path, part.added[:LIKELIHOOD_LINES], part.removed[:LIKELIHOOD_LINES]) for part in parts
    )
    if hits(read, rules):
        return 1.0
    if not rules.learned:
        return 0.0
    seen = features(read)
    return shipped().probability(shipped().score(seen)) if seen.code else WITHOUT_CODE


def _sentence(hit: Hit, *, shown: bool) -> str:
    # A reason is published, so it must not carry the secret that it is about.
    line = f": {hit.line[:60]}" if shown and hit.line else ""
    return f"{hit.rule.reason} ({hit.path}{line})"


_STRUCTURE: Final = {
    "if": "conditions",
    "refuse": "refusals (raise, throw, early return)",
    "compare": "size comparisons",
    "nothing": "null checks",
    "equal": "equality checks",
    "and-or": "combined conditions",
    "number": "numeric limits",
    "dots": "parent-folder paths",
    "pattern": "regular expressions",
    "control": "control characters",
    "index": "indexing",
    "arithmetic": "arithmetic",
    "loop": "loops",
    "define": "what functions there are",
    "cast": "conversions of numbers",
    "pointer": "pointers",
}


# Words of every language: they may carry weight, but they explain nothing.
_COMMON_WORDS: Final = (
    "if else elif end for while do in is not and or true false none null nil self this new return int str "
    "string bool void def fn func function class const let var static final public private protected "
    "import from as with try catch except finally throw raise case switch break continue get set add org "
    "com net java javax util lang apache php std type name value data key id obj object args the to of on "
    "by it be "
)
_COMMON: Final = frozenset(_COMMON_WORDS.split())


def _explain(
    contributions: Mapping[str, float], seen_features: Features, parts: Sequence[ChangedPart]
) -> tuple[str, ...]:
    """Say what weighed most, similar features added up, in plain words; what is not there is not told."""
    themes: dict[str, float] = {}
    for name, weight in contributions.items():
        theme = _theme(name)
        if theme and (name in seen_features.words or name in seen_features.numbers):
            themes[theme] = themes.get(theme, 0.0) + weight
    positive = sum(weight for weight in themes.values() if weight > 0)
    ordered = sorted(themes.items(), key=lambda pair: (-pair[1], pair[0]))
    telling = [theme for theme, weight in ordered if weight > TELLING_SHARE * positive]
    seen = _words_by_rule(parts)
    told = []
    for theme in telling:
        kind, _, name = theme.partition(" ")
        if kind != "rule":
            told.append(theme)
        elif name in seen:
            told.append(f"{_reasons()[name]} (`{seen[name]}`)")
        if len(told) == MAX_LEARNED_REASONS:
            break
    return tuple(told)


@cache
def _reasons() -> dict[str, str]:
    return {rule.name: rule.reason for rule in builtin_rules().rules}


@lru_cache(maxsize=16_384)
def _theme(name: str) -> str:
    if name.startswith("rule "):
        return f"rule {name.split()[1]}"
    if name.startswith("/"):
        return "" if name[1:] in _COMMON or name[1] == "." else f"the path says `{name[1:]}`"
    if name[0] in "+-><=":
        return "" if name[1:] in _COMMON else f"changes `{name[1:]}`"
    kind = name.partition(" ")[0]
    return f"changes {_STRUCTURE[kind]}" if kind in _STRUCTURE else ""


def _words_by_rule(parts: Sequence[ChangedPart]) -> dict[str, str]:
    """Return for each rule the first identifier, or word of a path, that has one of its words."""
    lookup = builtin_words()
    first: dict[str, str] = {}
    for part in parts:
        foreign = foreign_rules(ending_of(part.path))
        for identifier in count("\n".join((bounded(part.added), bounded(part.removed), part.path))):
            for name in lookup.of_identifier(identifier) - foreign:
                first.setdefault(name, identifier[:40])
    return first
