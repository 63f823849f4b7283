"""The learned part of sensitivity: a linear model over named features, calibrated, able to say what it weighed.

Trained by `python -m bench.fit.sensitivity`; docs/explanation/sensitivity-model.md is its card.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

from policies.features import Features

FILE: Final = "defaults/sensitivity-model.json"
# A figure that lies further out than this many deviations counts as lying there: one odd file must not decide.
CLIP: Final = 4.0


@dataclass(frozen=True, slots=True)
class Model:
    """Weights by feature name: numbers as (mean, scale, weight), words as (idf, weight).

    Words are damped counts times idf, scaled to length one; numbers are standardised and clipped. The sum goes
    through a logistic calibration: probability = 1 / (1 + exp(-(slope * score + intercept))). `size_weight` is how
    far the threshold rises, in log-odds, for a unit e times as large.
    """

    numbers: Mapping[str, tuple[float, float, float]]
    words: Mapping[str, tuple[float, float]]
    bias: float
    slope: float
    intercept: float
    size_weight: float = 0.0
    zeros: float = field(init=False, default=0.0)
    _scaled: Mapping[str, tuple[float, float, float, float]] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        # What the figures add where every one of them is zero, which most are: only the others need be looked at.
        zeros = math.fsum(weight * _clip(-mean / scale) for mean, scale, weight in self.numbers.values())
        object.__setattr__(self, "zeros", zeros)
        scaled = {name: (*row, _clip(-row[0] / row[1])) for name, row in self.numbers.items()}
        object.__setattr__(self, "_scaled", scaled)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Model:
        """Build a model from the decoded weights file."""
        return cls(
            numbers={name: (row[0], row[1], row[2]) for name, row in data["numbers"].items()},
            words={name: (row[0], row[1]) for name, row in data["words"].items()},
            bias=data["bias"],
            slope=data["slope"],
            intercept=data["intercept"],
            size_weight=data.get("size_weight", 0.0),
        )

    def contributions(self, features: Features) -> dict[str, float]:
        """Return what each feature adds to the score, in log-odds before calibration."""
        parts: dict[str, float] = {}
        for name, (mean, scale, weight) in self.numbers.items():
            parts[name] = weight * _clip((features.numbers.get(name, 0.0) - mean) / scale)
        found = [
            (name, value * row[0], row[1])
            for name, value in features.words.items()
            if (row := self.words.get(name))
        ]
        length = math.sqrt(sum(value * value for _, value, _ in found))
        if length:
            for name, value, weight in found:
                parts[name] = weight * value / length
        return parts

    def score(self, features: Features) -> float:
        """Return the uncalibrated score: what `contributions` adds up to, without naming each."""
        total = self.bias + self.zeros
        for name, value in features.numbers.items():
            row = self._scaled.get(name)
            if row:
                mean, scale, weight, zero = row
                total += weight * (_clip((value - mean) / scale) - zero)
        length = 0.0
        text = 0.0
        for name, value in features.words.items():
            found = self.words.get(name)
            if found:
                scaled = value * found[0]
                length += scaled * scaled
                text += scaled * found[1]
        return total + (text / math.sqrt(length) if length else 0.0)

    def probability(self, score: float) -> float:
        """Calibrate a score to a probability, 0 to 1."""
        logit = max(-30.0, min(30.0, self.slope * score + self.intercept))
        return 1.0 / (1.0 + math.exp(-logit))


def _clip(deviation: float) -> float:
    return max(-CLIP, min(CLIP, deviation))


@cache
def shipped() -> Model:
    """Return the model that comes with the package."""
    text = resources.files("policies").joinpath(FILE).read_text(encoding="utf-8")
    return Model.from_json(json.loads(text))
