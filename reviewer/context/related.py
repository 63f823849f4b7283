"""Related files: what else should have changed, from shared names, history and paths, weighed together."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from reviewer.context.model import Match, Snapshot
from reviewer.context.search import looks_like_definition
from reviewer.context.testpaths import is_test_path, subject_of

COMMITS: Final = 5000
# How many of each ranking are weighed at all.
DEPTH: Final = 60
# Of a change of thousands of files so many, evenly chosen, are compared with every candidate by name and place.
COMPARED: Final = 200
# Reciprocal ranks, damped: Cormack, Clarke and Büttcher, SIGIR 2009.
_DAMP: Final = 5

# A logistic model over the rankings and their scores: on the development set, each repository held out in turn,
# it finds .664 / .795 of the hidden files in the first 5 / 10; the same rankings, fused by rank alone, .623 / .764.
WEIGHTS: Final = {
    "words": 2.355,
    "words_rank": 0.601,
    "words_log": 0.057,
    "history": 1.001,
    "history_rank": 0.696,
    "history_log": -0.117,
    "given": 1.631,
    "given_rank": 0.664,
    "defines": 0.664,
    "defines_rank": 0.524,
    "uses": -0.267,
    "uses_rank": 0.869,
    "path_rank": 1.682,
    "folder": 0.149,
    "subject": 0.657,
    "its_test": -2.095,
    "its_source": 1.277,
    "near": 0.504,
    "tokens": -0.639,
    "mentions": 0.435,
    "popular": -0.108,
    "suffix": 1.255,
    "lone_test": -1.511,
    "both_tests": -2.69,
    "named": 0.911,
    "words_count": -0.26,
    "size_rank": 0.424,
}
_INTERCEPT: Final = -8.142
_TOKEN: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True, slots=True)
class Related:
    """A file that may have to change too; `score` is the estimated probability that it should have."""

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
    history: dict[str, float]
    given: dict[str, float]
    size: dict[str, float]
    popular: Counter[str]
    path: dict[str, float]

    def most(self) -> dict[str, float]:
        scored = {"words": self.words, "history": self.history, "defines": self.defines, "uses": self.uses}
        return {name: max(of.values(), default=0.0) or 1.0 for name, of in scored.items()}

    def ranks(self) -> dict[str, dict[str, int]]:
        scored = {
            "words": self.words,
            "history": self.history,
            "given": self.given,
            "path": self.path,
            "defines": self.defines,
            "uses": self.uses,
            "mentions": self.mentions,
            "size": self.size,
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
    ranks = evidence.ranks()
    candidates = {path for order in ranks.values() for path, rank in order.items() if rank < DEPTH}
    wanted = {word.lower() for word in words}
    most = evidence.most()
    touched = _Touched.of(changed)
    scored = {path: _probability(_features(path, evidence, ranks, most, touched, wanted)) for path in candidates}
    best = sorted(scored, key=lambda path: (-scored[path], path))[:limit]
    return [Related(path, scored[path], _reason(path, evidence)) for path in best]


def stems_of(paths: Iterable[str]) -> list[str]:
    """Return the names that other files call the given files by."""
    return list(dict.fromkeys(path.rpartition("/")[2].partition(".")[0] for path in paths))


def _gather(
    changed: frozenset[str],
    words: Mapping[str, float],
    matches: Mapping[str, Sequence[Match]],
    entries: Mapping[str, object],
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
    together, given, size, popular = _history(changed, history, entries)
    return _Evidence(
        scores, count, defines, uses, mentions, together, given, size, popular, _paths(changed, entries)
    )


def _holders(matches: Sequence[Match]) -> dict[str, list[int]]:
    """Return, by path, how many lines use a word and how many define it."""
    holders: dict[str, list[int]] = {}
    for match in matches:
        defines = match.defines
        if defines is None:
            at = match.text.find(match.word)
            # Only ASCII matters to the test, so a length in characters stands in for one in bytes.
            line = match.text.encode("ascii", "replace")
            defines = at >= 0 and looks_like_definition(line, at, at + len(match.word))
        holders.setdefault(match.path, [0, 0])[int(defines)] += 1
    return holders


@dataclass(frozen=True, slots=True)
class _Touched:
    """What is asked of the changed paths for every candidate, told once. `some` are those compared one by one."""

    folders: frozenset[str]
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
            folders=frozenset(map(_folder, changed)),
            subjects=frozenset(map(subject_of, changed)),
            suffixes=frozenset(map(_suffix, changed)),
            any_test=any(tests),
            all_tests=all(tests),
            some=some,
            tokens=tuple(map(_tokens, some)),
        )


def _history(
    changed: frozenset[str], history: Snapshot, entries: Mapping[str, object]
) -> tuple[dict[str, float], dict[str, float], dict[str, float], Counter[str]]:
    together: dict[str, float] = defaultdict(float)
    size: dict[str, float] = defaultdict(float)
    popular: Counter[str] = Counter()
    touched: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for age, commit in enumerate(history.co_changed(sorted(changed), commits=COMMITS)):
        common = [path for path in commit if path in changed]
        touched.update(common)
        popular.update(commit)
        for path in commit:
            if path in changed or path not in entries:
                continue
            together[path] += len(common) / math.log2(1 + len(commit)) / (1 + age / 200)
            size[path] += 1 / len(commit)
            pairs.update((path, other) for other in common)
    given: dict[str, float] = defaultdict(float)
    for (path, other), times in pairs.items():
        given[path] = max(given[path], times / (touched[other] + 3))
    return together, given, size, popular


def _paths(changed: frozenset[str], entries: Mapping[str, object]) -> dict[str, float]:
    touched = _Touched.of(changed)
    folders, subjects, tokens = touched.folders, touched.subjects, touched.tokens
    known: frozenset[str] = frozenset().union(*map(_tokens, changed))
    scores: dict[str, float] = {}
    for path in entries:
        if path in changed:
            continue
        mine, subject, beside = _tokens(path), subject_of(path), _folder(path) in folders
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

    subject, test = subject_of(path), is_test_path(path)
    same = subject in touched.subjects
    return {
        "words": share("words", evidence.words),
        "words_rank": rank("words"),
        "words_log": math.log1p(evidence.words.get(path, 0.0)),
        "history": share("history", evidence.history),
        "history_rank": rank("history"),
        "history_log": math.log1p(evidence.history.get(path, 0.0)),
        "given": evidence.given.get(path, 0.0),
        "given_rank": rank("given"),
        "defines": share("defines", evidence.defines),
        "defines_rank": rank("defines"),
        "uses": share("uses", evidence.uses),
        "uses_rank": rank("uses"),
        "path_rank": rank("path"),
        "folder": float(_folder(path) in touched.folders),
        "subject": float(same and len(subject) > 2),
        "its_test": float(same and test and not touched.all_tests),
        "its_source": float(same and not test and touched.all_tests),
        "near": max((_near(path, other) for other in touched.some), default=0.0),
        "tokens": _alike(_tokens(path), touched.tokens),
        "mentions": evidence.mentions.get(path, 0.0),
        "popular": math.log1p(evidence.popular[path]),
        "suffix": float(_suffix(path) in touched.suffixes),
        "lone_test": float(test and not touched.any_test),
        "both_tests": float(test and touched.any_test),
        "named": float(subject in wanted),
        "words_count": math.log1p(evidence.count[path]),
        "size_rank": rank("size"),
    }


def _probability(features: Mapping[str, float]) -> float:
    total = _INTERCEPT + sum(WEIGHTS[name] * value for name, value in features.items())
    return 1 / (1 + math.exp(-total))


def _reason(path: str, evidence: _Evidence) -> str:
    reasons = []
    if evidence.given.get(path, 0.0) > 0.05:
        reasons.append(f"changed with these files in {evidence.given[path]:.0%} of their past commits")
    if path in evidence.defines:
        reasons.append("defines names that the change uses")
    elif path in evidence.uses:
        reasons.append("uses names that the changed files define")
    elif path in evidence.words:
        reasons.append("shares names with the change")
    if evidence.path.get(path, 0.0) >= 2:
        reasons.append("test of a changed file" if is_test_path(path) else "same subject by its name")
    return ", ".join(reasons) or "near the changed files"


def _folder(path: str) -> str:
    return path[: max(0, path.rfind("/"))]


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
