"""Likeness of paths: what a file's name and place have in common with those of the changed files."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from reviewer.context.folders import folder_of, shared_folders
from reviewer.syntax.languages import family_of
from reviewer.syntax.test_paths import is_test_path, subject_of

# Of a change of thousands of files so many, evenly chosen, are compared with every candidate by name and place.
COMPARED: Final = 200
_TOKEN: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True, slots=True)
class Touched:
    """What is asked of the changed paths for every candidate, told once. `some` are those compared one by one.

    `known` says of how many changed paths a token is part, folders included.
    """

    paths: frozenset[str]
    folders: frozenset[str]
    families: frozenset[str]
    subjects: frozenset[str]
    suffixes: frozenset[str]
    any_test: bool
    all_tests: bool
    some: tuple[str, ...]
    tokens: tuple[frozenset[str], ...]
    known: Counter[str]

    @classmethod
    def of(cls, changed: frozenset[str]) -> Touched:
        """Read the changed paths."""
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
            tokens=tuple(map(name_tokens, some)),
            known=Counter(token for path in changed for token in path_tokens(path)),
        )

    def likeness(self, path: str, rarity: Mapping[str, float]) -> dict[str, float]:
        """Return features of a path by itself; `rarity` is that of the tokens of paths."""
        subject, test = subject_of(path), is_test_path(path)
        same, mine = subject in self.subjects, path_tokens(path)
        # Sums of sets, so that no order of theirs shows in the last digits.
        whole = math.fsum(rarity.get(token, 0.0) for token in mine)
        shared = {token: rarity.get(token, 0.0) for token in mine if token in self.known}
        often = math.fsum(weight * self.known[token] for token, weight in shared.items()) / max(1, len(self.paths))
        return {
            "folder": float(folder_of(path) in self.folders),
            "subject": float(same and len(subject) > 2),
            "its_test": float(same and test and not self.all_tests),
            "its_source": float(same and not test and self.all_tests),
            "near": max((shared_folders(path, other) for other in self.some), default=0.0),
            "tokens": _alike(name_tokens(path), self.tokens),
            "suffix": float(_suffix(path) in self.suffixes),
            "lone_test": float(test and not self.any_test),
            "both_tests": float(test and self.any_test),
            "same_family": float(family_of(path) in self.families),
            "place": math.fsum(shared.values()) / whole if whole else 0.0,
            "place_log": math.log1p(often),
        }


def rarity_of_tokens(paths: Iterable[str]) -> dict[str, float]:
    """Return, for every token of the paths, the logarithm of how many of them there are for one that has it."""
    every = list(paths)
    holding = Counter(token for path in every for token in path_tokens(path))
    return {token: math.log(len(every) / count) for token, count in holding.items()}


def likely_paths(touched: Touched, paths: Iterable[str]) -> dict[str, float]:
    """Score the paths that stand beside a changed file, share its subject or look like it; others are left out."""
    known: frozenset[str] = frozenset().union(*map(name_tokens, touched.paths))
    scores: dict[str, float] = {}
    for path in paths:
        if path in touched.paths:
            continue
        mine, subject, beside = name_tokens(path), subject_of(path), folder_of(path) in touched.folders
        same = subject in touched.subjects and len(subject) > 2
        if not beside and not same and mine.isdisjoint(known):
            continue
        likeness = _alike(mine, touched.tokens)
        if beside or same or likeness > 0.3:
            scores[path] = float(beside) + 2.0 * same + likeness
    return scores


@lru_cache(maxsize=65536)
def name_tokens(path: str) -> frozenset[str]:
    """Return the words of a file's name, in lower case, those of two letters left out.

    >>> sorted(name_tokens("lib/HttpClient_2.test.ts"))
    ['client', 'http']
    """
    return _words(path.rpartition("/")[2].partition(".")[0])


def path_tokens(path: str) -> frozenset[str]:
    """Return the words of a file's name and of its folders.

    >>> sorted(path_tokens("src/http/Client.ts"))
    ['client', 'http', 'src']
    """
    return name_tokens(path) | _words(folder_of(path))


@lru_cache(maxsize=65536)
def _words(text: str) -> frozenset[str]:
    return frozenset(token.lower() for token in _TOKEN.findall(text) if len(token) > 2)


def _alike(mine: frozenset[str], others: Iterable[frozenset[str]]) -> float:
    return max((len(mine & theirs) / max(1, len(mine | theirs)) for theirs in others), default=0.0)


def _suffix(path: str) -> str:
    return path.rpartition(".")[2]
