"""Ask GitHub what a person may do with a repository, in time for a webhook's own answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from reviewer.github.api import Api
from reviewer.github.auth import AppAuth
from reviewer.github.permission import role_of

# Seconds for one request. GitHub waits ten for us: a token, and a read that is tried three times at most.
TIMEOUT: Final = 2
PERMISSIONS: Final = {"metadata": "read"}


class AskGitHub:
    """Ask the endpoint for collaborators' permissions with a token that can read metadata and nothing else.

    https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
    """

    def __init__(self, auth: AppAuth, *, now: Callable[[], datetime]) -> None:
        self._auth = auth
        self._now = now

    def __call__(self, *, installation_id: int, repo_id: int, repository: str, login: str) -> str:
        """Return the role of a person, one of ROLES; NotFound where GitHub knows no such person."""
        source = self._auth.source(installation_id, repository_ids=(repo_id,), permissions=PERMISSIONS)
        api = Api(self._auth.api.url, source, now=self._now, timeout=TIMEOUT)
        return role_of(api, repository, login)
