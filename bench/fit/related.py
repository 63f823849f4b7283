"""Fit the weights of reviewer/context/related_weights.json: which unchanged file should have changed too.

    python -m bench.fit.related --mirrors DIR [--rows FILE …] [--keep FILE] [--write]

Rows are the development set, the mined ones of `context_commits.jsonl` and `related_commits.jsonl` (what
bench.fit.mine_context found, less the definitions) and those of every `--rows` file. The model is a logistic
choice: of all candidates of a change, the hidden file. Every sixth repository is held out in turn, in three orders
of them, for the figures that it prints; the rows of `related_fresh.jsonl`, whose repositories no weight and no
choice of a feature has seen, are told beside them. `--write` fits on all rows but the fresh ones and writes the
weights. Features take half a second a row: `--keep` writes them to a file, or reads them from it. Needs the `train`
extra.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bench.context_recall import change_of, find_mirror, has_commits, load_context, mirrors_or_say
from bench.fit.kept_out import is_kept_out
from reviewer.context import related
from reviewer.context.gather import ContextGatherer
from reviewer.git.commit import GitSnapshot
from reviewer.syntax.test_paths import is_test_path

WEIGHTS: Final = Path(related.__file__).with_name(related.WEIGHTS_FILE)
FOLDER: Final = Path(__file__).parents[1] / "data"
TRAINED: Final = (FOLDER / "context_commits.jsonl", FOLDER / "related_commits.jsonl")
FRESH: Final = FOLDER / "related_fresh.jsonl"
RIDGE: Final = 3.0
FOLDS: Final = 6
# In how many orders the repositories are dealt to the folds: which of them meet moves a figure by a point.
DEALS: Final = 3
STEPS: Final = 500
# Few of the rows hide a test, because tests are found in other ways as well; a fit that took them as they come
# would learn that a test is never what was forgotten.
TEST_WEIGHT: Final = 3.0
# The rows hide only code, so that a fit learns that documents never have to change: half of that is kept.
KEPT: Final = {"code": 0.5}


@dataclass(frozen=True, slots=True)
class Row:
    """A change with one of its files hidden. `values` are the features of its candidates, one after the other by
    path, each in the order of their names; `at` is the place of the hidden file among them, -1 where it is none,
    and `test` says whether it is a test.
    """

    repo: str
    source: str
    test: bool
    at: int
    candidates: int
    values: array[float]


def rows_of(file: Path | None) -> list[dict[str, Any]]:
    """Return the rows of a file, None for the development set, without those that no fit may contain."""
    read = load_context() if file is None else load_context(file)
    return [row for row in read if not is_kept_out(row["repo"])]


def load(mirrors: Path, files: Sequence[Path], names: Sequence[str]) -> Iterator[Row]:
    for source, file in (("development set", None), *((file.stem, file) for file in files)):
        rows = rows_of(file)
        for number, row in enumerate(rows, start=1):
            git_dir = find_mirror(mirrors, row["repo"])
            if git_dir is not None and has_commits(git_dir, row["base"], row["head"]):
                yield _row(row, git_dir, source, names)
            print(f"\r{source} {number} of {len(rows)}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)


def _row(row: Mapping[str, Any], git_dir: Path, source: str, names: Sequence[str]) -> Row:
    change = change_of(git_dir, row["base"], row["head"])
    rest = replace(change, files=tuple(file for file in change.files if file.path != row["hidden"]))
    with GitSnapshot.open(git_dir, row["base"]) as base:
        found = ContextGatherer(head=base, base=base, change=rest, count=len).related_features()
    paths = sorted(found)
    at = paths.index(row["hidden"]) if row["hidden"] in found else -1
    values = array("f", (found[path][name] for path in paths for name in names))
    return Row(row["repo"], source, is_test_path(row["hidden"]), at, len(paths), values)


def table(row: Row, names: Sequence[str]) -> Any:
    """Return the features as an array: candidates by names."""
    import numpy as np

    return np.frombuffer(row.values, dtype=np.float32).reshape(row.candidates, len(names)).astype(np.float64)


def fit(rows: Sequence[Row], names: Sequence[str]) -> dict[str, float]:
    """Return weights by feature: a softmax over each change's candidates, a ridge on standardised features."""
    import numpy as np
    from scipy.optimize import minimize

    rows = [row for row in rows if row.at >= 0]
    values = np.concatenate([table(row, names) for row in rows])
    sizes = np.array([row.candidates for row in rows])
    starts = np.cumsum(sizes) - sizes
    group = np.repeat(np.arange(len(rows)), sizes)
    scale = values.std(0) + 1e-9
    inputs = values / scale
    hidden = starts + np.array([row.at for row in rows])
    often = np.array([TEST_WEIGHT if row.test else 1.0 for row in rows])
    chosen = often @ inputs[hidden]

    def loss(weights: Any) -> tuple[float, Any]:
        scores = inputs @ weights
        top = np.maximum.reduceat(scores, starts)
        shares = np.exp(scores - top[group])
        whole = np.add.reduceat(shares, starts)
        value = often @ (np.log(whole) + top - scores[hidden]) + RIDGE * (weights @ weights) / 2
        return float(value), inputs.T @ (shares * (often / whole)[group]) - chosen + RIDGE * weights

    found = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    weights = zip(names, found.x / scale, strict=True)
    return {name: round(float(weight) * KEPT.get(name, 1.0), 4) for name, weight in weights}


def place(row: Row, weights: Mapping[str, float]) -> int:
    """Return the place of the hidden file, from 0; past the last where it is no candidate."""
    import numpy as np

    if row.at < 0:
        return max(row.candidates, 10)
    scores = table(row, list(weights)) @ np.array(list(weights.values()))
    mine = scores[row.at]
    return int((scores > mine).sum() + (scores[: row.at] == mine).sum())


def placed(rows: Sequence[Row], weights: Mapping[str, float]) -> dict[str, list[int]]:
    """Return the places of the hidden files by source of rows, and of those that are tests again apart."""
    places: dict[str, list[int]] = {}
    for row in rows:
        found = place(row, weights)
        for source in (row.source, f"{row.source}, tests")[: 1 + row.test]:
            places.setdefault(source, []).append(found)
    return places


def held_out(rows: Sequence[Row], names: Sequence[str]) -> dict[str, list[int]]:
    """Return places by source of rows, every repository judged by weights that never saw it."""
    places: dict[str, list[int]] = {}
    for deal in range(DEALS):
        repos = sorted({row.repo for row in rows})
        if deal:
            random.Random(deal).shuffle(repos)
        for fold in range(FOLDS):
            out = set(repos[fold::FOLDS])
            weights = fit([row for row in rows if row.repo not in out], names)
            for source, found in placed([row for row in rows if row.repo in out], weights).items():
                places.setdefault(source, []).extend(found)
    return places


def report(places: Mapping[str, Sequence[int]]) -> dict[str, object]:
    return {
        source: {
            "judged": len(found),
            "recall@5": round(sum(at < 5 for at in found) / len(found), 3),
            "recall@10": round(sum(at < 10 for at in found) / len(found), 3),
        }
        for source, found in places.items()
    }


def kept_rows(mirrors: Path, files: Sequence[Path], keep: Path | None, names: Sequence[str]) -> list[Row]:
    """Return the rows that `keep` holds, else read them from the mirrors, and keep them there."""
    if keep is not None and keep.exists():
        held, kept = pickle.loads(keep.read_bytes())
        if held == list(names):
            return [Row(*fields) for fields in kept]
    rows = list(load(mirrors, files, names))
    if keep is not None:
        kept = [(row.repo, row.source, row.test, row.at, row.candidates, row.values) for row in rows]
        keep.write_bytes(pickle.dumps((list(names), kept)))
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fit.related", description=__doc__.splitlines()[0])
    parser.add_argument("--mirrors", default="", help="folder of git mirrors (default: KILO_REVIEW_MIRRORS)")
    parser.add_argument("--rows", type=Path, action="append", default=[], help="more mined rows; may be repeated")
    parser.add_argument("--keep", type=Path, help="file for the features, written once and then read")
    parser.add_argument("--write", action="store_true", help="fit on all rows and write the weights")
    options = parser.parse_args(argv)
    mirrors = mirrors_or_say(options.mirrors)
    if mirrors is None:
        return 2
    # A feature and its weight have one name; one that is new needs a weight, of any size, before it is fitted.
    names = sorted(related.load_weights())
    rows = kept_rows(mirrors, [*TRAINED, *options.rows, FRESH], options.keep, names)
    fresh, rows = (
        [row for row in rows if row.source == FRESH.stem],
        [row for row in rows if row.source != FRESH.stem],
    )
    weights = fit(rows, names)
    if options.write:
        WEIGHTS.write_text(json.dumps(weights, indent=2) + "\n", encoding="utf-8")
    told = {
        "fitted on": f"{len(rows)} rows of {len({row.repo for row in rows})} repositories",
        "fresh": report(placed(fresh, weights)),
        "seen": report(placed(rows, weights)),
        "held out": report(held_out(rows, names)),
    }
    print(json.dumps(told, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
