"""Uses: the names in lines of code, and how each is used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from reviewer.syntax.languages import Language

if TYPE_CHECKING:
    from tree_sitter import Node

_NAME: Final = re.compile(r"[A-Za-z_$][\w$]*")
# A longer line is generated; names further on in it are not looked at.
LONGEST_LINE: Final = 10_000
# How far from a name the sign may stand that tells how it is used.
NEAR: Final = 80


class Role(IntEnum):
    """How a name is used; the higher, the more its definition matters to a reader."""

    NAME = 0
    ATTRIBUTE = 1
    TYPE = 2
    CALL = 3


@dataclass(frozen=True, slots=True)
class Use:
    """A name on a line (1-based) and how it is used there."""

    name: str
    line: int
    role: Role


def uses_in_lines(lines: Sequence[tuple[int, str]]) -> list[Use]:
    """Return the names of loose lines (number, text): for a removed line, which is in no file of the head."""
    return [use for number, text in lines for use in _uses_in_text(text, number)]


def uses_in_strings(lines: Sequence[tuple[int, str]]) -> list[Use]:
    """Return what looks like code inside string literals: names of several words that may name something."""
    return [
        Use(name, number, Role.NAME)
        for number, text in lines
        for literal in _LITERAL.findall(text[:LONGEST_LINE])
        for name in _COMPOUND.findall(literal)
    ]


# What is not closed on its line goes on to its end: looking for an end that is not there, from each quote anew,
# would take the square of the line. A single quote may be an apostrophe: it reaches no further than a short text.
_DOUBLE: Final = r"\"(?:\\.|[^\"\\])*(?:\"|\\?$)"
_SINGLE: Final = r"'(?:\\.|[^'\\]){0,200}'"
_LITERAL: Final = re.compile(rf"{_DOUBLE}|{_SINGLE}|`[^`]*(?:`|$)")
_COMPOUND: Final = re.compile(
    r"\b(?:[a-z]+[A-Z][A-Za-z0-9]{3,}|[A-Z][a-z]+[A-Z][A-Za-z0-9]{3,}|[a-z]{2,}_[a-z_]{3,})\b"
)
_STRINGS: Final = re.compile(
    rf"{_DOUBLE}|{_SINGLE}|//.*|(?<!\S)#(?!include|define|if).*|/\*(?:[^*]|\*(?!/))*(?:\*/|$)"
)


def _uses_in_text(text: str, number: int) -> Iterable[Use]:
    bare = _STRINGS.sub(" ", text[:LONGEST_LINE])
    for found in _NAME.finditer(bare):
        name = found.group()
        start, end = found.span()
        after, before = bare[end : end + NEAR].lstrip()[:1], bare[max(0, start - NEAR) : start].rstrip()[-1:]
        if after == "(":
            role = Role.CALL
        elif before in (".", ">") and found.start() and bare[found.start() - 1] in ".>":
            role = Role.ATTRIBUTE
        else:
            role = Role.TYPE if name[:1].isupper() and not name.isupper() else Role.NAME
        yield Use(name, number, role)


def role_of(node: Node, language: Language, name: str) -> Role:
    """Return how a name's node is used, by what stands around it."""
    parent = node.parent
    top: Node = node
    member = False
    # a.b.c(): the name that is called is the last of the chain.
    while parent is not None and parent.type in _MEMBERS:
        named = parent.named_children
        if not named or named[-1] != top:
            return Role.TYPE if name[:1].isupper() else Role.NAME
        member = True
        top, parent = parent, parent.parent
    if parent is not None and parent.type in language.calls:
        callee = parent.child_by_field_name("function") or parent.child_by_field_name("name")
        for field in ("method", "constructor", "type", "macro"):
            callee = callee or parent.child_by_field_name(field)
        if (callee or parent.named_children[0]) == top:
            return Role.CALL
    if node.type in ("type_identifier", "constant") or (name[:1].isupper() and not name.isupper()):
        return Role.TYPE
    return Role.ATTRIBUTE if member else Role.NAME


_MEMBERS: Final = frozenset(
    (
        *("attribute", "member_expression", "selector_expression", "field_expression", "scoped_identifier"),
        *("navigation_expression", "member_access_expression", "qualified_identifier", "scoped_type_identifier"),
        *("generic_type", "generic_function", "qualified_type", "user_type", "navigation_suffix", "generic_name"),
        *("qualified_name", "template_function", "template_type"),
    )
)
