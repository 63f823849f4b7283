"""Evidence: what shared names, shared lines, history and paths say of every file that a change leaves alone."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from reviewer.context.change_text import ChangeText
from reviewer.context.likeness import Touched, likely_paths, rarity_of_tokens
from reviewer.context.past import Past, past_of
from reviewer.git.search import defines_its_word
from reviewer.git.snapshot import Match, Snapshot, TreeEntry
from reviewer.syntax.languages import language_of
from reviewer.syntax.test_paths import subject_of

COMMITS: Final = 5000
# How many of each ranking are weighed at all.
DEPTH: Final = 60
# Reciprocal ranks, damped: Cormack, Clarke and Büttcher, SIGIR 2009.
_DAMP: Final = 5
# A file that changed so many commits ago is half as recent as one that changed in the last.
_RECENT: Final = 20
# A name of so many letters is rarely two things.
_LONG: Final = 8


def _scores() -> dict[str, float]:
    return defaultdict(float)


@dataclass(slots=True)
class Names:
    """What a file shares with the change by names and lines, by path.

    `words` sums up the weights of names that it holds by their rarity, `defines` those of which it has the
    definition, `uses` those that a changed file defines; `rarest` is the rarity of the rarest; `few` sums up what
    each name gives when all files that hold it share it, `several` those that several changed files have, `long`
    the long ones. `mentions` is how rare the name of a changed file is. `same_…` count the changed lines, and the
    lines around them, that it has too, letter for letter.
    """

    words: dict[str, float] = field(default_factory=_scores)
    count: Counter[str] = field(default_factory=Counter)
    defines: dict[str, float] = field(default_factory=_scores)
    uses: dict[str, float] = field(default_factory=_scores)
    rarest: dict[str, float] = field(default_factory=_scores)
    few: dict[str, float] = field(default_factory=_scores)
    several: dict[str, float] = field(default_factory=_scores)
    long: dict[str, float] = field(default_factory=_scores)
    mentions: dict[str, float] = field(default_factory=_scores)
    same_removed: Counter[str] = field(default_factory=Counter)
    same_added: Counter[str] = field(default_factory=Counter)
    same_around: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Evidence:
    """All that is known of the files; `path` is how likely each is by its name and place, `rarity` that of the
    tokens of paths.
    """

    wanted: frozenset[str]
    touched: Touched
    names: Names
    past: Past
    path: Mapping[str, float]
    rarity: Mapping[str, float]
    entries: Mapping[str, TreeEntry]

    def candidates(self) -> dict[str, dict[str, float]]:
        """Return the features of every file that is among the first of any ranking, by path."""
        names, past = self.names, self.past
        shares = {
            "words": names.words,
            "history": past.together,
            "defines": names.defines,
            "uses": names.uses,
            "several": names.several,
            "churn": past.churn,
            "now": past.now,
            "fold": past.folder,
        }
        ranked: dict[str, Mapping[str, float]] = {
            "words": names.words,
            "history": past.together,
            "given": past.given,
            "path": self.path,
            "defines": names.defines,
            "uses": names.uses,
            "mentions": names.mentions,
            "size": past.size,
            "churn": past.churn,
            "fold": past.folder,
        }
        # These only tell candidates apart: what they find, the others find too.
        telling: dict[str, Mapping[str, float]] = {
            "several": names.several,
            "rarest": names.rarest,
            "few": names.few,
            "long": names.long,
            "same": +names.same_removed,
        }
        ranks = {name: _ranks(scores) for name, scores in ranked.items()}
        found = {path for order in ranks.values() for path, rank in order.items() if rank < DEPTH}
        ranks |= {name: _ranks(scores) for name, scores in telling.items()}
        del ranks["mentions"]
        most = {name: max(scores.values(), default=0.0) or 1.0 for name, scores in shares.items()}
        return {
            path: {
                **{name: scores.get(path, 0.0) / most[name] for name, scores in shares.items()},
                **{f"{name}_rank": _damped(order.get(path)) for name, order in ranks.items()},
                **self._of_names(path),
                **self._of_past(path),
                **self.touched.likeness(path, self.rarity),
            }
            for path in sorted(found)
        }

    def _of_names(self, path: str) -> dict[str, float]:
        names, size = self.names, self.entries[path].size if path in self.entries else 0
        return {
            "words_log": math.log1p(names.words.get(path, 0.0)),
            "words_count": math.log1p(names.count[path]),
            "rarest": names.rarest.get(path, 0.0),
            "few_log": math.log1p(names.few.get(path, 0.0)),
            "several_log": math.log1p(names.several.get(path, 0.0)),
            "long_log": math.log1p(names.long.get(path, 0.0)),
            "mentions": names.mentions.get(path, 0.0),
            "same_removed": math.log1p(names.same_removed[path]),
            "same_added": math.log1p(names.same_added[path]),
            "same_around": math.log1p(names.same_around[path]),
            "named": float(subject_of(path) in self.wanted),
            "bytes_log": math.log1p(max(0, size)),
            "code": float(language_of(path) is not None),
        }

    def _of_past(self, path: str) -> dict[str, float]:
        past, changed = self.past, max(1, len(self.touched.paths))
        churn, together = past.churn.get(path, 0.0), past.together.get(path, 0.0)
        return {
            "history_log": math.log1p(together),
            "given": past.given.get(path, 0.0),
            "popular": math.log1p(past.popular[path]),
            "smallest": 1 / past.smallest[path] if path in past.smallest else 0.0,
            "partners": past.partners[path] / changed,
            "times_log": math.log1p(past.times.get(path, 0)),
            "churn_log": math.log1p(churn),
            "last": 1 / (1 + past.last.get(path, COMMITS) / _RECENT),
            "last_log": math.log1p(past.last.get(path, COMMITS)),
            "lift": together / (churn + 1),
            "together": math.log1p(together) / math.sqrt(changed),
        }


def evidence_of(
    changed: frozenset[str],
    text: ChangeText,
    matches: Mapping[str, Sequence[Match]],
    entries: Mapping[str, TreeEntry],
    history: Snapshot,
) -> Evidence:
    """Gather the evidence for each of `entries` but the changed; `matches` has the places of names and stems."""
    touched = Touched.of(changed)
    return Evidence(
        wanted=frozenset(word.lower() for word in text.words),
        touched=touched,
        names=_names_of(changed, text, matches, files=len(entries)),
        past=past_of(changed, history, entries, commits=COMMITS),
        path=likely_paths(touched, entries),
        rarity=rarity_of_tokens(entries),
        entries=entries,
    )


def stems_of(paths: Iterable[str]) -> list[str]:
    """Return the names that other files call the given files by."""
    return list(dict.fromkeys(path.rpartition("/")[2].partition(".")[0] for path in paths))


def _names_of(
    changed: frozenset[str], text: ChangeText, matches: Mapping[str, Sequence[Match]], *, files: int
) -> Names:
    names = Names()
    for word, weight in text.words.items():
        holders = _holders(matches.get(word, ()))
        rarity = math.log(files / len(holders)) if files > len(holders) > 0 else 0.0
        ours = any(holders[path][1] for path in changed if path in holders)
        others = len(holders.keys() - changed)
        for path, (used, defined) in holders.items():
            if path in changed:
                continue
            names.words[path] += weight * rarity * (1 + 0.2 * math.log(used + defined))
            names.count[path] += 1
            names.rarest[path] = max(names.rarest[path], rarity)
            names.few[path] += weight / others
            if word in text.several:
                names.several[path] += rarity
            if len(word) >= _LONG:
                names.long[path] += rarity
            if defined:
                names.defines[path] += weight * rarity
            elif ours:
                names.uses[path] += weight * rarity
    for stem in stems_of(changed):
        holding = {match.path for match in matches.get(stem, ())}
        rarity = math.log(files / len(holding)) / math.log(files) if files > len(holding) > 0 else 0.0
        for path in holding - changed:
            names.mentions[path] = max(names.mentions[path], rarity)
    _count_lines(names, changed, text, matches)
    return names


def _count_lines(
    names: Names, changed: frozenset[str], text: ChangeText, matches: Mapping[str, Sequence[Match]]
) -> None:
    known = text.removed | text.added | text.around
    held = {
        (match.path, line)
        for word in text.words
        for match in matches.get(word, ())
        if (line := match.text.strip()) in known and match.path not in changed
    }
    for path, line in held:
        names.same_removed[path] += line in text.removed
        names.same_added[path] += line in text.added
        names.same_around[path] += line in text.around


def _holders(matches: Sequence[Match]) -> dict[str, list[int]]:
    """Return, by path, how many lines use a word and how many define it."""
    holders: dict[str, list[int]] = {}
    for match in matches:
        holders.setdefault(match.path, [0, 0])[int(defines_its_word(match))] += 1
    return holders


def _ranks(scores: Mapping[str, float]) -> dict[str, int]:
    return {path: rank for rank, path in enumerate(sorted(scores, key=lambda path: (-scores[path], path)))}


def _damped(rank: int | None) -> float:
    return 0.0 if rank is None else 1 / (1 + rank / _DAMP)
