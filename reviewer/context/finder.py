"""Finder: where the names of a change stand in the tree, each looked for once, in as few passes as can be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from reviewer.context.common import COMMON_NAMES, names_to_define, phrases
from reviewer.context.needs import Need
from reviewer.git.commit import GitSnapshot
from reviewer.git.limits import Limit, LimitsReached
from reviewer.git.places import Places
from reviewer.git.snapshot import Match, Snapshot

MATCHES_PER_WORD: Final = 400
# From so many words on one sweep is cheaper than `git grep`, whatever the size of the tree, for both grow with it:
# on 3,600 files (68 MB) 100 words take 1.5 s of processor time (a sweep 2.0), 400 take 3.1 (3.2), 1,200 in three
# greps 7.7 (4.4).
SWEEP_FROM: Final = 400
# Over an API only what was read is searched; so many words at once.
WORDS_PER_PASS: Final = 400
MATCHES_KEPT: Final = 300_000


class Finder:
    """Finds words in one commit and remembers where; any thread may call it. A word's places do not depend on what
    else is looked for, or when. `families` are those of the changed files.
    """

    def __init__(self, snapshot: Snapshot, *, families: AbstractSet[str], limits: LimitsReached) -> None:
        self._snapshot = snapshot
        self._families = families
        self._limits = limits
        self._lock = threading.RLock()
        self._places = Places()
        # Common words of which the definitions were looked for.
        self._defined: set[str] = set()

    def find(
        self,
        words: Iterable[str],
        *,
        ahead: Callable[[], Iterable[str]] = tuple,
        needs: Callable[[], Iterable[Need]] = tuple,
    ) -> Mapping[str, Sequence[Match]]:
        """Return the places of words; when a pass is made for them, it is made for the words `ahead` too.

        Of common words only the lines that define them are found, of those that the `needs` call or use as a type.
        Raises GitFailed where the repository cannot be read.
        """
        wanted = list(dict.fromkeys(words))
        with self._lock:
            if not all(word in self._places for word in wanted) or self._to_define(wanted, needs):
                self._look_for(wanted, list(dict.fromkeys(ahead())), needs)
            return {word: self._places.of(word) for word in wanted}

    def release(self) -> None:
        """Forget the places; what is looked for again is found again."""
        with self._lock:
            self._places = Places()
            self._defined.clear()

    def common(self) -> frozenset[str]:
        """Return the words that stand in too many files to look for."""
        # Only a local object store is sampled: over an API every file is a request.
        return self._snapshot.common_words() if isinstance(self._snapshot, GitSnapshot) else frozenset()

    def _look_for(self, wanted: Sequence[str], ahead: Sequence[str], needs: Callable[[], Iterable[Need]]) -> None:
        common = self.common()
        new = [word for word in wanted if word not in self._places]
        later = [word for word in ahead if word not in self._places and word not in new]
        swept = isinstance(self._snapshot, GitSnapshot) and len(new) + len(later) > SWEEP_FROM
        if not isinstance(self._snapshot, GitSnapshot):
            later = later[: max(0, WORDS_PER_PASS - len(new))]
        lone = self._to_define([*wanted, *later], needs, most=None if swept else COMMON_NAMES)
        for word in common.intersection((*new, *later)).difference(lone):
            self._limits.note(Limit.COMMON_NAMES, 0, 1, where=word)
        self._make_room({*wanted, *ahead})
        self._places.add((), words=common.intersection((*new, *later)))
        self._defined.update(lone)
        plain, plain_later = ([word for word in some if word not in common] for some in (new, later))
        if isinstance(self._snapshot, GitSnapshot) and swept:
            self._places = self._snapshot.sweep_words(
                plain,
                self._places,
                ahead=plain_later,
                limit_per_word=MATCHES_PER_WORD,
                most=MATCHES_KEPT,
                phrases=lone,
            )
        else:
            self._places.add(self._grep([*plain, *plain_later], lone), words=(*plain, *plain_later))
        for word in (*plain, *plain_later):
            if self._places.count_of(word) >= MATCHES_PER_WORD:
                self._limits.note(Limit.PLACES, MATCHES_PER_WORD, None, where=word)

    def _grep(self, words: Sequence[str], defined: Mapping[str, Sequence[str]]) -> Sequence[Match]:
        if isinstance(self._snapshot, GitSnapshot) and defined:
            return self._snapshot.search_words(words, limit_per_word=MATCHES_PER_WORD, phrases=defined)
        return self._snapshot.search_words(words, limit_per_word=MATCHES_PER_WORD)

    def _make_room(self, wanted: AbstractSet[str]) -> None:
        """Drop what is not wanted now when the half is full: a pass may be made for other words again."""
        if self._places.count > MATCHES_KEPT // 2:
            self._places = self._places.without({word for word in self._places.words() if word not in wanted})
            self._defined = {word for word in self._defined if word in self._places}

    def _to_define(
        self, words: Iterable[str], needs: Callable[[], Iterable[Need]], *, most: int | None = COMMON_NAMES
    ) -> dict[str, list[str]]:
        """Return phrases for the common words whose definitions are wanted and that were not looked for yet."""
        common = self.common().intersection(words).difference(self._defined)
        if not common:
            return {}
        names = names_to_define(needs(), common, most=most)
        return {name: phrases(name, self._families) for name in names}
