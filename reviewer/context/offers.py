"""Offers: what was found, as snippets with a reason and a value; which of them are shown, `fill` decides."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from reviewer.context.definitions import Candidate
from reviewer.context.fill import Offer
from reviewer.context.model import ContextKind
from reviewer.context.related import Related
from reviewer.context.snippets import definition_snippets, lines_snippet
from reviewer.context.sources import Sources
from reviewer.git.snapshot import Match
from reviewer.syntax.test_paths import is_test_path
from reviewer.syntax.uses import Role

# A definition that is less likely to be needed is not worth reading for.
MIN_VALUE: Final = 0.004
# Each further definition of a name in the same file is worth this share of what it would be alone: seven classes of
# one name in a test say no more than the first.
ANOTHER_VALUE: Final = 0.3
# What a test uses is worth less than what the code beside it uses.
IN_TEST_VALUE: Final = 0.5
RELATED_VALUE: Final = 0.2
# `typedef struct Store Store;` says that a name exists.
_FORWARD: Final = re.compile(r"\s*(?:typedef\s+)?(?:struct|union|class|enum(?:\s+class)?)\s+\w+(?:\s+\w+)?\s*;\s*$")


def definition_offers(found: Sequence[Candidate], head: Sources) -> list[Offer]:
    """Return definitions with the use that asks for each."""
    offers = []
    sources = head.many(dict.fromkeys(item.path for item in found if item.value >= MIN_VALUE))
    offered: Counter[tuple[str, str]] = Counter()
    code = not all(is_test_path(item.need.path) for item in found)
    for item in found:
        source = sources.get(item.path)
        if item.value < MIN_VALUE or source is None:
            continue
        if _FORWARD.match(source.lines[item.definition.line - 1]):
            continue
        value = item.value * ANOTHER_VALUE ** offered[item.path, item.need.name]
        if code and is_test_path(item.need.path):
            value *= IN_TEST_VALUE
        offered[item.path, item.need.name] += 1
        used = {Role.CALL: "called", Role.TYPE: "a type used"}.get(item.need.role, "used")
        offers.append(
            Offer(
                item.path,
                ContextKind.DEFINITION,
                f"`{item.need.name}` is {used} at {item.need.path}:{item.need.line}",
                value,
                tuple(definition_snippets(source, item.definition)),
                item.need.name,
            )
        )
    return offers


def related_offers(
    related: Sequence[Related],
    words: Mapping[str, float],
    matches: Mapping[str, Sequence[Match]],
    head: Sources,
) -> list[Offer]:
    """Return, of each file that may have to change too, the line that shares the rarest name with the change."""
    offers = []
    sources = head.many(item.path for item in related)
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
                RELATED_VALUE / (1 + rank),
                (lines_snippet(source, at, at + 1, worth=0.8), lines_snippet(source, at - 3, at + 5)),
            )
        )
    return offers
