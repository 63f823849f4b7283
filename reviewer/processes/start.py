"""Check at the start of a process that the App's key can sign: what nobody notices before the first delivery."""

from __future__ import annotations

from datetime import UTC, datetime

from reviewer.settings import Settings


def check_app(settings: Settings) -> None:
    """Raise ConfigurationError where the App is not set up, or its private key is no key. Asks nobody."""
    settings.require_github_app()
    check_key(settings)


def check_key(settings: Settings) -> None:
    """Raise ConfigurationError where a private key is set and cannot sign."""
    if not settings.github_private_key:
        return
    from reviewer.github.auth import AppAuth  # noqa: PLC0415 - loads cryptography; the other settings come first

    auth = AppAuth(
        settings.github_app_id,
        settings.github_private_key,
        settings.github_api_url,
        now=lambda: datetime.now(UTC),
    )
    try:
        auth.jwt()
    finally:
        auth.api.close()
