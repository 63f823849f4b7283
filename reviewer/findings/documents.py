"""Find the JSON documents in a model's text, and say what of the text stands outside them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

# Characters that may be read in vain while looking for documents: what needs more is no answer of ours.
MAX_EFFORT: Final = 3_000_000
# Brackets that are tried as the beginning of one.
MAX_STARTS: Final = 2_000

_OPENING: Final = re.compile(r'\{(?=\s*["}])|\[(?=\s*["\[{\]\d\-tfn])')
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?P<closed>")?|[{}\[\]]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON object or list that was read to its end, and where it stands in the text."""

    value: Any
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Documents:
    """The outermost documents of a text in their order; `rest` is the text without them.

    `finished` is False where the search was given up: the text nests too deeply, or holds too many brackets.
    """

    found: tuple[Document, ...]
    rest: str
    finished: bool = True

    def inside(self, position: int) -> bool:
        """Tell whether a position of the text is part of a document."""
        return any(document.start <= position < document.end for document in self.found)

    @property
    def after(self) -> str:
        """The text behind the last document, all of it where there is none."""
        return self.rest.rpartition("\0")[2]


def find_documents(text: str) -> Documents:
    """Find every JSON object and list of a text that is no part of another one.

    Nothing is mended: an object with one damaged character is not found, but those inside it are. An object that
    names one key twice with different values is damaged too, for one of the two would be lost.
    """
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_object)
    found: list[Document] = []
    effort = position = starts = 0
    finished = True
    while opening := _OPENING.search(text, position):
        start, starts = opening.start(), starts + 1
        try:
            value, position = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            effort += error.pos - start
            position = start + 1
        except RecursionError:
            finished = False
        except ValueError:
            effort += len(text) - start
            position = start + 1
        else:
            found.append(Document(value, start, position))
        if effort > MAX_EFFORT or starts > MAX_STARTS or not finished:
            finished = False
            break
    return Documents(tuple(found), _rest(text, found), finished)


def ends_early(text: str) -> bool:
    """Tell whether a text ends inside a string or with an open bracket."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0][0] == '"' and not token["closed"]:
            return True
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
    return depth > 0


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, member in pairs:
        if key in value and value[key] != member:
            raise ValueError(f"{key!r} is named twice")
        value[key] = member
    return value


def _rest(text: str, found: list[Document]) -> str:
    pieces, position = [], 0
    for document in found:
        pieces.append(text[position : document.start])
        position = document.end
    return "\0".join((*pieces, text[position:]))
