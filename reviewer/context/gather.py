"""ContextGatherer: what the reviewer of a unit should see beside the diff, within a budget of tokens."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from reviewer.change.model import Change, Hunk, LineKind, Unit
from reviewer.context.callers import caller_offers, changed_definitions, touched_lines
from reviewer.context.definitions import Candidate, find_definitions
from reviewer.context.fill import Offer, fill
from reviewer.context.guidelines import guidelines_for
from reviewer.context.model import ContextItem, ContextKind, Match, Snapshot
from reviewer.context.needs import Need, needs_of
from reviewer.context.related import Related, related_files, stems_of
from reviewer.context.secret_paths import is_secret_path
from reviewer.context.snapshot import GitSnapshot
from reviewer.context.snippets import definition_snippets, enclosing_snippet, lines_snippet
from reviewer.context.sources import Sources
from reviewer.context.symbols import Definition
from reviewer.context.tokens import count_tokens
from reviewer.context.uses import Role, uses_in_lines
from reviewer.context.words import worth_looking_up

WORDS_PER_UNIT: Final = 250
MIN_FILES: Final = 12
# Tokens of the marks that the prompt puts around an item.
FRAME: Final = 18
_SIGNATURE: Final = "def example(first: int, second: str) -> Result:"
WORDS_OF_CHANGE: Final = 250
STEMS: Final = 40
MATCHES_PER_WORD: Final = 400
LINES_READ: Final = 20_000
MIN_VALUE: Final = 0.004
RELATED_SHOWN: Final = 5
# Units are searched for in groups, so that the first is ready soon and many cost few passes over the tree.
GROUPS: Final = (1, 3, 12, 48)
MATCHES_KEPT: Final = 100_000

MIN_BUDGET: Final = 250
SHARE_OF_DIFF: Final = 0.2


def proportional_budget(diff_tokens: int, *, ceiling: int) -> int:
    """Return how many tokens of context a diff deserves: a fifth of its own, 250 at least, `ceiling` at most.

    Models get worse with more context (architecture: small and ranked beats large), and it is paid for.
    """
    return min(ceiling, max(MIN_BUDGET, round(diff_tokens * SHARE_OF_DIFF)))


class ContextGatherer:
    """Gathers context for the units of one change; any thread may call it.

    `units` lets it search for several units in one pass; it may be given later with `plan`. The result for a unit
    is the same whatever the order of the calls. `count` says what a text costs, in the unit of the budgets, and
    `frame` what the marks around an item do; None leaves headings out of the account.
    """

    def __init__(
        self,
        *,
        head: Snapshot,
        base: Snapshot | None,
        change: Change,
        units: Sequence[Unit] = (),
        count: Callable[[str], int] = count_tokens,
        frame: int | None = FRAME,
    ) -> None:
        self._head = Sources(head)
        self._base = base
        self._change = change
        self._count = count
        self._frame = frame
        self._lock = threading.RLock()
        self._groups: dict[str, tuple[Unit, ...]] = {}
        self._needs: dict[str, tuple[list[Need], list[tuple[str, Definition, bool]]]] = {}
        self._found: OrderedDict[str, Sequence[Match]] = OrderedDict()
        self._kept = 0
        self._shared: tuple[ContextItem, ...] = ()
        self._whole: tuple[dict[str, float], Mapping[str, Sequence[Match]]] | None = None
        self.plan(units)

    def plan(self, units: Sequence[Unit]) -> None:
        """Say which units will be asked for, in which order."""
        at = step = 0
        while at < len(units):
            size = GROUPS[min(step, len(GROUPS) - 1)]
            group = tuple(units[at : at + size])
            self._groups.update((unit.identity, group) for unit in group)
            at, step = at + size, step + 1

    def for_unit(self, unit: Unit, *, budget: int) -> tuple[ContextItem, ...]:
        """Return snippets for a unit, most valuable first, that together cost at most `budget`.

        What `shared_items` returned is not repeated. Raises GitFailed where the repository cannot be read.
        """
        if budget <= 0 or not unit.hunks:
            return ()
        shown = _shown(unit.hunks)
        needs, changed = self._needs_of(unit)
        matches = self._matches_of(unit)
        offers = [
            *self._definition_offers(
                find_definitions(needs, matches, self._head, shown=shown, most_files=self._most_files(budget))
            ),
            *self._enclosing_offers(unit.hunks),
            *caller_offers(changed, matches, self._head, shown=shown),
        ]
        spans = [(path, first, last) for path, found in shown.items() for first, last in found]
        spans += [(item.path, item.start_line, item.end_line) for item in self._shared]
        return fill(_public(offers), budget=budget, count=self._count, shown=spans, frame=self._frame)

    def shared_items(self, budget: int) -> tuple[ContextItem, ...]:
        """Return what serves every unit, to stand before them in every prompt so that provider caches hit.

        Definitions that several files of the change use, then files that may have to change too. Call it before
        `for_unit`, once: its budget is its own.
        """
        words, matches = self._words_of_change()
        offers: list[Offer] = []
        if len({hunk.path for hunk in self._change.hunks}) > 1:
            needs = self._common_needs(words)
            shown, most = _shown(self._change.hunks), self._most_files(budget)
            found = find_definitions(needs, matches, self._head, shown=shown, most_files=most)
            offers += self._definition_offers(found)
        offers += self._related_offers(self.related_files(limit=RELATED_SHOWN), words, matches)
        with self._lock:
            self._shared = fill(_public(offers), budget=budget, count=self._count, frame=self._frame)
            return self._shared

    def related_files(self, *, limit: int = 10) -> list[Related]:
        """Rank files that the change does not touch by how likely they should have changed with it."""
        words, matches = self._words_of_change()
        paths = sorted(
            {file.path for file in self._change.files} | {file.old_path or file.path for file in self._change.files}
        )
        history = self._base or self._head.snapshot
        return related_files(paths, words, matches, self._head.snapshot, history, limit=limit)

    def guidelines(self) -> tuple[ContextItem, ...]:
        """Return the repository's own guidelines for the changed paths, from the base commit, nearest first."""
        return guidelines_for([file.path for file in self._change.files], self._base, count=self._count)

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
        return max(MIN_FILES, budget // max(1, self._count(_SIGNATURE)))

    def _needs_of(self, unit: Unit) -> tuple[list[Need], list[tuple[str, Definition, bool]]]:
        with self._lock:
            if unit.identity not in self._needs:
                needs = needs_of(unit.hunks, self._head)[:WORDS_PER_UNIT]
                self._needs[unit.identity] = (needs, changed_definitions(unit.hunks, self._head))
            return self._needs[unit.identity]

    def _matches_of(self, unit: Unit) -> Mapping[str, Sequence[Match]]:
        group = self._groups.get(unit.identity, (unit,))
        return self._search(self._words_of_units(group))

    def _words_of_units(self, units: Sequence[Unit]) -> dict[str, None]:
        words: dict[str, None] = {}
        for unit in units:
            needs, changed = self._needs_of(unit)
            words.update(dict.fromkeys(need.name for need in needs))
            words.update(dict.fromkeys(item.name for _, item, _ in changed))
        return words

    def _search(self, words: Iterable[str]) -> Mapping[str, Sequence[Match]]:
        """Find words, each looked for once in the life of the gatherer while it fits."""
        wanted = list(dict.fromkeys(words))
        with self._lock:
            new = [word for word in wanted if word not in self._found]
            if new:
                fresh: dict[str, list[Match]] = {word: [] for word in new}
                snapshot = self._head.snapshot
                # Only a local object store is sampled: over an API every file is a request.
                common: frozenset[str] = frozenset()
                if isinstance(snapshot, GitSnapshot):
                    common = snapshot.common_words()
                rare = [word for word in new if word not in common]
                for match in snapshot.search_words(rare, limit_per_word=MATCHES_PER_WORD):
                    fresh[match.word].append(match)
                self._found.update(fresh)
            result = {word: self._found[word] for word in wanted}
            self._kept += sum(len(self._found[word]) for word in new)
            while self._kept > MATCHES_KEPT and len(self._found) > len(result):
                _, dropped = self._found.popitem(last=False)
                self._kept -= len(dropped)
            return result

    def _words_of_change(self) -> tuple[dict[str, float], Mapping[str, Sequence[Match]]]:
        with self._lock:
            if self._whole is None:
                words = _change_words(self._change.hunks)
                # The first unit is asked for next: one pass over the tree for both.
                first = next(iter(self._groups.values()), ())
                stems = stems_of(file.path for file in self._change.files)[:STEMS]
                matches = self._search([*words, *stems, *self._words_of_units(first)])
                self._whole = (words, {word: matches[word] for word in (*words, *stems)})
            return self._whole

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

    def _definition_offers(self, found: Sequence[Candidate]) -> list[Offer]:
        offers = []
        sources = self._head.many(dict.fromkeys(item.path for item in found if item.value >= MIN_VALUE))
        for item in found:
            source = sources.get(item.path)
            if item.value < MIN_VALUE or source is None:
                continue
            used = {Role.CALL: "called", Role.TYPE: "a type used"}.get(item.need.role, "used")
            offers.append(
                Offer(
                    item.path,
                    ContextKind.DEFINITION,
                    f"`{item.need.name}` is {used} at {item.need.path}:{item.need.line}",
                    item.value,
                    tuple(definition_snippets(source, item.definition)),
                    item.need.name,
                )
            )
        return offers

    def _enclosing_offers(self, hunks: Sequence[Hunk]) -> list[Offer]:
        offers = []
        for hunk in hunks:
            source = self._head.get(hunk.path)
            if source is None or not hunk.new_length:
                continue
            snippet = enclosing_snippet(source, (hunk.new_start, hunk.new_start + hunk.new_length - 1))
            if snippet is not None:
                reason = f"the code around {hunk.path}:{hunk.new_start}"
                offers.append(Offer(hunk.path, ContextKind.ENCLOSING, reason, 0.3, (snippet,)))
        return offers

    def _related_offers(
        self, related: Sequence[Related], words: Mapping[str, float], matches: Mapping[str, Sequence[Match]]
    ) -> list[Offer]:
        offers = []
        sources = self._head.many(item.path for item in related)
        for rank, item in enumerate(related):
            source = sources.get(item.path)
            if source is None or not source.lines:
                continue
            lines = [match for word in words for match in matches.get(word, ()) if match.path == item.path]
            best = max(
                lines, key=lambda match: (words[match.word] / len(matches[match.word]), -match.line), default=None
            )
            at = best.line if best is not None else 1
            offers.append(
                Offer(
                    item.path,
                    ContextKind.CO_CHANGE,
                    f"may have to change too: {item.reason}",
                    0.2 / (1 + rank),
                    (lines_snippet(source, at, at + 1, worth=0.8), lines_snippet(source, at - 3, at + 5)),
                )
            )
        return offers


def _shown(hunks: Sequence[Hunk]) -> dict[str, list[tuple[int, int]]]:
    shown: dict[str, list[tuple[int, int]]] = {}
    for hunk in hunks:
        if hunk.new_length:
            shown.setdefault(hunk.path, []).append((hunk.new_start, hunk.new_start + hunk.new_length - 1))
    return shown


def _public(offers: Iterable[Offer]) -> list[Offer]:
    return [offer for offer in offers if not is_secret_path(offer.path)]


def _change_words(hunks: Sequence[Hunk]) -> dict[str, float]:
    """Return the identifiers of the changed lines of a whole change with their weights, the heaviest only."""
    seen: dict[str, set[str]] = {}
    weights: dict[str, float] = {}
    read = 0
    for hunk in hunks:
        lines = [line for line in hunk.lines if line.kind is not LineKind.CONTEXT]
        read += len(lines)
        if read > LINES_READ:
            break
        for use in uses_in_lines([(line.new_no or line.old_no or 0, line.text) for line in lines]):
            if worth_looking_up(use.name):
                seen.setdefault(use.name, set()).add(hunk.path)
                weights[use.name] = max(weights.get(use.name, 0.0), 1.0 + 0.3 * use.role)
    # A name in several of the changed files is what ties them together.
    for name, paths in seen.items():
        weights[name] *= 1 + 0.5 * min(3, len(paths) - 1)
    best = sorted(weights, key=lambda name: (-weights[name] * min(len(name), 20), name))[:WORDS_OF_CHANGE]
    return {name: weights[name] for name in best}
