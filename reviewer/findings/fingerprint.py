"""Name a finding so that it keeps its name after a rebase, a shift of lines, another wording."""

from __future__ import annotations

import hashlib

from reviewer.change.quotes import squeeze
from reviewer.findings.model import Category


def fingerprint(path: str, quote: str, category: Category | str, *, ordinal: int = 0) -> str:
    """Return a hex digest of where and on which code a finding stands.

    It is made from the path, the quoted code without white space, and whether the finding is about security. Line
    numbers, title, severity and the finer categories, which models choose differently each time, do not count.
    `ordinal` tells further issues on the same code apart. It names a comment; whether two findings are one issue is
    decided by `match_earlier`, for many lines of a file have the same text.
    """
    kind = "security" if str(category) == Category.SECURITY.value else "other"
    parts = [path, squeeze(quote), kind, *([str(ordinal)] if ordinal else [])]
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
