"""Definitions: where the names that a change uses are defined, ranked by how much each will help."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reviewer.context.imports import Imports
from reviewer.context.languages import family_of, language_of
from reviewer.context.model import Match
from reviewer.context.needs import Need
from reviewer.context.search import looks_like_definition
from reviewer.context.sources import Sources
from reviewer.context.symbols import Definition
from reviewer.context.testpaths import is_test_path
from reviewer.context.uses import Role

FILES_PER_NAME: Final = 4
FILES_IN_ALL: Final = 200
CANDIDATES_PER_NAME: Final = 8
NAMESAKE: Final = 0.5

_FUNCTIONS: Final = frozenset(("function", "method", "constructor", "macro", "def", "func", "fn", "fun", "sub"))
_TYPES: Final = frozenset(("class", "interface", "struct", "type", "enum", "module", "trait", "protocol"))

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
) -> list[Candidate]:
    """Return the definitions of needed names, most valuable first, from at most `most_files` other files.

    `matches` are the lines of the tree that hold each name; `shown` are the ranges of lines, by path, that the
    reader sees anyway: a definition in one of them is left out.
    """
    using = {need.path for need in needs}
    sources = head.parsed(using)
    imports = {path: Imports(source.lines) for path, source in sources.items()}
    files = max(2, len(head.snapshot.entries()))
    rarity = {need.name: _rarity(matches.get(need.name, ()), files) for need in needs}
    likely = [
        (need, _files_of(need, matches.get(need.name, ()), imports.get(need.path)))
        for need in sorted(needs, key=lambda need: (-_promise(need, rarity[need.name]), need.name))
    ]
    # The likeliest file of every name before the second of any.
    wanted = dict.fromkeys(
        paths[rank] for rank in range(FILES_PER_NAME) for _, paths in likely if rank < len(paths)
    )
    defining = head.parsed([*using, *list(wanted)[: min(FILES_IN_ALL, most_files)]])
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
        scored.sort(key=lambda item: (-item.value, item.path, item.definition.line))
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
    likely: dict[str, bool] = {}
    for match in matches:
        # What a document names can be code of any language.
        fits = language_of(match.path) is not None if prose else family_of(match.path) == family
        if likely.get(match.path) or not fits:
            continue
        line = match.text.encode("utf-8", "surrogateescape")
        at = line.find(need.name.encode())
        likely[match.path] = at >= 0 and looks_like_definition(line, at, at + len(need.name))
    best: dict[str, float] = {}
    for path, defines in likely.items():
        imported = imports.strength(path) if imports else 0.0
        if defines or imported > 1:
            foreign = is_test_path(path) and not is_test_path(need.path)
            best[path] = 4.0 * defines + _near(path, need.path) + imported - foreign
    ranked = sorted(best, key=lambda path: (-best[path], path))
    return [path for path in ranked if path != need.path][:FILES_PER_NAME]


def _near(path: str, other: str) -> float:
    mine, theirs = path.split("/")[:-1], other.split("/")[:-1]
    if mine == theirs:
        return 1.0
    same = 0
    for one, two in zip(mine, theirs, strict=False):
        if one != two:
            break
        same += 1
    return same / max(len(mine), len(theirs), 1)


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
        float(path.rpartition("/")[0] == need.path.rpartition("/")[0]),
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
