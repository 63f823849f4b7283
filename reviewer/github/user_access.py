"""A person who signs in with GitHub: the exchange of the code, and what GitHub lets the person see of our App.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reviewer.errors import ConfigurationError, GitHubUnavailable
from reviewer.github.connection import judged_session
from reviewer.settings import GITHUB_API, Secret

TIMEOUT_SECONDS: Final = 10
PAGE_ROWS: Final = 100
# Of each list; what stands on later pages is not shown, and `UserAccess.cut` says so.
MAX_PAGES: Final = 10


@dataclass(frozen=True, slots=True)
class UserAccess:
    """The repositories with our App that a person may read, by GitHub's ids; `cut` where there are more."""

    repositories: frozenset[int]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class SignIn:
    """The App as an OAuth client of one GitHub."""

    api_url: str
    client_id: str
    client_secret: Secret = field(repr=False)

    @property
    def web_url(self) -> str:
        """The address of GitHub's pages: those of an Enterprise Server are on the API's host."""
        return "https://github.com" if self.api_url == GITHUB_API else self.api_url.removesuffix("/api/v3")

    def exchange(self, code: str, verifier: str) -> Secret:
        """Return the user's token for a code; ConfigurationError where GitHub refuses the code."""
        fields = {
            "client_id": self.client_id,
            "client_secret": self.client_secret.reveal(),
            "code": code,
            "code_verifier": verifier,
        }
        row = self._ask("POST", f"{self.web_url}/login/oauth/access_token", data=fields)
        token = row.get("access_token") if isinstance(row, dict) else None
        if not isinstance(token, str) or not token:
            raise ConfigurationError("GitHub did not accept the sign-in", remedy="Sign in again.")
        return Secret(token)

    def login(self, token: Secret) -> str:
        """Return the name of the person that a token stands for."""
        row = self._ask("GET", f"{self.api_url}/user", token=token)
        login = row.get("login") if isinstance(row, dict) else None
        if not isinstance(login, str) or not login:
            raise GitHubUnavailable("GitHub did not say who signed in")
        return login

    def access(self, token: Secret) -> UserAccess:
        """Return what the person may see, asked from GitHub now."""
        installations, cut = self._list("/user/installations", "installations", token)
        found: set[int] = set()
        for installation in installations:
            path = f"/user/installations/{installation}/repositories"
            repositories, more = self._list(path, "repositories", token)
            found.update(repositories)
            cut = cut or more
        return UserAccess(frozenset(found), cut)

    def _list(self, path: str, key: str, token: Secret) -> tuple[list[int], bool]:
        ids: list[int] = []
        for page in range(1, MAX_PAGES + 1):
            row = self._ask("GET", f"{self.api_url}{path}?per_page={PAGE_ROWS}&page={page}", token=token)
            try:
                rows = [int(each["id"]) for each in row[key]]
            except (KeyError, TypeError, ValueError):
                raise GitHubUnavailable(f"no usable answer to {path}") from None
            ids += rows
            if len(rows) < PAGE_ROWS:
                return ids, False
        return ids, True

    def _ask(
        self, method: str, url: str, *, token: Secret | None = None, data: Mapping[str, str] | None = None
    ) -> Any:
        headers = {"Accept": "application/json", "User-Agent": "kilo-review"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.reveal()}"
        try:
            with judged_session() as session:
                answer = session.request(
                    method, url, headers=headers, data=data, timeout=TIMEOUT_SECONDS, allow_redirects=False
                )
            if answer.status_code in (401, 403, 404):
                raise ConfigurationError("GitHub no longer accepts this sign-in", remedy="Sign in again.")
            if answer.status_code != 200:
                raise GitHubUnavailable(f"GitHub answered {answer.status_code}")
            return answer.json()
        except (OSError, ValueError) as error:
            raise GitHubUnavailable(f"no usable answer from GitHub ({type(error).__name__})") from None
