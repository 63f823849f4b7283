"""GitHub with a token that somebody gave us: of a workflow run, of a person, or none for public repositories."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from reviewer.errors import ConfigurationError, NotFound, PermissionMissing, RequestRejected
from reviewer.github.api import WRITE_PAUSE_S, Api
from reviewer.github.client import GitHub
from reviewer.github.records import PullRequest
from reviewer.publish.publisher import Identity
from reviewer.settings import Secret, Settings

# GitHub's prefix of tokens that belong to an App: its comments carry a bot's login.
_INSTALLATION: Final = "ghs_"
_VIEWER: Final = "query { viewer { login } }"


@dataclass(frozen=True)
class TokenAccess:
    """GitHub as the token sees it; without a token only public repositories, and no review threads."""

    github: GitHub
    token: Secret

    @cached_property
    def login(self) -> str:
        """The account that our comments carry, "" without a token; asked once."""
        if not self.token:
            return ""
        data = self.github.api.graphql(_VIEWER, {}, doing="say whose token this is")
        login = str(((data or {}).get("viewer") or {}).get("login") or "")
        bot = self.token.reveal().startswith(_INSTALLATION) and not login.endswith("[bot]")
        return f"{login}[bot]" if bot else login

    def identity(self, pr: PullRequest) -> Identity:
        """Return who publishes: the login, and the App whose check runs the token may change (0 for none)."""
        login = self.login
        slug = login.removesuffix("[bot]")
        if slug == login:
            return Identity(login, 0)
        with suppress(NotFound, PermissionMissing, RequestRejected):
            # A workflow's own job is a check run of the same App.
            rows = self.github.api.pages(
                f"/repos/{pr.repository}/commits/{pr.head_sha}/check-runs",
                key="check_runs",
                doing="list check runs",
                needs="checks: read",
                max_pages=1,
            )
            apps = (row.get("app") or {} for row in rows)
            return Identity(login, next((int(app["id"]) for app in apps if app.get("slug") == slug), 0))
        return Identity(login, 0)


def open_token_access(
    settings: Settings, *, now: Callable[[], datetime], write_pause: float = WRITE_PAUSE_S
) -> TokenAccess:
    """Return GitHub with the token of the settings (GITHUB_TOKEN or GH_TOKEN)."""
    token = settings.github_token
    api = Api(settings.github_api_url, lambda _fresh: token.reveal(), now=now, write_pause=write_pause)
    return TokenAccess(GitHub(api), token)


def need_token(settings: Settings, *, why: str) -> None:
    """Raise ConfigurationError where there is no token."""
    if not settings.github_token:
        raise ConfigurationError(f"GITHUB_TOKEN is not set, and {why}", remedy="Set GITHUB_TOKEN or GH_TOKEN.")
