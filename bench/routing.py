"""Sensitivity on repositories that the model has not seen: `python -m bench routing` (needs the `train` extra).

Every figure is from a model that was fitted and calibrated without the repository's commits, asked through the
product's own `assess`, rules included. Beside it, on the same folds: path keywords, size alone, TF-IDF.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence

from bench.train_sensitivity import Row, fit, groups, load
from policies.policy import load_policy
from policies.rules import builtin_rules
from policies.sensitivity import assess

ROUTINE_SHARE = 0.20
LABELS = ("security_fix", "vuln_intro")
PATH_KEYWORDS = (
    "auth",
    "login",
    "session",
    "crypt",
    "secur",
    "password",
    "token",
    "permission",
    "cookie",
    "ssl",
    "tls",
)
# Pairs of like size: at most this ratio between the changed lines of the two.
SIZE_RATIO = 1.15


def run() -> dict[str, object]:
    rows = load()
    threshold = load_policy().sensitivity_threshold
    group = groups(rows)
    by_model = [0.0] * len(rows)
    with_rules = [0.0] * len(rows)
    tfidf = [0.0] * len(rows)
    seconds: list[float] = []
    rules = builtin_rules()
    for fold in sorted(set(group.values())):
        train = [row for row in rows if group[row.repo] != fold]
        model = fit(train)
        baseline = _tfidf(train, [row for row in rows if group[row.repo] == fold])
        for index, row in enumerate(rows):
            if group[row.repo] != fold:
                continue
            started = time.process_time()
            with_rules[index] = assess(row.parts, rules, threshold=threshold, model=model).probability
            if _small(row):
                seconds.append(time.process_time() - started)
            by_model[index] = model.probability(model.score(row.features))
            tfidf[index] = next(baseline)
    cut = _cut(rows, with_rules)
    return {
        "commits": len(rows),
        "at_20_percent_of_routine": {
            "rules and model": _figures(rows, with_rules),
            "model alone": _figures(rows, by_model),
            "TF-IDF and logistic regression": _figures(rows, tfidf),
            "size alone": _figures(rows, [float(row.size) for row in rows]),
            "path keywords": _keywords(rows),
        },
        "size_matched_pairs": {label: _size_matched(rows, with_rules, label) for label in LABELS},
        "size_matched_pairs_tfidf": {label: _size_matched(rows, tfidf, label) for label in LABELS},
        "by_repository": _by_repository(rows, with_rules, cut),
        "by_kind_of_routine": _by_kind(rows, with_rules, cut),
        "threshold_at_20_percent": round(cut, 4),
        "shipped_threshold": {"threshold": threshold, **_at(rows, with_rules, threshold)},
        "calibration": _calibration(rows, by_model),
        "ms_per_unit": {
            "median": round(1000 * _quantile(seconds, 0.5), 2),
            "p95": round(1000 * _quantile(seconds, 0.95), 2),
            "units": len(seconds),
        },
    }


def _small(row: Row) -> bool:
    """Tell whether a commit is no larger than one unit of review, about 6,000 tokens of diff."""
    return sum(len(line) + 1 for part in row.parts for line in (*part.added, *part.removed)) <= 18_000


def _tfidf(train: Sequence[Row], test: Sequence[Row]) -> object:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(min_df=3, sublinear_tf=True, token_pattern=r"[A-Za-z_]\w+")
    model = LogisticRegression(C=10, class_weight="balanced", solver="liblinear")
    model.fit(vectorizer.fit_transform(map(_text, train)), [row.security for row in train])
    return iter(model.decision_function(vectorizer.transform(map(_text, test))))


def _text(row: Row) -> str:
    lines = [line for part in row.parts for line in (part.path, *part.added, *part.removed)]
    return "\n".join(lines)[:200_000]


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _cut(rows: Sequence[Row], scores: Sequence[float]) -> float:
    """Return the score above which ROUTINE_SHARE of routine commits lie."""
    routine = sorted((score for row, score in zip(rows, scores, strict=True) if not row.security), reverse=True)
    return routine[int(ROUTINE_SHARE * len(routine))]


def _at(rows: Sequence[Row], scores: Sequence[float], cut: float) -> dict[str, object]:
    found: dict[str, object] = {}
    for label in ("routine", *LABELS):
        chosen = [score for row, score in zip(rows, scores, strict=True) if row.label == label]
        found[label] = round(sum(score > cut for score in chosen) / len(chosen), 3)
    return found


def _figures(rows: Sequence[Row], scores: Sequence[float]) -> dict[str, object]:
    figures = _at(rows, scores, _cut(rows, scores))
    for label in LABELS:
        positive = [score for row, score in zip(rows, scores, strict=True) if row.label == label]
        negative = [score for row, score in zip(rows, scores, strict=True) if not row.security]
        figures[f"{label} AUC"] = round(_auc(positive, negative), 3)
        half = 1.96 * math.sqrt(float(str(figures[label])) * (1 - float(str(figures[label]))) / len(positive))
        figures[f"{label} 95% +-"] = round(half, 3)
    return figures


def _auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    better = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return better / (len(positive) * len(negative))


def _keywords(rows: Sequence[Row]) -> dict[str, object]:
    hit = [any(word in part.path.lower() for part in row.parts for word in PATH_KEYWORDS) for row in rows]
    return _at(rows, [float(value) for value in hit], 0.5)


def _size_matched(rows: Sequence[Row], scores: Sequence[float], label: str) -> dict[str, object]:
    """Share of pairs of like size (security, routine source) that are ordered rightly, averaged over commits."""
    routine = [
        (math.log(row.size + 1), score)
        for row, score in zip(rows, scores, strict=True)
        if not row.security and row.kind == "source"
    ]
    shares = []
    for row, score in zip(rows, scores, strict=True):
        if row.label != label:
            continue
        size = math.log(row.size + 1)
        peers = [other for other_size, other in routine if abs(other_size - size) <= math.log(SIZE_RATIO)]
        if peers:
            shares.append(sum((score > peer) + 0.5 * (score == peer) for peer in peers) / len(peers))
    return {"ordered_rightly": round(sum(shares) / len(shares), 3), "commits": len(shares)}


def _by_repository(rows: Sequence[Row], scores: Sequence[float], cut: float) -> dict[str, object]:
    table: dict[str, object] = {}
    for repo in sorted({row.repo for row in rows}):
        cells = {}
        for label in ("routine", *LABELS):
            chosen = [
                score for row, score in zip(rows, scores, strict=True) if (row.repo, row.label) == (repo, label)
            ]
            cells[label] = f"{sum(score > cut for score in chosen)}/{len(chosen)}"
        table[repo] = cells
    return table


def _by_kind(rows: Sequence[Row], scores: Sequence[float], cut: float) -> dict[str, object]:
    table: dict[str, object] = {}
    for kind in sorted({row.kind for row in rows}):
        chosen = [score for row, score in zip(rows, scores, strict=True) if row.kind == kind and not row.security]
        table[kind] = f"{sum(score > cut for score in chosen)}/{len(chosen)}"
    return table


def _calibration(rows: Sequence[Row], probabilities: Sequence[float]) -> dict[str, object]:
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(10)]
    for row, probability in zip(rows, probabilities, strict=True):
        bins[min(9, int(probability * 10))].append((probability, row.security))
    gap = sum(abs(sum(p for p, _ in entries) - sum(s for _, s in entries)) for entries in bins if entries) / len(
        rows
    )
    brier = sum((p - row.security) ** 2 for row, p in zip(rows, probabilities, strict=True)) / len(rows)
    return {
        "expected_calibration_error": round(gap, 3),
        "brier": round(brier, 3),
        "bins": {
            f"{index / 10:.1f}": f"{sum(s for _, s in entries)}/{len(entries)}"
            for index, entries in enumerate(bins)
            if entries
        },
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
