"""Access: who the service is on GitHub, and what each half of a review may do there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from reviewer.github.api import WRITE_PAUSE_S
from reviewer.github.auth import AppAuth
from reviewer.github.client import GitHub
from reviewer.ledger.keys import ReviewKey
from reviewer.settings import Settings

# The process that reads the pull request holds a token that cannot write; the one that publishes never
# sees a model. (arXiv 2603.18740's neighbours: every public key leak had both in one scope.)
READ_PERMISSIONS: Final = {"contents": "read", "metadata": "read", "pull_requests": "read", "issues": "read"}
WRITE_PERMISSIONS: Final = {"checks": "write", "issues": "write", "metadata": "read", "pull_requests": "write"}


def app_auth(settings: Settings, now: Callable[[], datetime]) -> AppAuth:
    """Return the App's credentials; ConfigurationError names the settings that are missing."""
    settings.require_github_app()
    return AppAuth(settings.github_app_id, settings.github_private_key, settings.github_api_url, now=now)


def client_for(
    auth: AppAuth,
    key: ReviewKey,
    permissions: Mapping[str, str],
    now: Callable[[], datetime],
    *,
    write_pause: float = WRITE_PAUSE_S,
    guard: Callable[[], object] = lambda: None,
) -> GitHub:
    """Return a client whose token sees the review's repository alone.

    `write_pause` is in seconds; `guard` is called right before every write, and raises where it must not be sent.
    """
    return GitHub.for_installation(
        auth,
        key.installation_id,
        now=now,
        repository_ids=(key.repo_id,),
        permissions=permissions,
        write_pause=write_pause,
        guard=guard,
    )
