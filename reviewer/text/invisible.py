"""Characters that a reader does not see, from Unicode's properties: one list for prompts, comments, commands.

Hidden are the control, format, surrogate, private-use and unassigned characters and the line and paragraph
separators (general categories Cc, Cf, Cs, Co, Cn, Zl, Zp), the property Default_Ignorable_Code_Point, and a few
letters and symbols whose glyph is blank. Tab and line ends are not hidden.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

# https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt, which Python's tables leave out.
DEFAULT_IGNORABLE: Final = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
# Drawn as nothing, with neither property: the empty Braille pattern, the Egyptian blanks, the Khitan filler, the
# null notehead.
BLANK: Final = frozenset("\u2800\U00013441\U00013442\U00016fe4\U0001d159")

_HIDDEN_CATEGORIES: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


@lru_cache(maxsize=4096)
def is_hidden(char: str) -> bool:
    """Tell whether one character is invisible to a reader."""
    if char in "\t\n\r":
        return False
    code = ord(char)
    return (
        unicodedata.category(char) in _HIDDEN_CATEGORIES
        or char in BLANK
        or any(first <= code <= last for first, last in DEFAULT_IGNORABLE)
    )


def hidden_in(text: str) -> frozenset[str]:
    """Return the hidden characters of a text."""
    if text.isascii() and text.isprintable():
        return frozenset()
    return frozenset(char for char in set(text) if is_hidden(char))


def without_hidden(text: str) -> str:
    """Return text without its hidden characters."""
    hidden = hidden_in(text)
    return text.translate({ord(char): None for char in hidden}) if hidden else text


def escaped(text: str) -> str:
    r"""Return text with each hidden character written as an escape: `\x1b`, `\u{202e}`."""
    hidden = hidden_in(text)
    return text.translate({ord(char): _escape(char) for char in hidden}) if hidden else text


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if unicodedata.category(char) == "Cc" else f"\\u{{{code:x}}}"
