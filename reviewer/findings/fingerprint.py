"""The name of a finding that stays: after a rebase, a shift of lines, another wording."""

from __future__ import annotations

import hashlib

from reviewer.change.anchor import squeeze
from reviewer.findings.model import Category


def fingerprint(path: str, quote: str, category: Category | str, *, ordinal: int = 0) -> str:
    """Return a hex digest of where and on which code a finding stands.

    Path and quoted code, white space aside, make it; whether it is about security keeps two matters on one line
    apart. Line numbers, title, severity and the finer categories, which models choose differently each time, do
    not count. `ordinal` tells further findings of one run on the same code apart.
    """
    kind = "security" if str(category) == Category.SECURITY.value else "other"
    parts = [path, squeeze(quote), kind, *([str(ordinal)] if ordinal else [])]
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
