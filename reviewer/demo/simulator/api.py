"""What every REST route shares: the call, the answer, refusals in GitHub's words, pages and the route table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlencode

if TYPE_CHECKING:
    from reviewer.demo.simulator.hub import Hub
    from reviewer.demo.simulator.state import App, Installation, PullRequest, Repository, Token, User

DOCUMENTATION: Final = "https://docs.github.com/rest"
DEFAULT_PAGE: Final = 30
LARGEST_PAGE: Final = 100
BODY_LIMIT: Final = 65_536

T = TypeVar("T")


class GitHubError(Exception):
    """A refusal: an HTTP status and GitHub's own words."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the body of the answer."""
        body: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            body["errors"] = list(self.errors)
        body["documentation_url"] = DOCUMENTATION
        body["status"] = str(self.status)
        return body


def not_found() -> GitHubError:
    """Return what GitHub says of everything that is absent or hidden."""
    return GitHubError(404, "Not Found")


def invalid(resource: str, name: str, code: str = "invalid", message: str | None = None) -> GitHubError:
    """Return a 422 about one field of a request."""
    error: dict[str, Any] = {"resource": resource, "field": name, "code": code}
    if message:
        error["message"] = message
    return GitHubError(422, "Validation Failed", errors=[error])


def unprocessable(*errors: str) -> GitHubError:
    """Return the simple 422, whose errors are sentences."""
    return GitHubError(422, "Unprocessable Entity", errors=errors)


@dataclass(slots=True)
class Reply:
    """An answer: a JSON document, or text of another media type."""

    document: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    media_type: str = "application/json; charset=utf-8"

    def payload(self) -> bytes:
        """Return the body as bytes."""
        if self.text is not None:
            return self.text.encode("utf-8", "surrogateescape")
        if self.status in (204, 304):
            return b""
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


@dataclass(slots=True)
class Call:
    """One request, with who sent it. `token` is None for a call that an App makes with its JWT."""

    hub: Hub
    method: str
    path: str
    query: Mapping[str, str]
    accept: str
    raw: bytes
    app: App | None = None
    token: Token | None = None
    person: User | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object of the request; 400 where it is none."""
        if not self.raw.strip():
            return {}
        try:
            value = json.loads(self.raw)
        except ValueError:
            raise GitHubError(400, "Problems parsing JSON") from None
        if not isinstance(value, dict):
            raise GitHubError(400, "Body should be a JSON object")
        return value

    @property
    def installation(self) -> Installation:
        """The installation whose token this is."""
        if self.token is None:
            raise GitHubError(403, "Resource not accessible by integration")
        return self.token.installation

    @property
    def actor(self) -> User:
        """The account that writes: the bot of the App."""
        return self.installation.app.bot

    def field(self, name: str, kind: type[T], *, resource: str, required: bool = False) -> T | None:
        """Return a field of the body; 422 where it is missing or of another type."""
        value = self.body.get(name)
        if value is None:
            if required:
                raise invalid(resource, name, "missing_field")
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise GitHubError(
                422, f"Invalid request.\n\nFor 'properties/{name}', {value!r} is not a {kind.__name__}."
            )
        return value

    def text(self, name: str, *, resource: str, required: bool = True) -> str:
        """Return a text of at most 65,536 characters."""
        value = self.field(name, str, resource=resource, required=required) or ""
        if required and not value.strip():
            raise invalid(resource, name, "missing_field")
        if len(value) > BODY_LIMIT:
            raise invalid(
                resource, name, "unprocessable", f"{name} is too long (maximum is {BODY_LIMIT} characters)"
            )
        return value

    def repository(self, owner: str, repo: str) -> Repository:
        """Return a repository that the token sees; 404 for any other, as GitHub hides it."""
        found = next(
            (
                repository
                for name, repository in self.hub.state.repositories.items()
                if name.lower() == f"{owner}/{repo}".lower()
            ),
            None,
        )
        found = found or self.hub.state.named(f"{owner}/{repo}")
        if found is None or not self.sees(found):
            raise not_found()
        return found

    def sees(self, repository: Repository) -> bool:
        """True where the installation token covers a repository."""
        if self.token is None:
            return False
        if self.token.repository_ids is not None:
            return repository.id in self.token.repository_ids
        installation = self.token.installation
        return repository.owner is installation.account and (
            installation.repository_ids is None or repository.id in installation.repository_ids
        )

    def pull(self, owner: str, repo: str, number: int) -> PullRequest:
        """Return a pull request; 404 where there is none."""
        repository = self.repository(owner, repo)
        pull = self.hub.state.pulls.get((repository.id, number))
        if pull is None:
            raise not_found()
        return pull

    def whole(self, name: str, default: int, largest: int | None = None) -> int:
        """Return a positive whole number of the query; anything else is the default, as on GitHub."""
        raw = self.query.get(name, "")
        value = int(raw) if raw.isascii() and raw.isdigit() and int(raw) > 0 else default
        return value if largest is None else min(value, largest)

    def page(self, items: Sequence[T]) -> tuple[Sequence[T], dict[str, str]]:
        """Return one page of a list, and its `Link` header."""
        size = self.whole("per_page", DEFAULT_PAGE, LARGEST_PAGE)
        number = self.whole("page", 1)
        last = max(1, -(-len(items) // size))
        relations: list[tuple[str, int]] = []
        if number > 1:
            relations += [("prev", min(number - 1, last)), ("first", 1)]
        if number < last:
            relations += [("next", number + 1), ("last", last)]
        links = [
            f'<{self.hub.url}{self.path}?{urlencode({**self.query, "page": str(target)})}>; rel="{name}"'
            for name, target in relations
        ]
        headers = {"Link": ", ".join(links)} if links else {}
        return items[(number - 1) * size : number * size], headers


Handler = Callable[..., Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and path, what answers it, and what it takes: `auth` is "app", "token", "either", "user" or "none".

    `permissions` are alternatives, each `name:level`; one of them is enough.
    """

    method: str
    rule: str
    handler: Handler
    auth: str
    permissions: tuple[str, ...]


ROUTES: list[Route] = []


def route(method: str, rule: str, *permissions: str, auth: str = "token") -> Callable[[Handler], Handler]:
    """Register what answers a method and path."""

    def add(handler: Handler) -> Handler:
        ROUTES.append(Route(method, rule, handler, auth, permissions))
        return handler

    return add


def listed(call: Call, items: Sequence[T], shape: Callable[[T], Any]) -> Reply:
    """Answer one page of a list, each item in its JSON shape."""
    page, headers = call.page(items)
    return Reply([shape(item) for item in page], headers=headers)
