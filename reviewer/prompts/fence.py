"""Untrusted text between marks that it cannot forge, with nothing in it that a human reader would not see."""

from __future__ import annotations

import hashlib
import re
from itertools import count
from typing import Final

# Hexadecimal digits: enough that ordinary text seldom holds the mark, few enough to cost three or four tokens.
MARK_LENGTH: Final = 6

# Zero-width and bidirectional controls, variation selectors and the Unicode tags: text for the model that no
# human sees (https://trojansource.codes, and the tag block U+E0000-E007F of the prompt injection corpora).
_INVISIBLE: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]"
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_HTML_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


def reveal(text: str) -> str:
    """Write invisible and control characters as escapes, so that model and human read the same text."""
    if text.isascii() and not _CONTROL.search(text):
        return text
    text = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    return _INVISIBLE.sub(lambda match: f"\\u{{{ord(match[0]):x}}}", text)


def prose(text: str, *, limit: int) -> str:
    """Return prose without hidden comments and invisible characters, cut at `limit` characters."""
    text = _INVISIBLE.sub("", _CONTROL.sub("", _HTML_COMMENT.sub("", text))).strip()
    return text if len(text) <= limit else f"{text[:limit].rstrip()} [cut at {limit} characters]"


def mark_of(*texts: str) -> str:
    """Return a short mark that occurs in none of the texts, the same for the same texts.

    Whoever writes a text can find one that holds a digest of itself, by trying: what makes a mark safe is that it
    is looked for in the texts and another taken where it is found.
    """
    whole = "\n".join(texts)
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
    marks = (hashlib.sha256(f"{salt}{digest}".encode()).hexdigest()[:MARK_LENGTH] for salt in count())
    return next(mark for mark in marks if mark not in whole)


def fenced(kind: str, text: str, mark: str = "") -> str:
    """Put untrusted text between marks that it does not hold, so that it cannot end where it likes.

    The same text gives the same bytes, which provider caches need. `mark` is one that `mark_of` gave for it.
    """
    mark = mark or mark_of(text)
    return f"<{kind} {mark}>\n{text}\n</{kind} {mark}>"
