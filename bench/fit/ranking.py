"""Fit the weights of reviewer/findings/weights.json on judged findings: the worth of one, the likeness of two.

`python -m bench.fit.ranking` rewrites the file. Logistic regression with a ridge, every pull request weighing the
same; a weight whose sign contradicts what it stands for (agreement that lowers worth) is set to nothing, because
twelve pull requests are few. Plain Newton steps in Python: nothing to install.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.fit.kept_out import is_kept_out
from policies.words import Severity
from reviewer.findings import rank, similarity
from reviewer.findings.model import Category

WEIGHTS = Path(similarity.__file__).with_name(similarity.WEIGHTS_FILE)
RIDGE = 1.0
RIDGE_PAIRS = 0.33
STEPS = 30
NOT_NEGATIVE = frozenset(
    {
        *("confidence", "agreed", "severity", "security", "evidence"),
        *("same_path", "same_line", "near", "title", "body", "title_in_body", "names", "near_and_words"),
    }
)
NOT_POSITIVE = frozenset({"maintainability", "far"})

Row = tuple[float, ...]


def load() -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Return the judged findings by pull request, those of repositories that are kept out left out."""
    folder = Path(os.environ.get("KILO_REVIEW_SHARED", Path(__file__).parents[3] / "shared"))
    by_pull: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    with gzip.open(folder / "data" / "findings-dev.jsonl.gz", "rt", encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            if not is_kept_out(row["repo"]):
                by_pull[row["repo"], row["pr"]].append(row)
    return dict(sorted(by_pull.items()))


def said(row: dict[str, Any]) -> similarity.Statement:
    return similarity.Statement(row["path"], row["line"], row["title"], row["body"], row["category"])


def pair_rows(rows: Sequence[dict[str, Any]]) -> tuple[list[Row], list[float]]:
    """Return the features of every pair of findings in one pull request, and whether they are one issue."""
    likeness = similarity.Similarity([said(row) for row in rows], weights={})
    inputs, targets = [], []
    for first, second in itertools.combinations(rows, 2):
        values = likeness.features(said(first), said(second))
        inputs.append(tuple(values[name] for name in similarity.FEATURES))
        targets.append(float(first["issue"] == second["issue"]))
    return inputs, targets


def worth_rows(rows: Sequence[dict[str, Any]]) -> tuple[list[Row], list[float]]:
    """Return the features of every finding of a pull request and its worth: half for each of the two judgements."""
    voices = Counter()
    for _issue, _saw in {(row["issue"], row["saw"]) for row in rows}:
        voices[_issue] += 1
    inputs = [
        tuple(
            rank.features(
                row["confidence"],
                agreed=voices[row["issue"]],
                severity=Severity.parse(row["severity"]),
                category=Category(row["category"]),
                evidence=row["used_context"] is True,
            ).values()
        )
        for row in rows
    ]
    return inputs, [(row["worth_acting"] + (row["golden"] is not None)) / 2 for row in rows]


def fit(
    names: Sequence[str], parts: Iterable[tuple[list[Row], list[float]]], *, ridge: float, even: bool
) -> dict[str, float]:
    """Return weights by name. `even` gives every part (pull request) the same say."""
    parts = list(parts)
    total = sum(len(inputs) for inputs, _ in parts)
    inputs = [row for rows, _ in parts for row in rows]
    targets = [target for _, found in parts for target in found]
    shares = [total / len(parts) / len(rows) if even else 1.0 for rows, _ in parts for _ in rows]
    free = list(range(len(names)))
    while True:
        columns = [tuple(row[index] for index in free) for row in inputs]
        found = _newton(columns, targets, shares, [0.0 if names[index] == "bias" else ridge for index in free])
        wrong = [
            index
            for index, weight in zip(free, found, strict=True)
            if (names[index] in NOT_NEGATIVE and weight < 0) or (names[index] in NOT_POSITIVE and weight > 0)
        ]
        if not wrong:
            weights = dict(zip(free, found, strict=True))
            return {name: round(weights.get(index, 0.0), 4) for index, name in enumerate(names)}
        free = [index for index in free if index not in wrong]


def _newton(
    rows: Sequence[Row], targets: Sequence[float], shares: Sequence[float], ridge: Sequence[float]
) -> list[float]:
    size = len(ridge)
    weights = [0.0] * size
    for _ in range(STEPS):
        gradient = [penalty * weight for penalty, weight in zip(ridge, weights, strict=True)]
        curve = [[penalty if row == column else 0.0 for column in range(size)] for row, penalty in enumerate(ridge)]
        for row, target, share in zip(rows, targets, shares, strict=True):
            reach = max(-30.0, min(30.0, sum(map(float.__mul__, weights, row))))
            chance = 1 / (1 + math.exp(-reach))
            pull, bend = share * (chance - target), share * chance * (1 - chance)
            for first in range(size):
                value = row[first]
                if value:
                    gradient[first] += pull * value
                    line, scaled = curve[first], bend * value
                    for second in range(first, size):
                        line[second] += scaled * row[second]
        for first in range(size):
            curve[first][first] += 1e-9
            for second in range(first):
                curve[first][second] = curve[second][first]
        step = _solve(curve, gradient)
        weights = [weight - change for weight, change in zip(weights, step, strict=True)]
        if max(map(abs, step)) < 1e-6:
            break
    return weights


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve a symmetric positive system by elimination."""
    size = len(right)
    rows = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    for pivot in range(size):
        best = max(range(pivot, size), key=lambda index: abs(rows[index][pivot]))
        rows[pivot], rows[best] = rows[best], rows[pivot]
        for index in range(pivot + 1, size):
            ratio = rows[index][pivot] / rows[pivot][pivot]
            if ratio:
                rows[index] = [value - ratio * top for value, top in zip(rows[index], rows[pivot], strict=True)]
    result = [0.0] * size
    for index in reversed(range(size)):
        known = sum(rows[index][other] * result[other] for other in range(index + 1, size))
        result[index] = (rows[index][size] - known) / rows[index][index]
    return result


def fit_worth(pulls: Iterable[Sequence[dict[str, Any]]]) -> dict[str, float]:
    return fit(rank.FEATURES, map(worth_rows, pulls), ridge=RIDGE, even=True)


def fit_pairs(pulls: Iterable[Sequence[dict[str, Any]]]) -> dict[str, float]:
    return fit(similarity.FEATURES, map(pair_rows, pulls), ridge=RIDGE_PAIRS, even=False)


def run() -> dict[str, object]:
    """Fit on every pull request and write the file that the reviewer reads."""
    pulls = load()
    weights = {"worth": fit_worth(pulls.values()), "same_issue": fit_pairs(pulls.values())}
    WEIGHTS.write_text(json.dumps(weights, indent=2) + "\n", encoding="utf-8")
    return {"pull_requests": len(pulls), "findings": sum(map(len, pulls.values())), **weights}


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
