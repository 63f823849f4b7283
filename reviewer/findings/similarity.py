"""The chance that two findings say the same thing, from their places and words."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

WEIGHTS_FILE: Final = "weights.json"

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|\d+")
_HUMP: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CODE: Final = re.compile(r"[a-z][A-Z]|_|[A-Z]{2}|\w\(")
_NAME: Final = re.compile(r"[A-Za-z_][\w.]*\(?")
_COMMON: Final = frozenset(
    {
        *(
            "a",
            "an",
            "the",
            "is",
            "are",
            "was",
            "be",
            "been",
            "it",
            "its",
            "this",
            "that",
            "these",
            "those",
            "to",
            "of",
        ),
        *(
            "in",
            "on",
            "at",
            "by",
            "for",
            "with",
            "from",
            "as",
            "and",
            "or",
            "not",
            "no",
            "so",
            "if",
            "when",
            "then",
        ),
        *("which", "while", "than", "but", "can", "will", "would", "should", "may", "now", "new", "only", "also"),
        *("does", "do", "has", "have", "any", "all", "every", "each", "code", "change", "call", "use", "used"),
    }
)
FEATURES: Final = (
    "bias",
    "same_path",
    "same_line",
    "near",
    "far",
    "title",
    "body",
    "title_in_body",
    "names",
    "same_category",
    "near_and_words",
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What is compared of a finding, whether it is ours of this run or one that a pull request already shows."""

    path: str
    line: int
    title: str
    body: str
    category: str = ""


@dataclass(frozen=True, slots=True)
class _Words:
    title: Mapping[str, float]
    body: Mapping[str, float]
    names: frozenset[str]
    title_norm: float
    body_norm: float


class Similarity:
    """Compares findings of one batch; words that are rare in it weigh more, so one instance serves one batch."""

    def __init__(self, batch: Sequence[Statement], *, weights: Mapping[str, float] | None = None) -> None:
        self._weights = weights if weights is not None else load_weights()["same_issue"]
        counts: Counter[str] = Counter()
        for said in batch:
            counts.update(set(stems(f"{said.title} {said.body}")))
        self._rarity = {stem: math.log(1 + len(batch) / count) for stem, count in counts.items()}
        self._known: dict[Statement, _Words] = {}

    def chance(self, first: Statement, second: Statement) -> float:
        """Return the chance, 0 to 1, that both say the same."""
        features = self.features(first, second)
        return 1 / (1 + math.exp(-sum(self._weights[name] * value for name, value in features.items())))

    def features(self, first: Statement, second: Statement) -> dict[str, float]:
        """Return the value of every feature by its name."""
        left, right = self._words(first), self._words(second)
        same_path = first.path == second.path
        distance = abs(first.line - second.line)
        near = math.exp(-distance / 8) if same_path else 0.0
        title = _cosine(left.title, right.title, left.title_norm * right.title_norm)
        body = _cosine(left.body, right.body, left.body_norm * right.body_norm)
        crossed = max(
            _cosine(left.title, right.body, left.title_norm * right.body_norm),
            _cosine(right.title, left.body, right.title_norm * left.body_norm),
        )
        either = left.names | right.names
        return {
            "bias": 1.0,
            "same_path": float(same_path),
            "same_line": float(same_path and distance == 0),
            "near": near,
            "far": math.log1p(distance) / 5 if same_path else 0.0,
            "title": title,
            "body": body,
            "title_in_body": crossed,
            "names": len(left.names & right.names) / len(either) if either else 0.0,
            "same_category": float(first.category == second.category),
            "near_and_words": near * max(title, body),
        }

    def _words(self, said: Statement) -> _Words:
        known = self._known.get(said)
        if known is None:
            names = frozenset(_names(f"{said.title} {said.body}"))
            title, body = self._vector(said.title), self._vector(said.body)
            known = _Words(title, body, names, math.hypot(*title.values()), math.hypot(*body.values()))
            self._known[said] = known
        return known

    def _vector(self, text: str) -> dict[str, float]:
        counts = Counter(stems(text))
        return {stem: (1 + math.log(count)) * self._rarity.get(stem, 1.0) for stem, count in counts.items()}


@cache
def load_weights() -> Mapping[str, Mapping[str, float]]:
    """Return the fitted weights by model; see bench/fit/ranking.py for how they were fitted."""
    found: Mapping[str, Mapping[str, float]] = json.loads(
        resources.files(__package__).joinpath(WEIGHTS_FILE).read_text("utf-8")
    )
    return found


def stems(text: str) -> list[str]:
    """Return the words of a text, names split at their humps, common words left out, endings taken off."""
    return [stem for word in _WORD.findall(text) for stem in _parts(word)]


@cache
def _parts(word: str) -> tuple[str, ...]:
    parts = [part.lower() for part in _HUMP.findall(word)]
    return tuple(_stem(part) for part in parts if len(part) > 1 and part not in _COMMON)


def _stem(word: str) -> str:
    for ending in ("ations", "ation", "ings", "ing", "edly", "ed", "es", "s", "ly", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def _names(text: str) -> Iterable[str]:
    """Return the names of code in a text: with a hump, an underscore, a dot or a call."""
    for name in _NAME.findall(text):
        if _CODE.search(name) or "." in name.strip("."):
            yield name.rstrip("(.").rpartition(".")[2].lower()


def _cosine(left: Mapping[str, float], right: Mapping[str, float], norms: float) -> float:
    shared = left.keys() & right.keys()
    return sum(left[stem] * right[stem] for stem in sorted(shared)) / norms if shared else 0.0
