"""The hidden first line of what we publish: what it is, for which head, and the finding's fingerprint. Pure.

It differs from `<!-- kilo-review -->`, so that both apps can live on one pull request. A marker proves nothing by
itself, anyone can type one: `is_own` asks who wrote the comment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_PATTERN: Final = re.compile(
    r"\A<!-- kilo-app:1 (summary|review|finding|closed|reopened)"
    r"((?: [a-z]+=[A-Za-z0-9._-]{1,128})*) -->(?:\r?\n|\Z)"
)
_VALUE: Final = re.compile(r"[^A-Za-z0-9._-]")


class Kind(StrEnum):
    """What carries the marker; CLOSED and REOPENED are replies in a finding's thread."""

    SUMMARY = "summary"
    REVIEW = "review"
    FINDING = "finding"
    CLOSED = "closed"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True)
class Marker:
    """What a marker says; `fingerprint` only on a finding's comment."""

    kind: Kind
    head: str = ""
    fingerprint: str = ""

    def line(self) -> str:
        """Return the marker as the HTML comment that goes first, without line end."""
        fields = "".join(
            f" {name}={_VALUE.sub('_', value)[:128]}"
            for name, value in (("head", self.head), ("fp", self.fingerprint))
            if value
        )
        return f"<!-- kilo-app:1 {self.kind}{fields} -->"


def fingerprint_in_marker(fingerprint: str) -> str:
    """Return a fingerprint as a marker spells it."""
    return _VALUE.sub("_", fingerprint)[:128]


def read_marker(body: str | None) -> Marker | None:
    """Return the marker on the first line of a body, None where there is none; further down it does not count."""
    match = _PATTERN.match(body or "")
    if match is None:
        return None
    fields = dict(part.split("=", 1) for part in match[2].split())
    return Marker(Kind(match[1]), head=fields.get("head", ""), fingerprint=fields.get("fp", ""))


def is_own(author: Mapping[str, Any] | None, login: str) -> bool:
    """True where a comment's `user` is the account that we publish as, by whole login and type.

    A login that merely ends in `[bot]`, or our slug without it, is another account. People's logins have no square
    brackets, so a login with `[bot]` is a bot's, and one without belongs to a person whose token we were given.
    """
    if not author or not login:
        return False
    return author.get("login") == login and author.get("type") == ("Bot" if login.endswith("[bot]") else "User")
