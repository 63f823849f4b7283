"""Related files: what else should have changed, from shared names, history and paths, weighed together."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from reviewer.context.languages import family_of, language_of
from reviewer.context.model import Match, Snapshot, TreeEntry
from reviewer.context.past import Past, folder_of, past_of
from reviewer.context.search import line_defines
from reviewer.context.testpaths import is_test_path, subject_of

COMMITS: Final = 5000
# How many of each ranking are weighed at all.
DEPTH: Final = 60
# Of a change of thousands of files so many, evenly chosen, are compared with every candidate by name and place.
COMPARED: Final = 200
# Reciprocal ranks, damped: Cormack, Clarke and Büttcher, SIGIR 2009.
_DAMP: Final = 5
# A file that changed so many commits ago is half as recent as one that changed in the last.
_RECENT: Final = 20

# A logistic choice among the candidates, fitted by bench/fit_related.py; docs/context.md has what it finds in
# repositories that were held out.
WEIGHTS_FILE: Final = "related_weights.json"
_TOKEN: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True, slots=True)
class Related:
    """A file that may have to change too; `score` is its share, among all candidates, of the belief."""

    path: str
    score: float
    reason: str


@dataclass(slots=True)
class _Evidence:
    """What each ranking says of every file that it knows."""

    words: dict[str, float]
    count: Counter[str]
    defines: dict[str, float]
    uses: dict[str, float]
    mentions: dict[str, float]
    past: Past
    path: dict[str, float]
    entries: Mapping[str, TreeEntry]

    def bytes_of(self, path: str) -> int:
        return self.entries[path].size if path in self.entries else 0

    def most(self) -> dict[str, float]:
        scored = {
            "words": self.words,
            "history": self.past.together,
            "defines": self.defines,
            "uses": self.uses,
            "churn": self.past.churn,
            "now": self.past.now,
            "fold": self.past.folder,
        }
        return {name: max(of.values(), default=0.0) or 1.0 for name, of in scored.items()}

    def ranks(self) -> dict[str, dict[str, int]]:
        scored = {
            "words": self.words,
            "history": self.past.together,
            "given": self.past.given,
            "path": self.path,
            "defines": self.defines,
            "uses": self.uses,
            "mentions": self.mentions,
            "size": self.past.size,
            "churn": self.past.churn,
            "fold": self.past.folder,
        }
        return {
            name: {path: rank for rank, path in enumerate(sorted(of, key=lambda path: (-of[path], path)))}
            for name, of in scored.items()
        }


def related_files(
    paths: Sequence[str],
    words: Mapping[str, float],
    matches: Mapping[str, Sequence[Match]],
    head: Snapshot,
    history: Snapshot,
    *,
    limit: int = 20,
) -> list[Related]:
    """Rank the files that the change does not touch by how likely they should have been touched with it.

    `words` are the identifiers of the changed lines with their weights; `matches` says where each of them, and each
    stem of a changed file, occurs. `history` is the snapshot whose past is asked (the base: the head's own commits
    would give the answer away).
    """
    entries = head.entries()
    changed = frozenset(paths)
    evidence = _gather(changed, words, matches, entries, history)
    scored = {path: _strength(found) for path, found in _candidates(changed, words, evidence).items()}
    best = sorted(scored, key=lambda path: (-scored[path], path))
    top = scored[best[0]] if best else 0.0
    whole = sum(math.exp(value - top) for value in scored.values())
    return [Related(path, math.exp(scored[path] - top) / whole, _reason(path, evidence)) for path in best[:limit]]


def candidate_features(
    paths: Sequence[str],
    words: Mapping[str, float],
    matches: Mapping[str, Sequence[Match]],
    head: Snapshot,
    history: Snapshot,
) -> dict[str, dict[str, float]]:
    """Return, by path, the features of every file that `related_files` would weigh, for fitting."""
    changed = frozenset(paths)
    return _candidates(changed, words, _gather(changed, words, matches, head.entries(), history))


def _candidates(
    changed: frozenset[str], words: Mapping[str, float], evidence: _Evidence
) -> dict[str, dict[str, float]]:
    ranks = evidence.ranks()
    found = {path for order in ranks.values() for path, rank in order.items() if rank < DEPTH}
    wanted, most, touched = {word.lower() for word in words}, evidence.most(), _Touched.of(changed)
    return {path: _features(path, evidence, ranks, most, touched, wanted) for path in found}


def stems_of(paths: Iterable[str]) -> list[str]:
    """Return the names that other files call the given files by."""
    return list(dict.fromkeys(path.rpartition("/")[2].partition(".")[0] for path in paths))


def _gather(
    changed: frozenset[str],
    words: Mapping[str, float],
    matches: Mapping[str, Sequence[Match]],
    entries: Mapping[str, TreeEntry],
    history: Snapshot,
) -> _Evidence:
    files = len(entries)
    scores: dict[str, float] = defaultdict(float)
    defines: dict[str, float] = defaultdict(float)
    uses: dict[str, float] = defaultdict(float)
    mentions: dict[str, float] = defaultdict(float)
    count: Counter[str] = Counter()
    for word, weight in words.items():
        holders = _holders(matches.get(word, ()))
        rarity = math.log(files / len(holders)) if files > len(holders) > 0 else 0.0
        ours = any(holders[path][1] for path in changed if path in holders)
        for path, (used, defined) in holders.items():
            if path in changed:
                continue
            scores[path] += weight * rarity * (1 + 0.2 * math.log(used + defined))
            count[path] += 1
            if defined:
                defines[path] += weight * rarity
            elif ours:
                uses[path] += weight * rarity
    for stem in stems_of(changed):
        holding = {match.path for match in matches.get(stem, ())}
        rarity = math.log(files / len(holding)) / math.log(files) if files > len(holding) > 0 else 0.0
        for path in holding - changed:
            mentions[path] = max(mentions[path], rarity)
    past = past_of(changed, history, entries, commits=COMMITS)
    return _Evidence(scores, count, defines, uses, mentions, past, _paths(changed, entries), entries)


def _holders(matches: Sequence[Match]) -> dict[str, list[int]]:
    """Return, by path, how many lines use a word and how many define it."""
    holders: dict[str, list[int]] = {}
    for match in matches:
        defines = match.defines
        if defines is None:
            defines = line_defines(match.text, match.word)
        holders.setdefault(match.path, [0, 0])[int(defines)] += 1
    return holders


@dataclass(frozen=True, slots=True)
class _Touched:
    """What is asked of the changed paths for every candidate, told once. `some` are those compared one by one."""

    paths: frozenset[str]
    folders: frozenset[str]
    families: frozenset[str]
    subjects: frozenset[str]
    suffixes: frozenset[str]
    any_test: bool
    all_tests: bool
    some: tuple[str, ...]
    tokens: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, changed: frozenset[str]) -> _Touched:
        tests = [is_test_path(path) for path in changed]
        some = tuple(sorted(changed)[:: -(-len(changed) // COMPARED) or 1])
        return cls(
            paths=changed,
            folders=frozenset(map(folder_of, changed)),
            families=frozenset(map(family_of, changed)),
            subjects=frozenset(map(subject_of, changed)),
            suffixes=frozenset(map(_suffix, changed)),
            any_test=any(tests),
            all_tests=all(tests),
            some=some,
            tokens=tuple(map(_tokens, some)),
        )


def _paths(changed: frozenset[str], entries: Mapping[str, TreeEntry]) -> dict[str, float]:
    touched = _Touched.of(changed)
    folders, subjects, tokens = touched.folders, touched.subjects, touched.tokens
    known: frozenset[str] = frozenset().union(*map(_tokens, changed))
    scores: dict[str, float] = {}
    for path in entries:
        if path in changed:
            continue
        mine, subject, beside = _tokens(path), subject_of(path), folder_of(path) in folders
        same = subject in subjects and len(subject) > 2
        if not beside and not same and mine.isdisjoint(known):
            continue
        alike = _alike(mine, tokens)
        if beside or same or alike > 0.3:
            scores[path] = float(beside) + 2.0 * same + alike
    return scores


def _features(
    path: str,
    evidence: _Evidence,
    ranks: Mapping[str, Mapping[str, int]],
    most: Mapping[str, float],
    touched: _Touched,
    wanted: set[str],
) -> dict[str, float]:
    def share(name: str, of: Mapping[str, float]) -> float:
        return of[path] / most[name] if of.get(path) else 0.0

    def rank(name: str) -> float:
        return 1 / (1 + ranks[name][path] / _DAMP) if path in ranks[name] else 0.0

    past, subject, test = evidence.past, subject_of(path), is_test_path(path)
    churn = past.churn.get(path, 0.0)
    same = subject in touched.subjects
    return {
        "words": share("words", evidence.words),
        "words_rank": rank("words"),
        "words_log": math.log1p(evidence.words.get(path, 0.0)),
        "history": share("history", past.together),
        "history_rank": rank("history"),
        "history_log": math.log1p(past.together.get(path, 0.0)),
        "given": past.given.get(path, 0.0),
        "given_rank": rank("given"),
        "defines": share("defines", evidence.defines),
        "defines_rank": rank("defines"),
        "uses": share("uses", evidence.uses),
        "uses_rank": rank("uses"),
        "path_rank": rank("path"),
        "folder": float(folder_of(path) in touched.folders),
        "subject": float(same and len(subject) > 2),
        "its_test": float(same and test and not touched.all_tests),
        "its_source": float(same and not test and touched.all_tests),
        "near": max((_near(path, other) for other in touched.some), default=0.0),
        "tokens": _alike(_tokens(path), touched.tokens),
        "mentions": evidence.mentions.get(path, 0.0),
        "popular": math.log1p(past.popular[path]),
        "suffix": float(_suffix(path) in touched.suffixes),
        "lone_test": float(test and not touched.any_test),
        "both_tests": float(test and touched.any_test),
        "named": float(subject in wanted),
        "words_count": math.log1p(evidence.count[path]),
        "size_rank": rank("size"),
        "churn": share("churn", past.churn),
        "churn_log": math.log1p(churn),
        "churn_rank": rank("churn"),
        "now": share("now", past.now),
        "last": 1 / (1 + past.last.get(path, COMMITS) / _RECENT),
        "last_log": math.log1p(past.last.get(path, COMMITS)),
        "lift": past.together.get(path, 0.0) / (churn + 1),
        "together": math.log1p(past.together.get(path, 0.0)) / math.sqrt(max(1, len(touched.paths))),
        "fold": share("fold", past.folder),
        "fold_rank": rank("fold"),
        "bytes_log": math.log1p(max(0, evidence.bytes_of(path))),
        "code": float(language_of(path) is not None),
        "same_family": float(family_of(path) in touched.families),
    }


def _strength(features: Mapping[str, float]) -> float:
    weights = load_weights()
    return sum(weights[name] * value for name, value in features.items())


@cache
def load_weights() -> Mapping[str, float]:
    """Return the fitted weights by feature; see bench/fit_related.py for how they were fitted."""
    text = resources.files(__package__).joinpath(WEIGHTS_FILE).read_text("utf-8")
    return {str(name): float(weight) for name, weight in json.loads(text).items()}


def _reason(path: str, evidence: _Evidence) -> str:
    reasons = []
    if evidence.past.given.get(path, 0.0) > 0.05:
        reasons.append(f"changed with these files in {evidence.past.given[path]:.0%} of their past commits")
    if path in evidence.defines:
        reasons.append("defines names that the change uses")
    elif path in evidence.uses:
        reasons.append("uses names that the changed files define")
    elif path in evidence.words:
        reasons.append("shares names with the change")
    if evidence.path.get(path, 0.0) >= 2:
        reasons.append("test of a changed file" if is_test_path(path) else "same subject by its name")
    return ", ".join(reasons) or "near the changed files"


def _suffix(path: str) -> str:
    return path.rpartition(".")[2]


@lru_cache(maxsize=65536)
def _tokens(path: str) -> frozenset[str]:
    stem = path.rpartition("/")[2].partition(".")[0]
    return frozenset(token.lower() for token in _TOKEN.findall(stem) if len(token) > 2)


def _alike(mine: frozenset[str], others: Iterable[frozenset[str]]) -> float:
    return max((len(mine & theirs) / max(1, len(mine | theirs)) for theirs in others), default=0.0)


def _near(path: str, other: str) -> float:
    mine, theirs = path.split("/")[:-1], other.split("/")[:-1]
    same = 0
    for one, two in zip(mine, theirs, strict=False):
        if one != two:
            break
        same += 1
    return same / max(len(mine), len(theirs), 1)
