"""Sensitivity on repositories that the model has not seen: `python -m bench routing` (needs the `train` extra).

Rows of repositories that are kept out (`bench/data/not-for-training.txt`) are scored and never learned from.
With `--mirrors DIR` the mined commits are learned from and scored as well, as for the weights that ship.

`python -m bench routing --rows FILE` scores commits of your own, in the form of the development set (JSON lines,
gzipped or not), with the weights that ship; it needs no extra.

Every figure is from a model that was fitted and calibrated without the repository's commits, asked through the
product's own `assess`, rules included. Beside it, on the same folds: path keywords, size alone, TF-IDF.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.context_recall import mirrors_folder
from bench.fit.kept_out import is_kept_out
from bench.fit.sensitivity import DATA, ROUTINE_SHARE, Row, fit, groups, load, load_mined
from policies.learned import shipped as shipped_model
from policies.load import load_policy
from policies.rules import builtin_rules
from policies.sensitivity import assess
from reviewer.errors import ConfigurationError

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


def run(mirrors: Path | None = None) -> dict[str, object]:
    """Score every commit with a model that saw nothing of its repository; with mirrors the mined ones take part."""
    rows = load()
    own = len(rows)
    if mirrors is not None:
        rows += load_mined(mirrors)
    held = _held_out(rows)
    sets = {
        "development": [index for index in range(own) if not is_kept_out(rows[index].repo)],
        "kept_out": [index for index in range(own) if is_kept_out(rows[index].repo)],
        "mined": list(range(own, len(rows))),
    }
    return {
        name: _report([rows[index] for index in chosen], held.of(chosen)) for name, chosen in sets.items() if chosen
    }


@dataclass(frozen=True, slots=True)
class _Scores:
    """What each way of judging says of each row: higher is more sensitive. `seconds` are of rows like a unit."""

    by_model: Sequence[float]
    with_rules: Sequence[float]
    tfidf: Sequence[float]
    sensitive: Sequence[bool]
    seconds: Sequence[float]

    def of(self, chosen: Sequence[int]) -> _Scores:
        """Return the scores of some rows, by their place."""
        by_model, with_rules, tfidf = (
            [scores[index] for index in chosen] for scores in (self.by_model, self.with_rules, self.tfidf)
        )
        shipped_way = [self.sensitive[index] for index in chosen]
        return _Scores(by_model, with_rules, tfidf, shipped_way, self.seconds)


def _held_out(rows: Sequence[Row]) -> _Scores:
    threshold, rules, group = load_policy().sensitivity_threshold, builtin_rules(), groups(rows)
    by_model, with_rules, tfidf = ([0.0] * len(rows) for _ in range(3))
    sensitive = [False] * len(rows)
    seconds: list[float] = []
    for fold in sorted(set(group.values())):
        train = [row for row in rows if group[row.repo] != fold]
        model = fit(train)
        baseline = _tfidf(train, [row for row in rows if group[row.repo] == fold])
        for index, row in enumerate(rows):
            if group[row.repo] != fold:
                continue
            started = time.process_time()
            seen = assess(row.parts, rules, threshold=threshold, model=model)
            with_rules[index], sensitive[index] = seen.probability, seen.sensitive
            if _small(row):
                seconds.append(time.process_time() - started)
            by_model[index] = model.probability(model.score(row.features))
            tfidf[index] = next(baseline)
    return _Scores(by_model, with_rules, tfidf, sensitive, seconds)


def _report(rows: Sequence[Row], scores: _Scores) -> dict[str, object]:
    threshold, cut = load_policy().sensitivity_threshold, _cut(rows, scores.with_rules)
    labels = _labels(rows)
    return {
        "commits": len(rows),
        "at_20_percent_of_routine": {
            "rules and model": _figures(rows, scores.with_rules),
            "model alone": _figures(rows, scores.by_model),
            "TF-IDF and logistic regression": _figures(rows, scores.tfidf),
            "size alone": _figures(rows, [float(row.size) for row in rows]),
            "path keywords": _keywords(rows),
        },
        "size_matched_pairs": {label: _size_matched(rows, scores.with_rules, label) for label in labels},
        "size_matched_pairs_tfidf": {label: _size_matched(rows, scores.tfidf, label) for label in labels},
        "by_repository": _by_repository(rows, scores.with_rules, cut),
        "by_kind_of_routine": _by_kind(rows, scores.with_rules, cut),
        "threshold_at_20_percent": round(cut, 4),
        "shipped_threshold": {"threshold": threshold, **_escalated(rows, scores.sensitive)},
        "calibration": _calibration(rows, scores.by_model),
        "ms_per_unit": {
            "median": round(1000 * _quantile(scores.seconds, 0.5), 2),
            "p95": round(1000 * _quantile(scores.seconds, 0.95), 2),
            "units": len(scores.seconds),
        },
    }


def shipped(rows: Sequence[Row]) -> dict[str, object]:
    """Score rows with the weights that ship: held out where their repositories are not of the development set."""
    rules, threshold, model = builtin_rules(), load_policy().sensitivity_threshold, shipped_model()
    seen = [assess(row.parts, rules, threshold=threshold, model=model) for row in rows]
    scores = [one.probability for one in seen]
    return {
        "commits": len(rows),
        "at_20_percent_of_routine": _figures(rows, scores),
        "size_matched_pairs": {label: _size_matched(rows, scores, label) for label in _labels(rows)},
        "by_repository": _by_repository(rows, scores, _cut(rows, scores)),
        "threshold_at_20_percent": round(_cut(rows, scores), 4),
        "shipped_threshold": {"threshold": threshold, **_escalated(rows, [one.sensitive for one in seen])},
        "calibration": _calibration(rows, scores),
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench routing", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--mirrors", default="", help="git mirrors of the mined commits, to learn from them as well"
    )
    parser.add_argument("--rows", type=Path, metavar="FILE", help="score these commits with the weights that ship")
    options = parser.parse_args(argv)
    if options.rows is not None and not options.rows.is_file():
        print(f"no file {options.rows}", file=sys.stderr)
        return 2
    try:
        given = mirrors_folder(options.mirrors)
        print(json.dumps(shipped(load(options.rows)) if options.rows else run(given), indent=2))
    except FileNotFoundError:
        print(json.dumps({"skipped": f"{DATA.name} is not on this machine"}))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _labels(rows: Sequence[Row]) -> list[str]:
    """Return the labels of security commits that the rows hold."""
    held = {row.label for row in rows}
    return [label for label in LABELS if label in held]


def _small(row: Row) -> bool:
    """Tell whether a commit is no larger than one unit of review, about 6,000 tokens of diff."""
    return sum(len(line) + 1 for part in row.parts for line in (*part.added, *part.removed)) <= 18_000


def _tfidf(train: Sequence[Row], test: Sequence[Row]) -> Iterator[float]:
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
    for label in ("routine", *_labels(rows)):
        chosen = [score for row, score in zip(rows, scores, strict=True) if row.label == label]
        found[label] = round(sum(score > cut for score in chosen) / len(chosen), 3)
    return found


def _escalated(rows: Sequence[Row], sensitive: Sequence[bool]) -> dict[str, object]:
    """Return the share of commits that start at the frontier as they would ship, taken whole."""
    return _at(rows, [float(found) for found in sensitive], 0.5)


def _figures(rows: Sequence[Row], scores: Sequence[float]) -> dict[str, object]:
    figures = _at(rows, scores, _cut(rows, scores))
    for label in _labels(rows):
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
