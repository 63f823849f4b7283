"""Train the sensitivity model and write its weights (needs the `train` extra and git mirrors).

    python -m bench.fit.sensitivity --mirrors DIR

It learns from the development set and from the commits of `sensitivity_commits.tsv` that `mine_sensitivity` found.
Their diffs are read from the mirrors: every repository that is listed has to be there.

Three linear heads on the same features, each a logistic regression: every security commit against routine, fixes
against routine, commits that introduced a vulnerability against routine. Averages of linear models are linear
models, so one set of weights is kept. Calibration is fitted on scores of commits whose repository was held out, so
that it is not flattered by the training data.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.context_recall import find_mirror, mirrors_folder
from bench.fit.kept_out import is_kept_out
from bench.fit.mine_sensitivity import diff_of, has_source
from policies.features import Features, features
from policies.learned import CLIP, FILE, Model
from policies.rules import ChangedPart
from policies.sensitivity import SMALLEST_SIZE, USUAL_SIZE
from reviewer.change.model import Change
from reviewer.change.parse import parse_diff
from reviewer.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("KILO_REVIEW_SHARED", ROOT.parent / "shared")) / "data" / "routing-dev.jsonl.gz"
MINED = ROOT / "bench" / "data" / "sensitivity_commits.tsv"
WEIGHTS = ROOT / "policies" / FILE

# A word counts only where it occurs in a tenth of the repositories, in four at least: anything else is some
# project's own vocabulary.
MIN_REPOSITORIES = 4
SHARE_OF_REPOSITORIES = 0.1
# How much a standardised figure weighs beside a text of length one; the sums of rule strengths are priors.
FIGURE_SCALE = 0.05
STRENGTH_SCALE = 0.1
# Whether a change is source at all is told by two figures alone, which have to outweigh a vocabulary.
SOURCE_SCALE = 0.15
# How much a commit of the development set, whose labels are surer, counts beside one that was mined.
CHECKED_WEIGHT = 4.0
FOLDS = 6
# Share of routine commits at which ways of judging are compared.
ROUTINE_SHARE = 0.20
# Share of the development set's routine commits that the model alone sends to the frontier tier at the shipped
# threshold; rules add some. Chosen so that units with about a fifth of all routine tokens start there.
SHIPPED_SHARE = 0.14
# How far the score that makes a unit sensitive rises for one that is e times as large: chosen by tokens spent.
SIZE_WEIGHT = 0.25
# (rows, C, share in the average)
HEADS = (("all", 0.7, 0.5), ("security_fix", 1.0, 0.5), ("vuln_intro", 0.5, 1.0))


@dataclass(frozen=True, slots=True)
class Row:
    repo: str
    label: str
    kind: str
    how: str
    size: int
    parts: tuple[ChangedPart, ...]
    features: Features
    mined: bool = False

    @property
    def security(self) -> bool:
        return self.label != "routine"


def load(path: Path = DATA) -> list[Row]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [_row(json.loads(line)) for line in content.splitlines()]


def load_mined(mirrors: Path, path: Path = MINED) -> list[Row]:
    """Read the mined commits from their repositories; ConfigurationError names what is missing."""
    listed = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    git_dirs = {repo: find_mirror(mirrors, repo) for repo in dict.fromkeys(repo for repo, *_ in listed)}
    missing = [repo for repo, git_dir in git_dirs.items() if git_dir is None]
    if missing:
        raise ConfigurationError(f"no mirror of {', '.join(missing)}", remedy=f"Put them below {mirrors}.")
    rows = []
    for repo, sha, label, how in listed:
        git_dir = git_dirs[repo]
        change = diff_of(git_dir, f"{sha}^1", sha) if git_dir else None
        if change is None:
            raise ConfigurationError(f"no commit {sha} in the mirror of {repo}", remedy="Renew the mirror.")
        parts = parts_of_change(change)
        size = sum(len(part.added) + len(part.removed) for part in parts)
        kind = "source" if has_source(change) else "other"
        rows.append(Row(repo, label, kind, how, size, parts, features(parts), mined=True))
    return rows


def _row(item: dict[str, Any]) -> Row:
    parts = parts_of(item["diff"], item["paths"])
    return Row(
        item["repo"], item["label"], item["kind"], item["how"], item["add"] + item["dele"], parts, features(parts)
    )


def parts_of(diff: str, paths: Sequence[str]) -> tuple[ChangedPart, ...]:
    """Parse a diff the way the product does; a diff that was cut off in a hunk keeps what was before the cut."""
    return parts_of_change(parse_diff(whole(diff))) or tuple(ChangedPart(path, (), ()) for path in paths)


def parts_of_change(change: Change) -> tuple[ChangedPart, ...]:
    """Return the changed lines of each file."""
    return tuple(
        ChangedPart(
            file.path,
            tuple(line.text for hunk in file.hunks for line in hunk.added),
            tuple(line.text for hunk in file.hunks for line in hunk.removed),
        )
        for file in change.files
    )


def whole(diff: str) -> str:
    """Shorten the last hunk's header to the lines that are there, since the data set cuts long diffs."""
    start = diff.rfind("\n@@ ")
    if start < 0:
        return diff
    head, _, body = diff[start + 1 :].partition("\n")
    lines = body.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    old = sum(1 for line in lines if line[:1] in ("-", " ") or line == "")
    new = sum(1 for line in lines if line[:1] in ("+", " ") or line == "")
    numbers = head.split(" ")
    left, right = (number.split(",")[0] for number in numbers[1:3])
    counted = " ".join(["@@", f"{left},{old}", f"{right},{new}", "@@"])
    return diff[: start + 1] + counted + "\n" + "\n".join(lines) + "\n"


def fit(rows: Sequence[Row]) -> Model:
    """Fit on some rows and calibrate on their own held-out scores; rows without code are not asked of a model.

    Rows of repositories that are kept out are left out, whoever passes them.

    Platt gives the slope. The intercept puts .5 where SHIPPED_SHARE of the development set's routine commits lie
    above the threshold for their size.
    """
    rows = [row for row in rows if not is_kept_out(row.repo)]
    asked = [row for row in rows if row.features.code]
    raw = _fit_uncalibrated(asked)
    scores = held_out_scores(asked)
    slope = _platt_slope(scores, [row.security for row in asked])
    routine = [row for row in rows if not row.security and not row.mined]
    known = sorted(
        score - SIZE_WEIGHT * size_step(row)
        for row, score in zip(asked, scores, strict=True)
        if not row.security and not row.mined
    )
    cut = known[-int(SHIPPED_SHARE * len(routine)) - 1]
    return Model(raw.numbers, raw.words, raw.bias, slope, -slope * cut, slope * SIZE_WEIGHT)


def size_step(row: Row) -> float:
    """Return how many factors e a commit is larger than a usual unit, by its changed characters."""
    characters = sum(len(line) + 1 for part in row.parts for line in (*part.added, *part.removed))
    return math.log(max(characters, SMALLEST_SIZE) / USUAL_SIZE)


def held_out_scores(rows: Sequence[Row]) -> list[float]:
    """Score every row with a model that saw nothing of its repository (FOLDS groups of repositories)."""
    group = groups(rows)
    scores = [0.0] * len(rows)
    for fold in sorted(set(group.values())):
        model = _fit_uncalibrated([row for row in rows if group[row.repo] != fold])
        for index, row in enumerate(rows):
            if group[row.repo] == fold:
                scores[index] = model.score(row.features)
    return scores


def groups(rows: Sequence[Row], folds: int = FOLDS) -> dict[str, int]:
    """Deal repositories into folds of like size, the largest first."""
    sizes = Counter(row.repo for row in rows)
    filled = [0] * folds
    group: dict[str, int] = {}
    for repo, size in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])):
        fold = filled.index(min(filled))
        group[repo] = fold
        filled[fold] += size
    return group


def _fit_uncalibrated(rows: Sequence[Row]) -> Model:
    import numpy as np
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    words, idf = _vocabulary(rows)
    names = sorted({name for row in rows for name in row.features.numbers})
    numbers = np.array([[row.features.numbers.get(name, 0.0) for name in names] for row in rows])
    mean, scale = numbers.mean(0), numbers.std(0)
    scale[scale == 0] = 1.0
    weight = np.array([_figure_scale(name) for name in names])
    dense = np.clip((numbers - mean) / scale, -CLIP, CLIP) * weight
    text = _text_matrix(rows, words, idf)
    both = sparse.hstack([text, sparse.csr_matrix(dense)]).tocsr()
    target = np.array([row.security for row in rows])
    label = np.array([row.label for row in rows])
    counts = np.array([1.0 if row.mined else CHECKED_WEIGHT for row in rows])

    total = np.zeros(len(words) + len(names))
    bias = 0.0
    shares = 0.0
    for head, strength, share in HEADS:
        chosen = np.ones(len(rows), dtype=bool) if head == "all" else (label == head) | (label == "routine")
        model = LogisticRegression(C=strength, solver="liblinear", max_iter=500)
        model.fit(both[chosen], target[chosen], sample_weight=_balanced(counts[chosen], target[chosen]))
        scores = model.decision_function(both)
        # Heads are averaged at one scale, so that none outvotes the others by its spread.
        spread = float(scores.std()) or 1.0
        total += model.coef_.ravel() * share / spread
        bias += (float(model.intercept_[0]) - float(scores.mean())) * share / spread
        shares += share
    total /= shares
    by_number = total[len(words) :] * weight
    return Model(
        numbers={name: (float(mean[i]), float(scale[i]), float(by_number[i])) for i, name in enumerate(names)},
        words={word: (float(idf[word]), float(total[i])) for word, i in words.items()},
        bias=bias / shares,
        slope=1.0,
        intercept=0.0,
    )


def _figure_scale(name: str) -> float:
    kind = name.partition(" ")[0]
    return {"strength": STRENGTH_SCALE, "source": SOURCE_SCALE}.get(kind, FIGURE_SCALE)


def _balanced(counts: Any, target: Any) -> Any:
    """Scale weights so that either class has half of them and a row counts one on average."""
    import numpy as np

    total = {side: counts[target == side].sum() for side in (True, False)}
    return counts * np.where(target, 0.5 / total[True], 0.5 / total[False]) * len(counts)


def _vocabulary(rows: Sequence[Row]) -> tuple[dict[str, int], dict[str, float]]:
    repositories: dict[str, set[str]] = defaultdict(set)
    documents: Counter[str] = Counter()
    for row in rows:
        for word in row.features.words:
            repositories[word].add(row.repo)
            documents[word] += 1
    fewest = max(MIN_REPOSITORIES, round(SHARE_OF_REPOSITORIES * len({row.repo for row in rows})))
    kept = sorted(word for word, where in repositories.items() if len(where) >= fewest)
    return (
        {word: index for index, word in enumerate(kept)},
        {word: math.log(len(rows) / documents[word]) + 1 for word in kept},
    )


def _text_matrix(rows: Sequence[Row], words: dict[str, int], idf: dict[str, float]) -> Any:
    from scipy import sparse

    row_index: list[int] = []
    column: list[int] = []
    value: list[float] = []
    for index, row in enumerate(rows):
        found = [(words[word], count * idf[word]) for word, count in row.features.words.items() if word in words]
        length = math.sqrt(sum(weight * weight for _, weight in found)) or 1.0
        for position, weight in found:
            row_index.append(index)
            column.append(position)
            value.append(weight / length)
    return sparse.csr_matrix((value, (row_index, column)), shape=(len(rows), len(words)))


def _platt_slope(scores: Sequence[float], security: Sequence[bool]) -> float:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6).fit(np.array(scores).reshape(-1, 1), np.array(security))
    return float(model.coef_[0][0])


def to_json(model: Model, rows: Sequence[Row]) -> str:
    """Write a model as text, one feature a line, so that a retrained one can be read as a diff."""
    dropped = 5e-4
    words = {word: [round(idf, 3), round(weight, 4)] for word, (idf, weight) in model.words.items()}
    numbers = {name: [round(value, 5) for value in row] for name, row in model.numbers.items()}
    lines = [
        "{",
        f' "trained_on": {json.dumps({"commits": len(rows), "repositories": len({row.repo for row in rows})})},',
        f' "bias": {model.bias:.6f},',
        f' "slope": {model.slope:.6f},',
        f' "intercept": {model.intercept:.6f},',
        f' "size_weight": {model.size_weight:.6f},',
        ' "numbers": {',
        ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(numbers.items())),
        " },",
        ' "words": {',
        # A word without weight still counts for the length of the text, so it stays, with weight 0.
        ",\n".join(
            f"  {json.dumps(word)}: {json.dumps([row[0], row[1] if abs(row[1]) >= dropped else 0])}"
            for word, row in sorted(words.items())
        ),
        " }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def train(rows: Sequence[Row]) -> dict[str, object]:
    """Fit on all rows and write the weights."""
    rows = [row for row in rows if not is_kept_out(row.repo)]
    model = fit(rows)
    text = to_json(model, rows)
    WEIGHTS.write_text(text, encoding="utf-8")
    return {
        "commits": len(rows),
        "repositories": len({row.repo for row in rows}),
        "numbers": len(model.numbers),
        "words": len(model.words),
        "bytes": len(text),
        "slope": round(model.slope, 3),
        "intercept": round(model.intercept, 3),
    }


def run(mirrors: Path | None = None) -> dict[str, object]:
    mirrors = mirrors or mirrors_folder()
    if mirrors is None or not mirrors.is_dir():
        return {"skipped": "pass --mirrors DIR or set KILO_REVIEW_MIRRORS to a folder of git mirrors"}
    return train([*load(), *load_mined(mirrors)])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fit.sensitivity", description=__doc__.split("\n")[0])
    parser.add_argument("--mirrors", default="", help="folder of git mirrors (default: KILO_REVIEW_MIRRORS)")
    try:
        print(json.dumps(run(mirrors_folder(parser.parse_args(argv).mirrors)), indent=2))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
