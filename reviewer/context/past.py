"""Past: what the newest commits say of which files change, together and alone, in one reading of the history."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from reviewer.context.folders import folder_of
from reviewer.git.snapshot import Snapshot

# So many commits ago a commit counts for half as much: of those that touch a changed file, and of all.
_AGE_TOGETHER: Final = 200
_AGE_ALONE: Final = 200
_NOW: Final = 15


@dataclass(slots=True)
class Past:
    """Scores of files by path; a file that no past commit touched has none.

    `together` is how often a file changed with the changed ones, small and new commits weighing more; `given` the
    largest share of a changed file's commits that touched it; `size` the same by the size of the commits; `popular`
    in how many of those commits it was, `smallest` how many files the least of them had, `partners` with how many
    of the changed files it ever changed. Of all commits: `times` is in how many a file was, `churn` how much it
    changes, `now` the same of the newest, `last` how many commits ago it last did, and `folder` how much it changes
    with files of those folders.
    """

    together: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    given: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    size: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    popular: Counter[str] = field(default_factory=Counter)
    smallest: dict[str, int] = field(default_factory=dict)
    partners: Counter[str] = field(default_factory=Counter)
    times: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    churn: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    now: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    last: dict[str, int] = field(default_factory=dict)
    folder: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def past_of(changed: frozenset[str], history: Snapshot, entries: Mapping[str, object], *, commits: int) -> Past:
    """Read the last `commits` commits; only files of `entries` that are not `changed` themselves are told of."""
    past = Past()
    folders = {folder_of(path) for path in changed}
    touched: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    both = 0
    for age, commit in enumerate(history.co_changed([*entries, *changed], commits=commits)):
        others = [path for path in commit if path in entries and path not in changed]
        common = [path for path in commit if path in changed]
        beside = not folders.isdisjoint(map(folder_of, commit))
        alone, near = 1 / math.sqrt(len(commit)), 1 / math.log2(1 + len(commit))
        fading = 1 / (1 + age / _AGE_ALONE)
        newest = math.exp(-age / _NOW)
        for path in others:
            past.times[path] += 1
            past.churn[path] += alone * fading
            past.now[path] += alone * newest
            past.last.setdefault(path, age)
            if beside:
                past.folder[path] += near * fading
        if not common:
            continue
        touched.update(common)
        past.popular.update(commit)
        for path in others:
            past.together[path] += len(common) * near / (1 + both / _AGE_TOGETHER)
            past.size[path] += 1 / len(commit)
            past.smallest[path] = min(len(commit), past.smallest.get(path, len(commit)))
            pairs.update((path, other) for other in common)
        both += 1
    for (path, other), times in pairs.items():
        past.given[path] = max(past.given[path], times / (touched[other] + 3))
        past.partners[path] += 1
    return past
