"""Old versions: what the names of a unit meant before the change, where another part of it redefines them."""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Final

from reviewer.change.model import Change, FileChange, FileStatus, Hunk, LineKind
from reviewer.context.definitions import Candidate
from reviewer.context.fill import Offer
from reviewer.context.folders import folder_of
from reviewer.context.model import ContextKind
from reviewer.context.needs import REMOVED_WEIGHT, Need
from reviewer.context.old_text import (
    PIECES_LINES,
    Now,
    Old,
    OldText,
    header_of,
    is_alike,
    moved_text,
    rewritten_text,
    whole_text,
)
from reviewer.context.secret_paths import is_secret_path
from reviewer.context.snippets import definition_snippets
from reviewer.context.sources import Sources
from reviewer.context.words import worth_looking_up
from reviewer.git.limits import Limit, LimitsReached
from reviewer.git.search import looks_like_definition
from reviewer.git.snapshot import Snapshot
from reviewer.syntax.languages import family_of
from reviewer.syntax.symbols import Definition, Source
from reviewer.syntax.uses import Role

# Files of the base that are read for one unit: over an API each is a request.
OLD_FILES: Final = 4
# Lines of the diff that are looked through for what they define.
DIFF_LINES: Final = 20_000
NEW_PLACES: Final = 2
KEEP_BYTES: Final = 1024 * 1024

PIECES_VALUE: Final = 0.12
REST_VALUE: Final = 0.4
# One that is gone is in no list of what may be meant.
GONE_VALUE: Final = 0.2
STILL_USED_VALUE: Final = 0.3
ELSEWHERE: Final = 0.5
_ROLES: Final = {Role.CALL: 1.0, Role.TYPE: 0.7, Role.NAME: 0.5, Role.ATTRIBUTE: 0.0}

_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][\w$]*")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A name whose old definition a unit could use; `need` is None where the unit's own added lines define it."""

    name: str
    path: str
    need: Need | None = None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who the old versions are for: the lines of the base that `hunks` show, and what their names mean now.

    `likely` is the probability that the definition at a path and line of the head is meant, `names` that of the
    likeliest of each name.
    """

    hunks: Sequence[Hunk]
    seen: Mapping[str, frozenset[int]]
    likely: Mapping[tuple[str, int], float]
    names: Mapping[str, float]


class OldVersions:
    """Finds old versions for the units of one change; any thread may ask.

    What a unit's own diff shows of the base, in its removed and its context lines, is never offered.
    """

    def __init__(self, change: Change, base: Snapshot | None, head: Sources, limits: LimitsReached) -> None:
        self._base = Sources(base, keep_bytes=KEEP_BYTES) if base is not None else None
        self._head = head
        self._limits = limits
        self._lock = threading.RLock()
        self._files = {file.path: file for file in change.files if _is_comparable(file)}
        self._old_files = {old_path(file): file for file in self._files.values()}
        self._change = change

    def offers(
        self, hunks: Sequence[Hunk], needs: Sequence[Need], found: Sequence[Candidate], *, where: str = ""
    ) -> list[Offer]:
        """Return what the names of some hunks meant in the base, where the change edits it out of their sight.

        `needs` are the names that the hunks use, the most wanted first, and `found` the definitions that they have
        now, with the probability that each is what is meant: of a namesake it is low. At most OLD_FILES files of
        the base are read; `where` is the place at which a limit is noted. Raises GitFailed where the base cannot
        be read.
        """
        if self._base is None:
            return []
        with self._lock:
            reader = self._reader(hunks, found)
            wanted = list(_wanted(hunks, needs, self._defined[0]))
            places = [(item, self._places(item, reader)) for item in wanted]
            pieces = list(self._in_pieces(hunks))
            paths = dict.fromkeys([path for _, there in places for path in there] + [path for path, _ in pieces])
            self._limits.note(Limit.OLD_FILES, OLD_FILES, len(paths) - OLD_FILES, where=where)
            sources = self._base.parsed(list(paths)[:OLD_FILES])
            offers: dict[tuple[str, int], Offer] = {}
            for item, there in places:
                for source in [sources[path] for path in there if path in sources]:
                    for old in self._edited(source, item, reader):
                        offer = self._offer(old, item, reader)
                        if offer is not None:
                            offers.setdefault((source.path, old.definition.line), offer)
            for path, definition in pieces:
                for old in self._rewritten(sources.get(path), definition):
                    form = whole_text(old, reader.seen.get(path, frozenset()))
                    text = OldText(PIECES_VALUE, ", whole", (form,) if form else ())
                    offer = _offered(old, text, 1.0, reader)
                    if offer is not None:
                        offers.setdefault((path, old.definition.line), offer)
            return list(offers.values())

    @cached_property
    def _defined(self) -> tuple[dict[str, list[tuple[str, Hunk]]], dict[str, list[str]]]:
        """Names that old lines of the diff define, with path and hunk; and where added lines define those again."""
        old: dict[str, list[tuple[str, Hunk]]] = {}
        new: dict[str, list[str]] = {}
        hunks, lines = self._change.hunks, list(accumulate(len(hunk.lines) for hunk in self._change.hunks))
        read = hunks[: bisect_right(lines, DIFF_LINES)]
        self._limits.note(Limit.OLD_LINES, DIFF_LINES, lines[-1] - DIFF_LINES if lines else 0)
        for hunk in read:
            file = self._files.get(hunk.path)
            if file is not None and hunk.removed:
                texts = [line.text for line in hunk.lines if line.kind is not LineKind.ADDED]
                for name in _defined_in([hunk.section, *texts]):
                    old.setdefault(name, []).append((old_path(file), hunk))
        for hunk in read:
            for name in _defined_in((line.text for line in hunk.added), old):
                new.setdefault(name, []).append(hunk.path)
        return old, new

    def _reader(self, hunks: Sequence[Hunk], found: Sequence[Candidate]) -> _Reader:
        seen: dict[str, set[int]] = {}
        for hunk in hunks:
            file = self._files.get(hunk.path)
            if file is not None:
                numbers = seen.setdefault(old_path(file), set())
                numbers.update(line.old_no for line in hunk.lines if line.old_no is not None)
        likely: dict[tuple[str, int], float] = {}
        names: dict[str, float] = {}
        for item in found:
            key, name = (item.path, item.definition.line), item.need.name
            likely[key] = max(likely.get(key, 0.0), item.value)
            names[name] = max(names.get(name, 0.0), item.value)
        return _Reader(hunks, {path: frozenset(numbers) for path, numbers in seen.items()}, likely, names)

    def _places(self, item: _Wanted, reader: _Reader) -> list[str]:
        """Return the files of the base that may define a name on lines which the change edits out of sight."""
        family = family_of(item.path)
        return list(
            dict.fromkeys(
                path
                for path, hunk in self._defined[0].get(item.name, ())
                if family_of(path) == family and not _removed_by(hunk) <= reader.seen.get(path, frozenset())
            )
        )

    def _edited(self, source: Source, item: _Wanted, reader: _Reader) -> Iterator[Old]:
        """Yield the definitions of a name that the change edits, where a reader does not see most of the edit."""
        removed, shown = self._removed(source.path), reader.seen.get(source.path, frozenset())
        for definition in source.by_name.get(item.name, ()):
            # A class is edited when its own lines are, not when one of its methods is.
            if definition.members and definition.line not in removed:
                continue
            lines = frozenset(number for number in removed if definition.line <= number <= definition.end)
            if lines and 2 * len(lines & shown) < len(lines):
                yield Old(source, definition, lines - shown)

    def _rewritten(self, source: Source | None, now: Definition) -> Iterator[Old]:
        """Yield what was a definition of the same file before the change."""
        for definition in source.by_name.get(now.name, ()) if source is not None else ():
            if source is not None and definition.container == now.container:
                numbers = range(definition.line, definition.end + 1)
                yield Old(source, definition, self._removed(source.path).intersection(numbers))

    def _removed(self, path: str) -> frozenset[int]:
        file = self._old_files.get(path)
        return frozenset[int]().union(*map(_removed_by, file.hunks)) if file is not None else frozenset()

    def _offer(self, old: Old, item: _Wanted, reader: _Reader) -> Offer | None:
        """Return what to show of an old definition; None where it would tell the reader nothing."""
        now = self._now(old, reader.hunks)
        definition, need = old.definition, item.need
        path = old.source.path
        if now is not None and now.in_sight:
            # Where the reader sees its old head too, it stayed, and other units hold the rest of its edit.
            stayed = now.source.path == self._old_files[path].path and definition.line in reader.seen.get(path, ())
            text, weight = (rewritten_text(old, now), REST_VALUE) if stayed else (moved_text(old, now), 1.0)
        elif need is None or (definition.container and need.role is not Role.CALL):
            # Something else of that name: a method is meant where it is called.
            return None
        elif now is not None:
            text = rewritten_text(old, now)
            weight = reader.likely.get((now.source.path, now.definition.line), 0.0)
        elif self._is_own(item):
            return None
        else:
            value = GONE_VALUE if need.weight == REMOVED_WEIGHT else STILL_USED_VALUE
            forms = tuple(definition_snippets(old.source, definition))
            text = OldText(value, " (removed or renamed)", forms)
            weight = _ROLES[need.role] * (1 - reader.names.get(item.name, 0.0))
            weight *= 1.0 if folder_of(path) == folder_of(item.path) else ELSEWHERE
        return _offered(old, text, weight, reader)

    def _is_own(self, item: _Wanted) -> bool:
        """Tell whether the file that uses a name defines one itself, so that another file's was not meant."""
        source = self._head.get(item.path)
        return source is not None and item.name in source.by_name

    def _now(self, old: Old, hunks: Sequence[Hunk]) -> Now | None:
        """Find a definition after the change: in its own file, else where the change defines one much like it."""
        definition, file = old.definition, self._old_files[old.source.path]
        source = self._head.get(file.path) if file.status is not FileStatus.REMOVED else None
        same = source.by_name.get(definition.name, ()) if source is not None else ()
        same = [one for one in same if one.container == definition.container]
        if source is not None and same:
            header = header_of(old.source, definition)
            ranked = [(header_of(source, one) != header, one.kind != definition.kind, one.line) for one in same]
            best = same[ranked.index(min(ranked))]
            return Now(source, best, best.line in _added(hunks, file.path))
        family = family_of(old.source.path)
        near = {hunk.path for hunk in hunks}
        paths = dict.fromkeys(
            path
            for path in self._defined[1].get(definition.name, ())
            if family_of(path) == family and not is_secret_path(path)
        )
        for path in sorted(paths, key=lambda path: (path not in near, path))[:NEW_PLACES]:
            source = self._head.get(path)
            added = _added(self._change.hunks, path)
            for one in source.by_name.get(definition.name, ()) if source is not None else ():
                if source and one.line in added and is_alike(old, Now(source, one)):
                    return Now(source, one, one.line in _added(hunks, path))
        return None

    def _in_pieces(self, hunks: Sequence[Hunk]) -> Iterator[tuple[str, Definition]]:
        """Yield short functions, as they are now, of which several hunks remove lines, after the base's path."""
        within: dict[tuple[str, int], tuple[str, Definition, int]] = {}
        for hunk in hunks:
            file, source = self._files.get(hunk.path), self._head.get(hunk.path)
            if file is None or source is None or not hunk.removed or not hunk.new_length:
                continue
            changed = [line.new_no for line in hunk.lines if line.kind is LineKind.ADDED and line.new_no]
            middle = changed[0] if changed else hunk.new_start + hunk.new_length // 2
            for one in source.enclosing(middle, middle)[:1]:
                if not one.members and one.end - one.line < PIECES_LINES:
                    times = within[hunk.path, one.line][2] if (hunk.path, one.line) in within else 0
                    within[hunk.path, one.line] = (old_path(file), one, times + 1)
        yield from ((path, one) for path, one, times in within.values() if times > 1)


def old_path(file: FileChange) -> str:
    """Return the path of a changed file in the base."""
    return file.old_path or file.path


def _is_comparable(file: FileChange) -> bool:
    # What is copied from stays as it is.
    made = file.status in (FileStatus.ADDED, FileStatus.COPIED)
    secret = is_secret_path(file.path) or is_secret_path(old_path(file))
    return not (made or secret or file.binary or file.is_symlink or file.is_submodule)


def _removed_by(hunk: Hunk) -> frozenset[int]:
    return frozenset(line.old_no for line in hunk.removed if line.old_no is not None)


def _wanted(hunks: Sequence[Hunk], needs: Sequence[Need], known: Container[str]) -> Iterator[_Wanted]:
    """Yield the `known` names that hunks define anew, perhaps moved to them, then those that they use."""
    for hunk in hunks:
        for name in _defined_in((line.text for line in hunk.added), known):
            yield _Wanted(name, hunk.path)
    for need in needs:
        if need.name in known:
            yield _Wanted(need.name, need.path, need)


def _defined_in(texts: Iterable[str], known: Container[str] | None = None) -> list[str]:
    """Return the names that lines look like they define, each once; of `known` names, where those are given."""
    names: dict[str, None] = {}
    for text in texts:
        line = b""
        for found in _IDENTIFIER.finditer(text):
            name = found.group()
            if name in names or not (worth_looking_up(name) if known is None else name in known):
                continue
            line = line or text.encode("ascii", "replace")
            if looks_like_definition(line, found.start(), found.end()):
                names[name] = None
    return list(names)


def _added(hunks: Sequence[Hunk], path: str) -> set[int]:
    return {line.new_no for hunk in hunks if hunk.path == path for line in hunk.added if line.new_no is not None}


def _offered(old: Old, text: OldText, weight: float, reader: _Reader) -> Offer | None:
    """Return an offer of the forms that a reader does not see most of already, None where there are none."""
    path, name = old.source.path, old.definition.name
    shown = reader.seen.get(path, frozenset())
    forms = tuple(form for form in text.forms if 2 * len(form.lines & shown) < len(form.lines))
    value = text.value * weight
    if not forms or value <= 0:
        return None
    reason = f"`{name}` as it was before this change{text.note}"
    return Offer(path, ContextKind.OLD_VERSION, reason, value, forms, name)
