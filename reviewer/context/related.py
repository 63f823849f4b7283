"""Related files: what else should have changed, from shared names, history and paths, weighed together."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from reviewer.context.change_text import ChangeText
from reviewer.context.evidence import Evidence, evidence_of
from reviewer.git.snapshot import Match, Snapshot
from reviewer.syntax.test_paths import is_test_path

# A logistic choice among the candidates, fitted by bench/fit/related.py; docs/explanation/context.md has what it
# finds in repositories that were held out.
WEIGHTS_FILE: Final = "related_weights.json"


@dataclass(frozen=True, slots=True)
class Related:
    """A file that may have to change too; `score` is its share, among all candidates, of the belief."""

    path: str
    score: float
    reason: str


def related_files(
    paths: Sequence[str],
    text: ChangeText,
    matches: Mapping[str, Sequence[Match]],
    head: Snapshot,
    history: Snapshot,
    *,
    limit: int = 20,
) -> list[Related]:
    """Rank the files that the change does not touch by how likely they should have been touched with it.

    `matches` says where each name of the changed lines, and each stem of a changed file, occurs. `history` is the
    snapshot whose past is asked (the base: the head's own commits would give the answer away).
    """
    evidence = evidence_of(frozenset(paths), text, matches, head.entries(), history)
    scored = {path: _strength(found) for path, found in evidence.candidates().items()}
    best = sorted(scored, key=lambda path: (-scored[path], path))
    top = scored[best[0]] if best else 0.0
    whole = sum(math.exp(value - top) for value in scored.values())
    return [Related(path, math.exp(scored[path] - top) / whole, _reason(path, evidence)) for path in best[:limit]]


def candidate_features(
    paths: Sequence[str],
    text: ChangeText,
    matches: Mapping[str, Sequence[Match]],
    head: Snapshot,
    history: Snapshot,
) -> dict[str, dict[str, float]]:
    """Return, by path, the features of every file that `related_files` would weigh, for fitting."""
    return evidence_of(frozenset(paths), text, matches, head.entries(), history).candidates()


def _strength(features: Mapping[str, float]) -> float:
    weights = load_weights()
    return sum(weights[name] * value for name, value in features.items())


@cache
def load_weights() -> Mapping[str, float]:
    """Return the fitted weights by feature; see bench/fit/related.py for how they were fitted."""
    text = resources.files(__package__).joinpath(WEIGHTS_FILE).read_text("utf-8")
    return {str(name): float(weight) for name, weight in json.loads(text).items()}


def _reason(path: str, evidence: Evidence) -> str:
    names, given = evidence.names, evidence.past.given.get(path, 0.0)
    reasons = []
    if given > 0.05:
        reasons.append(f"changed with these files in {given:.0%} of their past commits")
    if path in names.defines:
        reasons.append("defines names that the change uses")
    elif path in names.uses:
        reasons.append("uses names that the changed files define")
    elif path in names.words:
        reasons.append("shares names with the change")
    if evidence.path.get(path, 0.0) >= 2:
        reasons.append("test of a changed file" if is_test_path(path) else "same subject by its name")
    return ", ".join(reasons) or "near the changed files"
