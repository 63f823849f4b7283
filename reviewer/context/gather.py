"""ContextGatherer: what the reviewer of a unit should see beside the diff, within a budget of tokens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from reviewer.change.model import Change, Hunk, Unit
from reviewer.context.callers import caller_offers, changed_definitions, touched_lines
from reviewer.context.change_text import LINES_READ, ChangeText, change_text
from reviewer.context.definitions import find_definitions
from reviewer.context.evidence import stems_of
from reviewer.context.fill import Choice, Offer, Tariff, TextAlone, choice_of, fill
from reviewer.context.finder import Finder
from reviewer.context.guidelines import guidelines_for
from reviewer.context.model import ContextItem
from reviewer.context.needs import Need, needs_of
from reviewer.context.offers import definition_offers, related_offers
from reviewer.context.related import Related, candidate_features, related_files
from reviewer.context.secret_paths import is_secret_path
from reviewer.context.sources import Sources
from reviewer.context.surroundings import NOTHING_AROUND, Surroundings, surroundings
from reviewer.context.tokens import count_tokens
from reviewer.git.commit import GitSnapshot
from reviewer.git.limits import Limit, LimitsReached, Reached, told
from reviewer.git.snapshot import Match, Snapshot
from reviewer.syntax.languages import family_of
from reviewer.syntax.symbols import Definition
from reviewer.syntax.uses import Role, uses_in_lines

# Names of a unit that are searched for: as many as signatures fit in its budget, within these two.
MIN_WORDS: Final = 100
WORDS_PER_UNIT: Final = 250
EDITED_NAMES: Final = 12
MIN_FILES: Final = 12
_SIGNATURE: Final = "def example(first: int, second: str) -> Result:"
STEMS: Final = 40
RELATED_SHOWN: Final = 5
# In a large change only the first units, the riskiest, have their names searched for, so many or as many as files
# times units come to: each costs 0.3 s of processor time for the files that define its names, and a sweep grows
# with both.
UNITS_SEARCHED: Final = 12
FILES_SEARCHED: Final = 80_000

# Needed definitions in the prompts that are sent: .79 of them with 1,500 tokens, .82 with 1,800, .86 with 2,200.
MIN_BUDGET: Final = 1800
SHARE_OF_DIFF: Final = 0.15


def proportional_budget(diff_tokens: int, *, ceiling: int, least: int = MIN_BUDGET) -> int:
    """Return how many tokens of context a diff deserves: 15 % of its own, `least` at least, `ceiling` at most."""
    return min(ceiling, max(least, round(diff_tokens * SHARE_OF_DIFF)))


class ContextGatherer:
    """Gathers context for the units of one change; any thread may call it.

    `units` lets it search for several units in one pass; it may be given later with `plan`. The result for a unit
    is the same whatever the order of the calls. `count` says what a text costs, in the unit of the budgets, and
    `tariff` what items cost beside a diff of the given paths; without it, their text alone is counted.
    """

    def __init__(
        self,
        *,
        head: Snapshot,
        base: Snapshot | None,
        change: Change,
        units: Sequence[Unit] = (),
        count: Callable[[str], int] = count_tokens,
        tariff: Callable[[tuple[str, ...]], Tariff] | None = None,
    ) -> None:
        self._head = Sources(head)
        self._base = base
        self._change = change
        self._count = count
        self._tariff = tariff or (lambda _paths: TextAlone(count))
        self._signature = max(1, count(_SIGNATURE))
        self._lock = threading.RLock()
        self._limits = LimitsReached()
        self._choices: dict[str, Choice] = {}
        self._units: tuple[Unit, ...] = ()
        self._places: dict[str, int] = {}
        self._needs: dict[str, tuple[list[Need], list[tuple[str, Definition, bool]]]] = {}
        self._finder = Finder(
            head, families=frozenset(family_of(hunk.path) for hunk in change.hunks), limits=self._limits
        )
        self._shared: tuple[ContextItem, ...] = ()
        self._whole: tuple[ChangeText, list[str]] | None = None
        self.plan(units)

    def plan(self, units: Sequence[Unit]) -> None:
        """Say which units will be asked for, in which order."""
        self._units = tuple(units)
        self._places = {unit.identity: place for place, unit in enumerate(units)}

    def around(self, unit: Unit, *, budget: int) -> Surroundings:
        """Return the lines to show around the hunks of a unit, for at most `budget` beside the hunks themselves."""
        public = [path for path in unit.paths if not is_secret_path(path)]
        return surroundings(unit.hunks, self._head.parsed(public), budget=budget, count=self._count)

    def for_unit(
        self, unit: Unit, *, budget: int, around: Surroundings = NOTHING_AROUND
    ) -> tuple[ContextItem, ...]:
        """Return snippets for a unit, most valuable first, that together cost at most `budget`.

        What `shared_items` returned is not repeated, and nothing that `around` shows with the hunks. Raises
        GitFailed where the repository cannot be read.
        """
        if budget <= 0 or not unit.hunks:
            return ()
        shown = _shown(unit.hunks)
        for path, lines in around.spans.items():
            shown.setdefault(path, []).extend(lines)
        defined, used = self._searched_offers(unit, budget, shown) if self._is_searched(unit) else ([], [])
        offers = [*defined, *used]
        spans = [(path, first, last) for path, found in shown.items() for first, last in found]
        spans += [(item.path, item.start_line, item.end_line) for item in self._shared]
        offers, tariff = _public(offers), self._tariff(unit.paths)
        items = fill(offers, budget=budget, tariff=tariff, shown=spans)
        with self._lock:
            self._choices[unit.identity] = choice_of(offers, items, budget=budget, tariff=tariff, shown=spans)
        return items

    def _searched_offers(
        self, unit: Unit, budget: int, shown: Mapping[str, Sequence[tuple[int, int]]]
    ) -> tuple[list[Offer], list[Offer]]:
        """Return what the names of a unit lead to: definitions of what it uses, and users of what it edits."""
        needs, changed = self._needs_of(unit)
        most = self._most_words(budget)
        self._limits.note(Limit.UNIT_NAMES, most, len(needs) - most, where=unit.identity)
        matches = self._matches_of(unit, budget)
        found = find_definitions(
            needs[:most],
            matches,
            self._head,
            shown=shown,
            most_files=self._most_files(budget),
            common=self._finder.common(),
            limits=self._limits,
            where=unit.identity,
        )
        used = caller_offers(changed, matches, self._head, shown=shown)
        return definition_offers(found, self._head), used

    def choice(self, unit: Unit) -> Choice | None:
        """Return what `for_unit` chose from for a unit, None where it was not asked."""
        return self._choices.get(unit.identity)

    def shared_items(self, budget: int) -> tuple[ContextItem, ...]:
        """Return what serves every unit, to stand before them in every prompt so that provider caches hit.

        Definitions that several files of the change use, then files that may have to change too. Call it once,
        before `for_unit` for the units that it stands before: its budget is its own.
        """
        text, matches = self._words_of_change()
        offers: list[Offer] = []
        if len({hunk.path for hunk in self._change.hunks}) > 1:
            needs = self._common_needs(text.words)
            shown, most = _shown(self._change.hunks), self._most_files(budget)
            found = find_definitions(needs, matches, self._head, shown=shown, most_files=most)
            offers += definition_offers(found, self._head)
        related = related_files(*self._of_change(text, matches), limit=RELATED_SHOWN)
        offers += related_offers(related, text.words, matches, self._head)
        with self._lock:
            self._shared = fill(_public(offers), budget=budget, tariff=self._tariff(()))
            return self._shared

    def related_files(self, *, limit: int = 10) -> list[Related]:
        """Rank files that the change does not touch by how likely they should have changed with it."""
        return related_files(*self._of_change(*self._words_of_change()), limit=limit)

    def related_features(self) -> dict[str, dict[str, float]]:
        """Return what `related_files` weighs, by path: for fitting its weights."""
        return candidate_features(*self._of_change(*self._words_of_change()))

    def _of_change(
        self, text: ChangeText, matches: Mapping[str, Sequence[Match]]
    ) -> tuple[list[str], ChangeText, Mapping[str, Sequence[Match]], Snapshot, Snapshot]:
        paths = sorted(
            {file.path for file in self._change.files} | {file.old_path or file.path for file in self._change.files}
        )
        return paths, text, matches, self._head.snapshot, self._base or self._head.snapshot

    def guidelines(self, budget: int) -> tuple[ContextItem, ...]:
        """Return the repository's own guidelines for the changed paths, from the base commit, nearest first."""
        paths = [file.path for file in self._change.files]
        return guidelines_for(paths, self._base, budget=budget, count=self._count, limits=self._limits)

    def release(self) -> None:
        """Drop what was read, parsed and found; which limits were reached stays known."""
        with self._lock:
            self._head.release()
            self._needs.clear()
            self._whole = None
            self._finder.release()
            for one in (self._head.snapshot, self._base):
                if isinstance(one, GitSnapshot):
                    one.release()

    def limits_reached(self) -> tuple[Reached, ...]:
        """Return which limits were reached so far; one of a unit names its identity as the place."""
        snapshots = [one for one in (self._head.snapshot, self._base) if isinstance(one, GitSnapshot)]
        return told(
            [
                *self._limits.all(),
                *self._head.limits.all(),
                *(item for one in snapshots for item in one.limits.all()),
            ]
        )

    def related(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Return, for (path, hunk header), the functions that the hunk edits: hunks that share one go together."""
        symbols: dict[tuple[str, str], tuple[str, ...]] = {}
        for hunk in self._change.hunks:
            source = self._head.get(hunk.path)
            if source is None:
                continue
            around = [item for line in sorted(touched_lines(hunk)) for item in source.enclosing(line, line)[:1]]
            names = dict.fromkeys(f"{hunk.path}:{item.name}" for item in around if not item.members)
            symbols[hunk.path, hunk.header] = tuple(names)
        return symbols

    def _most_files(self, budget: int) -> int:
        """Return how many files are worth parsing: no more than signatures fit in the budget."""
        return max(MIN_FILES, budget // self._signature)

    def _most_words(self, budget: int) -> int:
        """Return how many of a unit's names, the most wanted first, are worth a search."""
        return max(MIN_WORDS, min(WORDS_PER_UNIT, budget // self._signature))

    def _needs_of(self, unit: Unit) -> tuple[list[Need], list[tuple[str, Definition, bool]]]:
        with self._lock:
            if unit.identity not in self._needs:
                hunks = [hunk for hunk in unit.hunks if not is_secret_path(hunk.path)]
                needs = needs_of(hunks, self._head)
                changed = changed_definitions(hunks, self._head)
                place = unit.identity
                self._limits.note(Limit.EDITED_NAMES, EDITED_NAMES, len(changed) - EDITED_NAMES, where=place)
                self._needs[unit.identity] = (needs, changed[:EDITED_NAMES])
            return self._needs[unit.identity]

    def _is_searched(self, unit: Unit) -> bool:
        """Tell by its place whether a unit's names are searched for, so that the order of calls changes nothing."""
        units = max(UNITS_SEARCHED, FILES_SEARCHED // max(1, len(self._head.snapshot.entries())))
        self._limits.note(Limit.UNITS, units, len(self._units) - units)
        return self._places.get(unit.identity, 0) < units

    def _matches_of(self, unit: Unit, budget: int) -> Mapping[str, Sequence[Match]]:
        """Find a unit's words; those of the units that follow the first are looked for in the same pass."""
        place = self._places.get(unit.identity, 0)
        return self._find(self._words_of(unit, budget), ahead=self._units[place + 1 :] if place else ())

    def _find(self, words: Iterable[str], *, ahead: Iterable[Unit] = ()) -> Mapping[str, Sequence[Match]]:
        """Find words; when a pass over the tree is made for them, it is made for those of the units `ahead` too."""

        def words_ahead() -> list[str]:
            # By the largest budget, so that none of them is left for another pass.
            return [word for unit in ahead if self._is_searched(unit) for word in self._words_of(unit, None)]

        def needs() -> list[Need]:
            return [need for found, _ in list(self._needs.values()) for need in found]

        return self._finder.find(words, ahead=words_ahead, needs=needs)

    def _words_of(self, unit: Unit, budget: int | None) -> dict[str, None]:
        needs, changed = self._needs_of(unit)
        names = [need.name for need in needs[: WORDS_PER_UNIT if budget is None else self._most_words(budget)]]
        return dict.fromkeys((*names, *(item.name for _, item, _ in changed)))

    def _words_of_change(self) -> tuple[ChangeText, Mapping[str, Sequence[Match]]]:
        with self._lock:
            if self._whole is None:
                text = change_text(self._change.hunks, self._limits)
                stems = stems_of(file.path for file in self._change.files)
                self._limits.note(Limit.CHANGED_FILES, STEMS, len(stems) - STEMS)
                self._whole = (text, stems[:STEMS])
        text, stems = self._whole
        matches = self._find((*text.words, *stems), ahead=self._units[1:])
        # The places of a common word are not known, only its definitions.
        common = self._finder.common()
        return text, {word: () if word in common else matches[word] for word in (*text.words, *stems)}

    def _common_needs(self, words: Mapping[str, float]) -> list[Need]:
        """Names that added lines of several files use."""
        users: dict[str, dict[str, int]] = {}
        read = 0
        for hunk in self._change.hunks:
            read += len(hunk.lines)
            if read > LINES_READ:
                break
            for line in hunk.added:
                for use in uses_in_lines([(line.new_no or 0, line.text)]):
                    if use.name in words:
                        users.setdefault(use.name, {}).setdefault(hunk.path, use.line)
        return [
            Need(name, Role.CALL, 1.0, len(paths), *next(iter(paths.items())))
            for name, paths in users.items()
            if len(paths) > 1
        ]


def _shown(hunks: Sequence[Hunk]) -> dict[str, list[tuple[int, int]]]:
    shown: dict[str, list[tuple[int, int]]] = {}
    for hunk in hunks:
        if hunk.new_length:
            shown.setdefault(hunk.path, []).append((hunk.new_start, hunk.new_start + hunk.new_length - 1))
    return shown


def _public(offers: Iterable[Offer]) -> list[Offer]:
    return [offer for offer in offers if not is_secret_path(offer.path)]
