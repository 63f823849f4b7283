"""Take secrets out of texts: providers echo keys in their errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from reviewer.text.secret_value import SecretForm, secret_form

MASK: Final = "***"


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that replaces every secret in a text, the longest first.

    Values that are no secrets by their form are left alone: with a local endpoint's key `none`, every error would
    lose the word.
    """
    whole = sorted(
        {secret for secret in secrets if secret_form(secret) is not SecretForm.NONE}, key=len, reverse=True
    )

    def redact(text: str) -> str:
        for secret in whole:
            text = text.replace(secret, MASK)
        return text

    return redact
