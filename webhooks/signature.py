"""Check that a body was signed with our webhook secret."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from reviewer.errors import ConfigurationError, SignatureRefused

HEADER: Final = "X-Hub-Signature-256"
PREFIX: Final = b"sha256="


def sign(body: bytes, secret: str) -> str:
    """Return the header value that GitHub sends for this body: `sha256=` and 64 hex digits."""
    return (PREFIX + hmac.digest(secret.encode(), body, hashlib.sha256).hex().encode()).decode()


def verify(body: bytes, header: str | None, secrets: Sequence[str]) -> None:
    """Accept the raw body when the header is its HMAC-SHA256 under any of the secrets, else raise SignatureRefused.

    Several secrets serve rotation. Bytes are compared, in constant time: `compare_digest` raises TypeError for
    text that is not ASCII, and a server that lets this through answers 500 to a forged header.
    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    usable = [secret for secret in secrets if secret]
    if not usable:
        raise ConfigurationError(
            "no webhook secret is set, so no delivery can be trusted",
            remedy="Set GITHUB_WEBHOOK_SECRET to the secret of the App's settings page.",
        )
    if not header:
        raise SignatureRefused(
            f"the header {HEADER} is missing: set a webhook secret on the App's settings page",
            rule="signature-missing",
        )
    given = header.strip().encode("utf-8", "surrogateescape")
    if not given.startswith(PREFIX):
        raise SignatureRefused(f"{HEADER} must start with sha256=", rule="signature-algorithm")
    matched = False
    for secret in usable:
        # No early exit: the time of the answer must not show which of two secrets matched.
        matched |= hmac.compare_digest(given, sign(body, secret).encode())
    if not matched:
        raise SignatureRefused(
            "the signature does not fit the body: GITHUB_WEBHOOK_SECRET differs from the App's secret, "
            "or something on the way changed the body",
            rule="signature-wrong",
        )
