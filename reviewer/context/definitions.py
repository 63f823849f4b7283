"""Definitions: where the names that a change uses are defined, ranked by how much each will help."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reviewer.context.folders import folder_of, shared_folders
from reviewer.context.needs import Need
from reviewer.context.sources import Sources
from reviewer.git.commit import COMMON_SHARE
from reviewer.git.limits import Limit, LimitsReached
from reviewer.git.search import defines_its_word
from reviewer.git.snapshot import Match
from reviewer.syntax.imports import Imports
from reviewer.syntax.languages import family_of, language_of
from reviewer.syntax.symbols import Definition, Source
from reviewer.syntax.test_paths import is_test_path
from reviewer.syntax.uses import Role

FILES_PER_NAME: Final = 4
FILES_IN_ALL: Final = 200
CANDIDATES_PER_NAME: Final = 8
NAMESAKE: Final = 0.5
# What a member of another type than the named one is worth: it may be inherited.
OTHER_MEMBER: Final = 0.2
# What a definition is worth that shares a name with the use and nothing else, where it is not the only one.
BARE_NAME: Final = 0.25

_DECLARES, _MAY_DEFINE = 6.0, 4.0
_DECLARED: Final = re.compile(
    r"(?:\b(?:def|class|func|function|fn|fun|interface|struct|trait|protocol|enum|union|type|typedef|module|namespace"
    r"|record|object|mod|alias|define|macro_rules!)|\bfunction\*)\s+(?:\([^)]*\)\s*)?(?:[\w.:<>]+(?:\.|::))?$"
)
_FUNCTIONS: Final = frozenset(("function", "method", "constructor", "macro", "def", "func", "fn", "fun", "sub"))
_TYPES: Final = frozenset(("class", "interface", "struct", "type", "enum", "module", "trait", "protocol"))

_SELF: Final = frozenset(("self", "this", "cls", "super"))
# Folders that hold other projects' code.
_COPIES: Final = re.compile(
    r"(?:^|/)(?:_?vendors?(?:ed)?|node_modules|bower_components|_?(?:third|3rd)[-_]?party|extern(?:als?)?)/",
    re.IGNORECASE,
)
_QUALIFIER: Final = re.compile(r"(?<![\w$])([A-Za-z_]\w*)(?:::|\.)\Z")
_OUTSIDE: Final = re.compile(r"(\w+)::\Z")
# Characters before a name in which its qualifier is looked for.
LONGEST_QUALIFIER: Final = 200

FEATURES: Final = (
    *("call", "type", "attribute", "weight", "uses", "rarity", "only", "same_file", "same_folder", "prefix"),
    *("imported", "named_import", "test", "function", "typed", "agrees", "length", "prototype"),
)
# Fitted by logistic regression on the development set; the first is the intercept. Two are set by hand: that set
# counts no definition in the using file, and only names on added lines, so its fit would bury both (same_file was
# -2.3, weight 3.7). Held-out recall stays the same, because ranking is not what is scarce at these budgets.
WEIGHTS: Final = (
    -10.0,
    *(1.26, 0.82, 0.0, 2.5, 0.54, 1.35, 2.4, 0.5, 0.3, 0.59),
    *(0.41, 0.28, -1.09, 0.75, 0.95, 0.98, 0.17, 0.0),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A definition of a needed name; `value` is the estimated probability that a reviewer needs it."""

    need: Need
    path: str
    definition: Definition
    value: float
    features: tuple[float, ...] = ()


def find_definitions(
    needs: Sequence[Need],
    matches: Mapping[str, Sequence[Match]],
    head: Sources,
    *,
    shown: Mapping[str, Sequence[tuple[int, int]]],
    most_files: int = FILES_IN_ALL,
    common: Container[str] = (),
    limits: LimitsReached | None = None,
    where: str = "",
) -> list[Candidate]:
    """Return the definitions of needed names, most valuable first, from at most `most_files` other files.

    `matches` are the lines of the tree that hold each name; `shown` are the ranges of lines, by path, that the
    reader sees anyway: a definition in one of them is left out. Of `common` names, `matches` holds just the lines
    that define them, so their number says nothing. `limits` is told how many files are not read, with `where` as
    the place.
    """
    using = {need.path for need in needs}
    sources = head.parsed(using)
    imports = {path: Imports(source.lines) for path, source in sources.items()}
    files = max(2, len(head.snapshot.entries()))
    everywhere = math.log(1 / COMMON_SHARE) / math.log(files)
    rarity = {
        need.name: everywhere if need.name in common else _rarity(matches.get(need.name, ()), files)
        for need in needs
    }
    likely = [
        (need, _files_of(need, matches.get(need.name, ()), imports.get(need.path)))
        for need in sorted(needs, key=lambda need: (-_promise(need, rarity[need.name]), need.name))
    ]
    # The likeliest file of every name before the second of any.
    wanted = dict.fromkeys(
        paths[rank] for rank in range(FILES_PER_NAME) for _, paths in likely if rank < len(paths)
    )
    most = min(FILES_IN_ALL, most_files)
    if limits is not None:
        limits.note(Limit.PARSED_FILES, most, len(wanted) - most, where=where)
    defining = head.parsed([*using, *list(wanted)[:most]])
    found: list[Candidate] = []
    named: dict[str, list[tuple[str, Definition]]] = {}
    for path, source in defining.items():
        for definition in source.definitions:
            if definition.name in rarity:
                named.setdefault(definition.name, []).append((path, definition))
    for need in needs:
        family = family_of(need.path)
        prose = language_of(need.path) is None
        hits = [hit for hit in named.get(need.name, ()) if prose or family_of(hit[0]) == family]
        scored = [
            _score(need, path, definition, rarity[need.name], len(hits), imports.get(need.path))
            for path, definition in hits
        ]
        qualifier = _qualifier(need, sources.get(need.path))
        if qualifier:
            scored = [_of_qualifier(item, qualifier, defining[item.path]) for item in scored]
        scored.sort(key=lambda item: (-item.value, item.path, item.definition.line))
        scored = _in_reach(scored, imports.get(need.path), qualifier)
        unseen = [item for item in scored[:CANDIDATES_PER_NAME] if not _is_shown(item, shown)]
        if any(
            _is_shown(item, shown)
            and item.path == need.path
            and item.definition.kind == "function"
            and not item.definition.container
            for item in scored
        ):
            # A plain function that the file under review defines itself: the others are namesakes. (Of a method
            # they are what it overrides or implements.)
            unseen = [replace(item, value=item.value * NAMESAKE) for item in unseen]
        found += unseen
    found.sort(key=lambda item: (-item.value, item.path, item.definition.line))
    return found


def _in_reach(scored: Sequence[Candidate], imports: Imports | None, qualifier: str) -> list[Candidate]:
    """Weigh down members that share no more than their name with the use: another is nearer, or several are as far.

    A member of something (`job.run`) is in reach by the file or folder of the use, by an import, or as a member of
    what the use names. A copy of another project's code is left out where the project has its own.
    """
    own = [item for item in scored if not _is_copy(item.path)]
    if own:
        scored = [item for item in scored if item in own or _is_copy(item.need.path)]
    if not qualifier or qualifier in _SELF:
        return list(scored)
    near = [item for item in scored if _is_near(item, imports, qualifier)]
    alone = len({item.path for item in scored if not is_test_path(item.path)}) == 1
    return [
        item if item in near or (not near and alone) else replace(item, value=item.value * BARE_NAME)
        for item in scored
    ]


def _is_copy(path: str) -> bool:
    return bool(_COPIES.search(path))


def _is_near(item: Candidate, imports: Imports | None, qualifier: str) -> bool:
    container = item.definition.container.rpartition(".")[2]
    return (
        folder_of(item.path) == folder_of(item.need.path)
        or (imports is not None and (imports.strength(item.path) > 0 or item.need.name in imports.names))
        or bool(qualifier and qualifier == container)
    )


def _qualifier(need: Need, source: Source | None) -> str:
    """Return the type, module or package that a name is taken from where it is used (`Store` of `Store::open`)."""
    if source is None or not 0 < need.line <= len(source.lines):
        return ""
    return _taken_from(source.lines[need.line - 1], need.name, _QUALIFIER, "$")


def _taken_from(line: str, name: str, before: re.Pattern[str], more: str) -> str:
    """Return what `before` finds right before the first whole `name` of a line that it fits; "" where none does.

    Names differ from call to call: an expression made of each would cost more to compile than to search with.
    """
    at = line.find(name)
    while at >= 0:
        end = at + len(name)
        following = line[end : end + 1]
        if not (following.isalnum() or following == "_" or (following and following in more)):
            found = before.search(line[max(0, at - LONGEST_QUALIFIER) : at])
            if found:
                return found[1]
        at = line.find(name, at + 1)
    return ""


def _of_qualifier(item: Candidate, qualifier: str, source: Source) -> Candidate:
    """Weigh a definition by whether it is a member of what the use names: `Adapter::Get` is no other class's `Get`.

    Only a qualifier with a capital is taken for a type; what a variable holds cannot be told from its name.
    """
    if not qualifier[:1].isupper():
        return item
    definition = item.definition
    # A member may be defined outside of its class, as in C++.
    container = definition.container.rpartition(".")[2] or _taken_from(
        source.lines[definition.line - 1], definition.name, _OUTSIDE, ""
    )
    return item if container in ("", qualifier) else replace(item, value=item.value * OTHER_MEMBER)


def _is_shown(item: Candidate, shown: Mapping[str, Sequence[tuple[int, int]]]) -> bool:
    line, end = item.definition.line, min(item.definition.end, item.definition.line + 3)
    return any(first <= line and end <= last for first, last in shown.get(item.path, ()))


def _rarity(matches: Sequence[Match], files: int) -> float:
    holding = len({match.path for match in matches})
    return math.log(files / (1 + holding)) / math.log(files)


def _promise(need: Need, rarity: float) -> float:
    """Return what is known of a need's value before any file is parsed, with the weights of the fit."""
    return sum(
        WEIGHTS[1 + FEATURES.index(name)] * value
        for name, value in (
            ("call", float(need.role is Role.CALL)),
            ("type", float(need.role is Role.TYPE)),
            ("weight", need.weight),
            ("uses", min(1.0, math.log1p(need.count) / 3)),
            ("rarity", rarity),
        )
    )


def _files_of(need: Need, matches: Sequence[Match], imports: Imports | None) -> list[str]:
    family, prose = family_of(need.path), language_of(need.path) is None
    likely: dict[str, float] = {}
    for match in matches:
        if likely.get(match.path, 0.0) >= _DECLARES:
            continue
        # What a document names can be code of any language.
        if language_of(match.path) is not None if prose else family_of(match.path) == family:
            likely[match.path] = max(likely.get(match.path, 0.0), _defines(match))
    best: dict[str, float] = {}
    for path, defines in likely.items():
        imported = imports.strength(path) if imports else 0.0
        if defines or imported > 1:
            foreign = is_test_path(path) and not is_test_path(need.path)
            # A file is often called by the one type that it is there for.
            own = path.rpartition("/")[2].partition(".")[0] == need.name
            best[path] = defines + own + _near(path, need.path) + imported - foreign
    ranked = sorted(best, key=lambda path: (-best[path], path))
    return [path for path in ranked if path != need.path][:FILES_PER_NAME]


def _defines(match: Match) -> float:
    """Return how surely a line defines its word: a keyword says so, a type before it may be that of a field."""
    at = match.text.find(match.word)
    if at < 0 or not defines_its_word(match):
        return 0.0
    return _DECLARES if _DECLARED.search(match.text[:at]) else _MAY_DEFINE


def _near(path: str, other: str) -> float:
    return 1.0 if folder_of(path) == folder_of(other) else shared_folders(path, other)


def _score(
    need: Need, path: str, definition: Definition, rarity: float, hits: int, imports: Imports | None
) -> Candidate:
    function, typed = definition.kind in _FUNCTIONS, definition.kind in _TYPES
    features = (
        float(need.role is Role.CALL),
        float(need.role is Role.TYPE),
        float(need.role is Role.ATTRIBUTE),
        need.weight,
        min(1.0, math.log1p(need.count) / 3),
        rarity,
        1 / hits,
        float(path == need.path),
        float(folder_of(path) == folder_of(need.path)),
        _near(path, need.path),
        (imports.strength(path) if imports else 0.0) / 3,
        float(imports is not None and need.name in imports.names),
        float(is_test_path(path) and not is_test_path(need.path)),
        float(function),
        float(typed),
        float((need.role is Role.CALL and (function or typed)) or (need.role is Role.TYPE and typed)),
        min(len(need.name), 24) / 24,
        float(definition.kind == "declaration"),
    )
    total = WEIGHTS[0] + sum(weight * value for weight, value in zip(WEIGHTS[1:], features, strict=True))
    return Candidate(need, path, definition, 1 / (1 + math.exp(-total)), features)
