"""Untrusted text between marks that it cannot forge, with nothing in it that a human reader would not see."""

from __future__ import annotations

import hashlib
from itertools import count
from typing import Final

from reviewer.text.invisible import escaped, without_hidden

# Hexadecimal digits: enough that ordinary text seldom holds the mark, few enough to cost three or four tokens.
MARK_LENGTH: Final = 6

# GitHub stores no longer body; a longer one, from elsewhere, is cut before it is read.
MAX_PROSE: Final = 65_536


def reveal(text: str) -> str:
    """Write hidden characters as escapes, so that model and human read the same text.

    Hidden: `reviewer.text.invisible`, among them bidirectional controls (https://trojansource.codes) and the tag
    block U+E0000-E007F of the prompt injection corpora.
    """
    return escaped(text)


def prose(text: str, *, limit: int) -> str:
    """Return prose without hidden comments and hidden characters, cut at `limit` characters."""
    text = without_hidden(_without_comments(text[:MAX_PROSE])).strip()
    return text if len(text) <= limit else f"{text[:limit].rstrip()} [cut at {limit} characters]"


def _without_comments(text: str) -> str:
    """Leave out HTML comments; one that never ends hides the rest."""
    kept: list[str] = []
    at = 0
    while (start := text.find("<!--", at)) >= 0:
        kept.append(text[at:start])
        end = text.find("-->", start + 4)
        if end < 0:
            return "".join(kept)
        at = end + 3
    return "".join((*kept, text[at:]))


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
