"""Secrets out of texts: providers echo keys, whole or in part, in their errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

MASK: Final = "***"


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that replaces every secret in a text, the longest first."""
    whole = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def redact(text: str) -> str:
        for secret in whole:
            text = text.replace(secret, MASK)
        return text

    return redact
