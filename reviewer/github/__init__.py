"""The only user of PyGithub. Light to import: PyGithub itself is loaded with the first request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reviewer.github.auth import AppAuth
    from reviewer.github.client import GitHub
    from reviewer.github.mirror import Mirrors
    from reviewer.settings import Settings

__all__ = ["connect", "mirrors", "open_auth"]


def open_auth(settings: Settings, *, now: Callable[[], datetime]) -> AppAuth:
    """Return the App's authentication from the settings; ConfigurationError where they are incomplete."""
    from reviewer.github.auth import AppAuth  # noqa: PLC0415 - a package's `__init__` stays light

    settings.require_github_app()
    return AppAuth(settings.github_app_id, settings.github_private_key, settings.github_api_url, now=now)


def connect(
    auth: AppAuth,
    installation_id: int,
    repo_id: int,
    *,
    now: Callable[[], datetime],
    permissions: Mapping[str, str] | None = None,
) -> GitHub:
    """Return a client for one repository of an installation that may only read, or what `permissions` say.

    Reading and judging a change get `READ_PERMISSIONS` (the default); `PUBLISH_PERMISSIONS` are for the moment of
    publishing only, so that no text of a pull request is ever handled with a right to write in reach.
    """
    from reviewer.github.auth import READ_PERMISSIONS  # noqa: PLC0415 - as in `open_auth`
    from reviewer.github.client import GitHub  # noqa: PLC0415

    return GitHub.for_installation(
        auth, installation_id, now=now, repository_ids=(repo_id,), permissions=permissions or READ_PERMISSIONS
    )


def mirrors(settings: Settings) -> Mirrors:
    """Return the mirrors under the cache folder, with the limits of the settings."""
    from reviewer.github.mirror import Mirrors  # noqa: PLC0415 - as in `open_auth`

    return Mirrors(
        settings.cache_dir / "mirrors",
        limit=settings.mirror_limit,
        repository_limit=settings.mirror_repository_limit,
    )
