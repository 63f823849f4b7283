"""Common words: where a name that half of the tree uses is defined, without reading every place that uses it.

To search for such a word costs more than for fifty others, and its places say nothing; but the lines on which a
keyword stands before it are few, and fixed phrases in the same pass over the tree are cheap.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from reviewer.context.needs import Need
from reviewer.syntax.languages import family_of
from reviewer.syntax.uses import Role

# Of one `git grep`; each is a handful of phrases.
COMMON_NAMES: Final = 60
_TYPES: Final = ("class ", "interface ", "enum ")
# What stands before the name, by family; each ends where the name begins.
_KEYWORDS: Final = {
    "python": ("def ", "class "),
    "ecmascript": (*_TYPES, "function ", "type ", "const ", "let ", "var ", "namespace "),
    "go": ("func ", "type ", "func [(][^)]*[)] "),
    "jvm": (*_TYPES, "record ", "object ", "fun ", "typealias "),
    "ruby": ("def ", "def self[.]", "class ", "module "),
    "php": (*_TYPES, "function ", "trait "),
    "rust": ("fn ", "struct ", "enum ", "trait ", "type ", "union "),
    "c": ("struct ", "class ", "enum ", "union ", "define ", "namespace "),
    "c_sharp": (*_TYPES, "struct ", "record "),
}


def names_to_define(
    needs: Iterable[Need], common: AbstractSet[str], *, most: int | None = COMMON_NAMES
) -> list[str]:
    """Return the common names whose definition is wanted all the same: those that code calls or uses as a type.

    The most wanted first as `needs` are, at most `most` of them.
    """
    wanted = dict.fromkeys(
        need.name
        for need in needs
        if need.name in common and need.role in (Role.CALL, Role.TYPE) and family_of(need.path) in _KEYWORDS
    )
    return list(wanted)[:most]


def phrases(name: str, families: Iterable[str]) -> list[str]:
    """Return extended regular expressions for the lines that define a name by a keyword of these families.

    >>> phrases("Request", ["python"])
    ['class Request', 'def Request']
    """
    keywords = {keyword for family in families for keyword in _KEYWORDS.get(family, ())}
    escaped = name.replace("$", r"\$")
    return [f"{keyword}{escaped}" for keyword in sorted(keywords)]
