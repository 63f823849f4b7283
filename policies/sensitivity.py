"""How likely a unit is security-sensitive, and why: rules with reasons, and a small learned model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from policies.rules import ChangedPart, Hit, SensitiveRules, hits

__all__ = ["ChangedPart", "Sensitivity", "assess"]

MAX_REASONS: Final = 5


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """`probability` is calibrated, 0 to 1; `reasons` are the rules that hit, then what the model weighed most."""

    probability: float
    sensitive: bool
    reasons: tuple[str, ...]


def assess(parts: Sequence[ChangedPart], rules: SensitiveRules, *, threshold: float) -> Sensitivity:
    """Judge the changed parts of one unit. `threshold` is the probability from which it counts as sensitive."""
    found = hits(parts, rules)
    forced = [hit for hit in found if hit.rule.always]
    probability = 1.0 if forced else (0.5 if found else 0.05)
    reasons = tuple(_sentence(hit) for hit in (*forced, *(hit for hit in found if not hit.rule.always)))
    return Sensitivity(probability, bool(forced) or probability >= threshold, reasons[:MAX_REASONS])


def _sentence(hit: Hit) -> str:
    where = f" ({hit.path})" if not hit.line else f" ({hit.path}: {hit.line[:60]})"
    return f"{hit.rule.reason}{where}"
