"""Places: what searches found, by word, packed into a fraction of what they take as objects."""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterable
from typing import Final

from reviewer.git.snapshot import Match

# Numbers kept of a match: its path, its line, where its text begins, and whether it defines (2 where unknown).
_FIELDS: Final = 4
_DEFINES: Final = (False, True, None)


class Places:
    """Matches of words, in the order in which they were added; a line's text is kept once for words that follow."""

    def __init__(self) -> None:
        self._paths: list[str] = []
        self._numbers: dict[str, array[int]] = {}
        self._texts = bytearray()
        self._last = ("", -1, -1)
        self.count = 0

    def __contains__(self, word: str) -> bool:
        return word in self._numbers

    def words(self) -> list[str]:
        """Return the words that were looked for, found or not, in the order in which they were added."""
        return list(self._numbers)

    def add(self, matches: Iterable[Match], *, words: Iterable[str] = ()) -> None:
        """Take in matches; `words` were looked for, whether or not there is a match of them."""
        for word in words:
            self._numbers.setdefault(word, array("I"))
        for match in matches:
            path, line, at = self._last
            if match.path != path:
                self._paths.append(match.path)
            if match.path != path or match.line != line:
                at = len(self._texts)
                self._texts += match.text.encode("utf-8", "surrogatepass") + b"\n"
                self._last = (match.path, match.line, at)
            numbers = self._numbers.setdefault(match.word, array("I"))
            numbers.extend((len(self._paths) - 1, match.line, at, _DEFINES.index(match.defines)))
            self.count += 1

    def count_of(self, word: str) -> int:
        """Return how many matches a word has."""
        return len(self._numbers.get(word, ())) // _FIELDS

    def of(self, word: str) -> list[Match]:
        """Return the matches of a word."""
        numbers = self._numbers.get(word, ())
        found = []
        for at in range(0, len(numbers), _FIELDS):
            path, line, start, defines = numbers[at : at + _FIELDS]
            text = self._texts[start : self._texts.index(b"\n", start)].decode("utf-8", "surrogatepass")
            found.append(Match(self._paths[path], line, text, word, _DEFINES[defines]))
        return found

    def without(self, gone: Container[str]) -> Places:
        """Return the same without some words, and without the texts that only they needed."""
        kept = Places()
        kept._paths = list(self._paths)
        moved: dict[int, int] = {}
        for word, numbers in self._numbers.items():
            if word in gone:
                continue
            kept._numbers[word] = copy = array("I", numbers)
            kept.count += len(copy) // _FIELDS
            for place in range(2, len(copy), _FIELDS):
                start = copy[place]
                if start not in moved:
                    moved[start] = len(kept._texts)
                    kept._texts += self._texts[start : self._texts.index(b"\n", start) + 1]
                copy[place] = moved[start]
        return kept
