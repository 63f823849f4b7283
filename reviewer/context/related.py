"""Related files: what else should have changed, from shared names, history, imports and paths, fused by rank."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from reviewer.context.model import Match, Snapshot
from reviewer.context.testpaths import is_test_path, subject_of

# Reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009; k damps the difference of the first ranks.
FUSION_K: Final = 10
COMMITS: Final = 3000
DEPTH: Final = 60
# How much each ranking counts; chosen by bench/context_recall.py on repositories held out.
SHARES: Final = {"words": 1.0, "history": 1.0, "path": 0.7, "recent": 0.2}


@dataclass(frozen=True, slots=True)
class Related:
    """A file that may have to change too; `score` is for ranking only."""

    path: str
    score: float
    reason: str


def related_files(
    paths: Sequence[str],
    words: Mapping[str, float],
    matches: Mapping[str, Sequence[Match]],
    head: Snapshot,
    history: Snapshot,
    *,
    limit: int = 20,
    shares: Mapping[str, float] = SHARES,
) -> list[Related]:
    """Rank the files that the change does not touch by how likely they should have been touched with it.

    `words` are the identifiers of the changed lines with their weights, `matches` where each occurs. `history`
    is the snapshot whose past is asked (the base: the head's own commits would give the answer away).
    """
    entries = head.entries()
    changed = set(paths)
    names = _by_names(words, matches, len(entries), changed)
    together = _by_history(paths, history, entries)
    near = _by_path(paths, entries, changed)
    ranked = {"words": names, "history": together, "path": near}
    fused: dict[str, float] = defaultdict(float)
    for source, scores in ranked.items():
        order = sorted(scores, key=lambda path: (-scores[path], path))[:DEPTH]
        for rank, path in enumerate(order):
            fused[path] += shares.get(source, 0.0) / (FUSION_K + rank)
    best = sorted(fused, key=lambda path: (-fused[path], path))[:limit]
    return [Related(path, fused[path], _reason(path, names, together, near)) for path in best]


def _by_names(
    words: Mapping[str, float], matches: Mapping[str, Sequence[Match]], files: int, changed: set[str]
) -> dict[str, float]:
    scores: dict[str, float] = defaultdict(float)
    for word, weight in words.items():
        holders = Counter(match.path for match in matches.get(word, ()))
        if not holders:
            continue
        rarity = math.log(files / len(holders)) if files > len(holders) else 0.0
        for path, times in holders.items():
            if path not in changed:
                scores[path] += weight * rarity * (1 + 0.2 * math.log(times))
    return scores


def _by_history(paths: Sequence[str], history: Snapshot, entries: Mapping[str, object]) -> dict[str, float]:
    changed = set(paths)
    scores: dict[str, float] = defaultdict(float)
    touched: Counter[str] = Counter()
    for age, commit in enumerate(history.co_changed(paths, commits=COMMITS)):
        common = [path for path in commit if path in changed]
        touched.update(common)
        weight = len(common) / math.log2(1 + len(commit)) / (1 + age / 200)
        for path in commit:
            if path not in changed and path in entries:
                scores[path] += weight
    return scores


def _by_path(paths: Sequence[str], entries: Mapping[str, object], changed: set[str]) -> dict[str, float]:
    folders = Counter(path.rpartition("/")[0] for path in paths)
    subjects = Counter(subject_of(path) for path in paths)
    tested = {subject_of(path) for path in paths if is_test_path(path)}
    suffixes = {PurePosixPath(path).suffix for path in paths}
    scores: dict[str, float] = {}
    for path in entries:
        if path in changed:
            continue
        folder, subject = path.rpartition("/")[0], subject_of(path)
        score = 1.0 * (folder in folders)
        if subject in subjects and len(subject) > 2:
            score += 2.0 if is_test_path(path) or subject in tested else 1.0
        if score and PurePosixPath(path).suffix in suffixes:
            score += 0.5
        if score:
            scores[path] = score
    return scores


def _reason(path: str, names: Mapping[str, float], together: Mapping[str, float], near: Mapping[str, float]) -> str:
    reasons = []
    if path in together:
        reasons.append("changed together with these files before")
    if path in names:
        reasons.append("uses the same names")
    if near.get(path, 0) >= 2:
        reasons.append("test beside the change" if is_test_path(path) else "same subject by its name")
    return ", ".join(reasons) or "in the same folder"
