"""Callers: where the definitions that a change touches are used, implemented and tested outside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from reviewer.change.model import Hunk, LineKind
from reviewer.context.fill import Offer
from reviewer.context.folders import folder_of, places_of
from reviewer.context.model import ContextKind
from reviewer.context.snippets import lines_snippet
from reviewer.context.sources import Sources
from reviewer.context.words import worth_looking_up
from reviewer.git.search import line_defines
from reviewer.git.snapshot import Match
from reviewer.syntax.languages import family_of
from reviewer.syntax.symbols import Definition, Source
from reviewer.syntax.test_paths import is_test_path, subject_of

CALLERS_PER_NAME: Final = 4
# Callers of a definition whose signature is edited may break. Of one whose body is, they took a quarter of the
# context and hardly any of them was a definition that a fix or an expert needed: they fill what definitions leave.
SIGNED_VALUE: Final = 0.34
BODY_VALUE: Final = 0.02
# Who uses what a test defines is worth less than who uses code.
OF_TEST_VALUE: Final = 0.3
AROUND: Final = 2
_COMMENT: Final = re.compile(r"\s*(?:\*|//|/\*|#(?!\s*(?:define|if|elif|include)\b))")
_BUILDS_ON: Final = re.compile(
    r"\b(?:extends|implements|impl|include|prepend|with)\b|\b(?:class|struct|interface|object)\s+\w+.*[(:<]"
)
_IMPORT: Final = re.compile(r"\s*(?:import|from|use|using|#\s*include|require|require_relative|package|export)\b")


def changed_definitions(hunks: Sequence[Hunk], head: Sources) -> list[tuple[str, Definition, bool]]:
    """Return (path, definition, whether its signature changes) for what the hunks define or edit, innermost."""
    found: dict[tuple[str, int], tuple[str, Definition, bool]] = {}
    for hunk in hunks:
        source = head.get(hunk.path)
        if source is None:
            continue
        touched = touched_lines(hunk)
        for item in source.definitions:
            if item.kind in ("variable", "field", "constant") and item.line not in touched:
                continue
            inside = [number for number in touched if item.line <= number <= item.end]
            if not inside:
                continue
            signed = any(item.line <= number <= item.signature_end for number in inside)
            # A class counts as changed when its own lines are, not when one of its methods is.
            if signed or (not item.members and item.end > item.line):
                found[hunk.path, item.line] = (hunk.path, item, signed)
    ranked = sorted(found.values(), key=lambda item: (not item[2], item[0], item[1].line))
    return [item for item in ranked if worth_looking_up(item[1].name)]


def caller_offers(
    changed: Sequence[tuple[str, Definition, bool]],
    matches: Mapping[str, Sequence[Match]],
    head: Sources,
    *,
    shown: Mapping[str, Sequence[tuple[int, int]]],
) -> list[Offer]:
    """Return callers, implementers and tests of changed definitions, nearest first, a few of each name."""
    picked: list[tuple[Match, str, bool, int]] = []
    for path, definition, signed in changed:
        found = matches.get(definition.name, ())
        places = _places(definition.name, path, _meant(path, found), shown)
        # A name that is everywhere (get, run) is mostly that of another definition.
        if len({match.path for match in places}) > 60 and not signed:
            continue
        picked += [(match, path, signed, rank) for rank, match in enumerate(places[:CALLERS_PER_NAME])]
    sources = head.parsed(dict.fromkeys(match.path for match, *_ in picked))
    offers = []
    for match, path, signed, rank in picked:
        source = sources.get(match.path)
        if source is None or match.line > len(source.lines) or not _in_code(source, match):
            continue
        test, subclass = is_test_path(match.path), _builds_on(match)
        if test:
            kind, what = ContextKind.TEST, f"tests `{match.word}`, which this change edits"
        elif subclass:
            kind, what = ContextKind.CALLER, f"builds on `{match.word}`, which this change edits"
        else:
            kind, what = ContextKind.CALLER, f"uses `{match.word}`, which this change edits"
        near = subject_of(match.path) == subject_of(path) or match.path == path
        value = (SIGNED_VALUE if signed else BODY_VALUE) * (1.25 if near or subclass else 1.0) / (1 + 0.5 * rank)
        if is_test_path(path):
            value *= OF_TEST_VALUE
        narrow = lines_snippet(source, match.line - 1, match.line + 1, worth=0.7)
        wide = lines_snippet(source, match.line - AROUND - 3, match.line + AROUND + 3, worth=1.0)
        offers.append(Offer(match.path, kind, what, value, (narrow, wide), match.word))
    return offers


def _meant(path: str, matches: Sequence[Match]) -> list[Match]:
    """Return the uses that can mean the definition in `path`: a name that is defined nearer by means that one.

    Nearer is the file itself, then the deepest folder in common: without types that is what scoping rules share.
    """
    defining = {match.path for match in matches if match.path != path and line_defines(match.text, match.word)}
    if not defining:
        return list(matches)
    others = {place for other in defining for place in places_of(other)}
    ours = frozenset(places_of(path))

    def means_ours(using: str) -> bool:
        nearest = next((place for place in places_of(using) if place in others or place in ours), "")
        return nearest in ours

    meant = {using: means_ours(using) for using in {match.path for match in matches}}
    return [match for match in matches if meant[match.path]]


def _places(
    name: str, path: str, matches: Sequence[Match], shown: Mapping[str, Sequence[tuple[int, int]]]
) -> list[Match]:
    family = family_of(path)
    best: dict[str, tuple[int, Match]] = {}
    for match in matches:
        if family_of(match.path) != family or any(
            first <= match.line <= last for first, last in shown.get(match.path, ())
        ):
            continue
        if _COMMENT.match(match.text):
            continue
        if line_defines(match.text, name) and not _builds_on(match):
            continue
        use = _use_of(match, match.text.find(name) + len(name))
        if match.path not in best or use > best[match.path][0]:
            best[match.path] = (use, match)
    folder = folder_of(path)
    return sorted(
        (match for _, match in best.values()),
        key=lambda match: (
            subject_of(match.path) != subject_of(path),
            folder_of(match.path) != folder,
            is_test_path(match.path),
            match.path,
        ),
    )


def _in_code(source: Source, match: Match) -> bool:
    """Tell whether a line uses its word in code: a docstring that names it calls nothing."""
    if source.language is None:
        return True
    return any(use.name == match.word for use in source.uses([(match.line, match.line)]))


def _use_of(match: Match, end: int) -> int:
    """Return how much a line says of the use of a name that ends at `end`: an import says least."""
    if _builds_on(match):
        return 3
    if _IMPORT.match(match.text):
        return 0
    return 2 if match.text[end:].lstrip()[:1] in ("(", "{", "<", "!", ".", ":") else 1


def _builds_on(match: Match) -> bool:
    return _BUILDS_ON.search(match.text[: max(0, match.text.find(match.word))]) is not None


def touched_lines(hunk: Hunk) -> set[int]:
    """Return the head's line numbers that the hunk adds, or between which it removes."""
    touched: set[int] = set()
    at = hunk.new_start
    for line in hunk.lines:
        if line.kind is LineKind.REMOVED:
            touched.add(at)
        else:
            at = (line.new_no or at) + 1
            if line.kind is LineKind.ADDED and line.new_no is not None:
                touched.add(line.new_no)
    return touched
