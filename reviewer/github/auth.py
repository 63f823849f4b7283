"""AppAuth: the App's JWT and its installation tokens, cached and narrowed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from reviewer.errors import (
    ConfigurationError,
    GitHubUnavailable,
    NotFound,
    PermissionMissing,
    RequestRejected,
)
from reviewer.github.api import TIMEOUT_S, Api
from reviewer.settings import Secret

# GitHub wants iat in the past (clock drift) and exp at most 10 minutes ahead, by its own clock:
# https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
ISSUED_BEFORE: Final = timedelta(seconds=60)
LIFETIME: Final = timedelta(minutes=8)
# A JWT is used this long before the next is signed.
RESIGN: Final = timedelta(minutes=4)
# A token that would run out within this time is not handed out any more.
TOKEN_MARGIN: Final = timedelta(minutes=5)

# What each half of a review may do. Reading and judging happen without any right to write.
READ_PERMISSIONS: Final[Mapping[str, str]] = {"contents": "read", "pull_requests": "read", "metadata": "read"}
PUBLISH_PERMISSIONS: Final[Mapping[str, str]] = {
    "pull_requests": "write",
    "checks": "write",
    "metadata": "read",
}
_RANK: Final = {"": 0, "read": 1, "write": 2, "admin": 3}


@dataclass(frozen=True, slots=True)
class AppIdentity:
    """Who we are on GitHub. `login` is the account that our comments carry."""

    id: int
    slug: str
    name: str
    html_url: str
    permissions: Mapping[str, str]
    events: tuple[str, ...]

    @property
    def login(self) -> str:
        """`slug[bot]`: square brackets cannot be in a person's login, so it cannot be registered by another."""
        return f"{self.slug}[bot]"


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """A token of one installation and what GitHub says it may do."""

    token: Secret
    expires_at: datetime
    permissions: Mapping[str, str]


class AppAuth:
    """Authenticate as the App, and as its installations. Thread-safe; keeps tokens in memory only."""

    def __init__(
        self,
        app_id: str,
        private_key: Secret,
        api_url: str,
        *,
        now: Callable[[], datetime],
        timeout: int = TIMEOUT_S,
    ) -> None:
        self._app_id = app_id
        self._private_key = private_key
        self._now = now
        self._signing_key: Any = None
        self._skew = timedelta(0)
        self._lock = threading.Lock()
        self._signed: tuple[datetime, str] | None = None
        self._tokens: dict[tuple[object, ...], InstallationToken] = {}
        # One for each token that is being made: many reviews that begin at once wait for their own alone.
        self._minting: dict[tuple[object, ...], threading.Lock] = {}
        self._identity: AppIdentity | None = None
        self._url, self._timeout = api_url, timeout
        self.api = self._connect()
        # An Api is one conversation; threads that ask at the same time have one each, and leave it here.
        self._idle: list[Api] = []

    def jwt(self) -> str:
        """Return a signed JWT of the App (RS256); ConfigurationError where the key cannot sign."""
        import jwt  # noqa: PLC0415 - brings cryptography with it
        from jwt.algorithms import RSAAlgorithm  # noqa: PLC0415

        now = self._now() + self._skew
        claims = {
            "iat": int((now - ISSUED_BEFORE).timestamp()),
            "exp": int((now + LIFETIME).timestamp()),
            "iss": self._app_id,
        }
        try:
            if self._signing_key is None:
                # Kept: reading a key checks its primes, which takes longer than all else that a token costs.
                self._signing_key = RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key(self._private_key.reveal())
            return jwt.encode(claims, self._signing_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            # The library's own text may quote the key.
            raise ConfigurationError(
                f"GITHUB_PRIVATE_KEY cannot sign ({type(error).__name__})",
                remedy="Use the whole .pem file, unencrypted RSA, that GitHub made for the App; make a new one on "
                "the App's settings page if it is damaged.",
            ) from None

    def identity(self) -> AppIdentity:
        """Return who GitHub says this App is; asked once."""
        if self._identity is None:
            with self._conversation() as api:
                row = api.get("/app", doing="say which App this is")
            self._identity = AppIdentity(
                id=int(row["id"]),
                slug=str(row["slug"]),
                name=str(row.get("name") or row["slug"]),
                html_url=str(row.get("html_url") or ""),
                permissions={str(key): str(value) for key, value in (row.get("permissions") or {}).items()},
                events=tuple(str(event) for event in row.get("events") or ()),
            )
        return self._identity

    def check(self) -> AppIdentity:
        """Prove at start-up that GitHub knows the App; ConfigurationError names the remedy, also where
        GitHub cannot be reached at all.
        """
        try:
            return self.identity()
        except GitHubUnavailable as error:
            raise ConfigurationError(
                str(error), remedy="Start again when it can be reached, or set GITHUB_API_URL."
            ) from None
        except NotFound:
            raise ConfigurationError(
                f"GitHub knows no App {self._app_id!r}",
                remedy="Set GITHUB_APP_ID to the App ID (or client id) on the App's settings page.",
            ) from None

    def installation_token(
        self,
        installation_id: int,
        *,
        repository_ids: Sequence[int] = (),
        permissions: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> InstallationToken:
        """Return a token for these repositories and permissions only (empty: all that the installation has).

        A permission that the installation does not grant is left out: the step that needs it then fails with
        PermissionMissing by name. Raises NotFound where the App is not installed, PermissionMissing where the
        installation is suspended.
        """
        wanted = dict(permissions or {})
        key = (installation_id, tuple(sorted(repository_ids)), tuple(sorted(wanted.items())))
        with self._lock:
            before = self._tokens.get(key)
            minting = self._minting.setdefault(key, threading.Lock())
        with minting:
            held = self._tokens.get(key)
            # A token that another thread has made since replaces a refused one too.
            if held is not None and (not fresh or held is not before) and self._lasts(held):
                return held
            token = self._mint(installation_id, repository_ids, wanted)
            with self._lock:
                self._tokens = {known: one for known, one in self._tokens.items() if self._lasts(one)}
                self._tokens[key] = token
                self._minting = {known: one for known, one in self._minting.items() if one.locked()}
            return token

    def _lasts(self, token: InstallationToken) -> bool:
        return token.expires_at - TOKEN_MARGIN > self._now()

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            idle, self._idle = self._idle, []
        for api in (self.api, *idle):
            api.close()

    @contextmanager
    def _conversation(self) -> Iterator[Api]:
        """Lend an Api that no other thread uses."""
        with self._lock:
            api = self._idle.pop() if self._idle else None
        api = api or self._connect()
        try:
            yield api
        finally:
            with self._lock:
                self._idle.append(api)

    def source(
        self,
        installation_id: int,
        *,
        repository_ids: Sequence[int] = (),
        permissions: Mapping[str, str] | None = None,
    ) -> Callable[[bool], str]:
        """Return the token source that an Api of this installation uses."""
        return lambda fresh: self.installation_token(
            installation_id, repository_ids=repository_ids, permissions=permissions, fresh=fresh
        ).token.reveal()

    def _mint(
        self, installation_id: int, repository_ids: Sequence[int], permissions: Mapping[str, str]
    ) -> InstallationToken:
        path = f"/app/installations/{installation_id}/access_tokens"
        body: dict[str, Any] = {}
        if repository_ids:
            body["repository_ids"] = list(repository_ids)
        if permissions:
            body["permissions"] = dict(permissions)
        doing = f"give a token for installation {installation_id}"
        try:
            with self._conversation() as api:
                try:
                    row = api.send("POST", path, body, doing=doing)
                except RequestRejected:
                    if not permissions:
                        raise
                    body["permissions"] = _granted(api, installation_id, permissions)
                    row = api.send("POST", path, body, doing=doing)
        except NotFound:
            raise NotFound(
                f"the App {self._app_id} is not installed as installation {installation_id} (any more), "
                "or GITHUB_APP_ID is another App's"
            ) from None
        return InstallationToken(
            token=Secret(str(row["token"])),
            expires_at=_time(row.get("expires_at")) or self._now() + timedelta(minutes=10),
            permissions={str(key): str(value) for key, value in (row.get("permissions") or {}).items()},
        )

    def _connect(self) -> Api:
        def source(fresh: bool) -> str:  # noqa: FBT001 - the TokenSource protocol
            return self._jwt_to_send(refused_at=api.last_date if fresh else None)

        api = Api(self._url, source, now=self._now, app=True, timeout=self._timeout, write_pause=0)
        return api

    def _jwt_to_send(self, *, refused_at: str | None) -> str:
        if refused_at is not None:
            # Refused once: the likeliest passing reason is this machine's clock, and GitHub says its own.
            self._skew = self._clock_difference(refused_at)
            self._signed = None
        signed = self._signed
        # Signed again every few minutes: a conversation goes on while its token stays the same.
        if signed is None or not timedelta(0) <= self._now() - signed[0] < RESIGN:
            self._signed = signed = (self._now(), self.jwt())
        return signed[1]

    def _clock_difference(self, date: str) -> timedelta:
        try:
            return parsedate_to_datetime(date) - self._now() if date else timedelta(0)
        except (TypeError, ValueError):
            return timedelta(0)


def _granted(api: Api, installation_id: int, wanted: Mapping[str, str]) -> dict[str, str]:
    """Cut `wanted` to what the installation grants."""
    row = api.get(f"/app/installations/{installation_id}", doing=f"show installation {installation_id}")
    has = row.get("permissions") or {}
    cut = {
        name: min(level, str(has.get(name, "")), key=lambda word: _RANK.get(word, 0))
        for name, level in wanted.items()
    }
    granted = {name: level for name, level in cut.items() if level}
    if not granted:
        raise PermissionMissing(
            f"installation {installation_id} grants none of: {', '.join(sorted(wanted))}",
            permission=", ".join(f"{name}: {level}" for name, level in sorted(wanted.items())),
        )
    return granted


def _time(text: object) -> datetime | None:
    try:
        value = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
