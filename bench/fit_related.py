"""Fit the weights of reviewer/context/related_weights.json: which unchanged file should have changed too.

    python -m bench.fit_related --mirrors DIR [--rows FILE …] [--write]

Rows are the development set, the mined ones of `context_commits.jsonl` (12 other repositories; what
bench.mine_context found, less the definitions) and those of every `--rows` file. The model is a logistic choice: of
all candidates of a change, the hidden file. Every sixth repository is held out in turn for the figures that it
prints; `--write` then fits on all of them and writes the weights. Needs the `train` extra.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bench.context_recall import change_of, find_mirror, has_commits, load_context, mirrors_or_say
from reviewer.context import related
from reviewer.context.gather import ContextGatherer
from reviewer.context.snapshot import GitSnapshot

WEIGHTS: Final = Path(related.__file__).with_name(related.WEIGHTS_FILE)
MINED: Final = Path(__file__).with_name("context_commits.jsonl")
RIDGE: Final = 3.0
FOLDS: Final = 6
STEPS: Final = 500
# The rows hide only code, so that a fit learns that documents never have to change: half of that is kept.
KEPT: Final = {"code": 0.5}


@dataclass(frozen=True, slots=True)
class Row:
    """A change with one of its files hidden: the features of every candidate by path."""

    repo: str
    source: str
    hidden: str
    candidates: Mapping[str, Mapping[str, float]]


def load(mirrors: Path, files: Sequence[Path]) -> Iterator[Row]:
    for source, rows in (("development set", load_context()), *((file.stem, load_context(file)) for file in files)):
        for row in rows:
            git_dir = find_mirror(mirrors, row["repo"])
            if git_dir is not None and has_commits(git_dir, row["base"], row["head"]):
                yield _row(row, git_dir, source)


def _row(row: Mapping[str, Any], git_dir: Path, source: str) -> Row:
    change = change_of(git_dir, row["base"], row["head"])
    rest = replace(change, files=tuple(file for file in change.files if file.path != row["hidden"]))
    with GitSnapshot.open(git_dir, row["base"]) as base:
        gatherer = ContextGatherer(head=base, base=base, change=rest, count=len)
        return Row(row["repo"], source, row["hidden"], gatherer.related_features())


def fit(rows: Sequence[Row], names: Sequence[str]) -> dict[str, float]:
    """Return weights by feature: a softmax over each change's candidates, a ridge on standardised features."""
    import numpy as np
    from scipy.optimize import minimize

    rows = [row for row in rows if row.hidden in row.candidates]
    values = np.array([[found[name] for name in names] for row in rows for found in row.candidates.values()])
    chosen = np.array([float(path == row.hidden) for row in rows for path in row.candidates])
    sizes = [len(row.candidates) for row in rows]
    starts = np.cumsum([0, *sizes[:-1]])
    group = np.repeat(np.arange(len(rows)), sizes)
    scale = values.std(0) + 1e-9
    inputs = values / scale

    def loss(weights: Any) -> tuple[float, Any]:
        scores = inputs @ weights
        top = np.maximum.reduceat(scores, starts)
        shares = np.exp(scores - top[group])
        whole = np.add.reduceat(shares, starts)
        value = (np.log(whole) + top).sum() - (scores * chosen).sum() + RIDGE * (weights @ weights) / 2
        return float(value), inputs.T @ (shares / whole[group] - chosen) + RIDGE * weights

    found = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    weights = zip(names, found.x / scale, strict=True)
    return {name: round(float(weight) * KEPT.get(name, 1.0), 4) for name, weight in weights}


def place(row: Row, weights: Mapping[str, float]) -> int:
    """Return the place of the hidden file, from 0; past the last where it is no candidate."""
    scores = {
        path: sum(weights[name] * value for name, value in found.items()) for path, found in row.candidates.items()
    }
    order = sorted(scores, key=lambda path: (-scores[path], path))
    return order.index(row.hidden) if row.hidden in scores else len(order)


def held_out(rows: Sequence[Row], names: Sequence[str]) -> dict[str, object]:
    """Return recall at 5 and 10 of each source of rows, every repository judged by weights that never saw it."""
    repos = sorted({row.repo for row in rows})
    places: dict[str, list[int]] = {}
    for fold in range(FOLDS):
        out = set(repos[fold::FOLDS])
        weights = fit([row for row in rows if row.repo not in out], names)
        for row in rows:
            if row.repo in out:
                places.setdefault(row.source, []).append(place(row, weights))
    return {
        source: {
            "rows": len(found),
            "candidate": round(
                sum(1 for row in rows if row.source == source and row.hidden in row.candidates) / len(found), 3
            ),
            "recall@5": round(sum(at < 5 for at in found) / len(found), 3),
            "recall@10": round(sum(at < 10 for at in found) / len(found), 3),
        }
        for source, found in places.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fit_related", description=__doc__.splitlines()[0])
    parser.add_argument("--mirrors", default="", help="folder of git mirrors (default: KILO_REVIEW_MIRRORS)")
    parser.add_argument("--rows", type=Path, action="append", default=[], help="more mined rows; may be repeated")
    parser.add_argument("--write", action="store_true", help="fit on all rows and write the weights")
    options = parser.parse_args(argv)
    mirrors = mirrors_or_say(options.mirrors)
    if mirrors is None:
        return 2
    rows = list(load(mirrors, [MINED, *options.rows]))
    names = sorted(next(iter(rows[0].candidates.values())))
    print(json.dumps(held_out(rows, names), indent=2))
    if options.write:
        WEIGHTS.write_text(json.dumps(fit(rows, names), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
