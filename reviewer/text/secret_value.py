"""Which configured values are secrets, by their form: a local endpoint takes any key, so people set a word.

A word that is taken for a secret is cut out of every comment and log line that uses the word. So a value counts
only where ordinary text is unlikely to hold it: an issuer's key has digits, or capitals inside a word, or a length
that no word has. `not-needed`, `EMPTY`, `lm-studio` and `sk-no-key-required` have none of these.
"""

from __future__ import annotations

import re
from enum import Enum
from itertools import pairwise
from typing import Final

# Letters and digits of the shortest value that is looked for.
MIN_SECRET: Final = 8
# A value made of words alone counts from this many letters on, and only as a whole.
MIN_WORDS: Final = 16
# The longest word that ordinary text is expected to hold.
LONGEST_WORD: Final = 20
# "xxxxxxxx" and "00000000" stand for a value; they are none.
MIN_DISTINCT: Final = 5

_WORD: Final = re.compile(r"[A-Za-z][a-z]*|[A-Z]+")
_SEPARATOR: Final = re.compile(r"[^A-Za-z0-9]+")


class SecretForm(Enum):
    """How a value is looked for: not at all, as a whole, or by any piece of it."""

    NONE = "none"
    WHOLE = "whole"
    PIECES = "pieces"


def secret_form(value: str) -> SecretForm:
    """Tell how a configured value is to be looked for in text that leaves the process."""
    words = [word for word in _SEPARATOR.split(value) if word]
    letters = "".join(words)
    if len(letters) < sum(char.isalnum() for char in value) / 2:
        return SecretForm.WHOLE  # words of another script
    if len(letters) < MIN_SECRET or len(set(letters.lower())) < MIN_DISTINCT or _is_sequence(letters):
        return SecretForm.NONE
    if all(_WORD.fullmatch(word) and len(word) <= LONGEST_WORD for word in words):
        return SecretForm.WHOLE if len(letters) >= MIN_WORDS else SecretForm.NONE
    return SecretForm.PIECES


def _is_sequence(letters: str) -> bool:
    """Tell whether each character follows the one before it, as in `12345678` and `abcdefgh`; 0 follows 9."""
    return all(
        ord(after) - ord(before) == 1 or (before, after) == ("9", "0")
        for before, after in pairwise(letters.lower())
    )
