"""What the simulated GitHub remembers. Everything that git knows is asked of git, not kept here."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LEVELS = ("none", "read", "triage", "write", "maintain", "admin")


@dataclass(slots=True)
class User:
    """An account: a person, an organisation, or the bot of an App."""

    id: int
    login: str
    type: str = "User"


@dataclass(slots=True)
class App:
    """A registered GitHub App; `public_key` verifies its JWTs."""

    id: int
    slug: str
    name: str
    owner: User
    bot: User
    private_key: str = field(repr=False)
    public_key: str
    webhook_secret: str = field(repr=False)
    permissions: dict[str, str]
    events: list[str]
    created_at: datetime
    client_id: str
    client_secret: str = field(repr=False)
    webhook_url: str = ""
    callback_url: str = ""
    hook_id: int = 0
    description: str = ""
    external_url: str = "https://github.com/kilo-review/kilo-review"


@dataclass(slots=True)
class Installation:
    """An App on an account. `repository_ids` is None for all repositories of the account."""

    id: int
    app: App
    account: User
    permissions: dict[str, str]
    events: list[str]
    created_at: datetime
    repository_ids: set[int] | None = None
    suspended_at: datetime | None = None


@dataclass(slots=True)
class Token:
    """An installation access token."""

    value: str = field(repr=False)
    installation: Installation
    permissions: dict[str, str]
    repository_ids: set[int] | None
    expires_at: datetime


@dataclass(slots=True)
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(slots=True)
class Repository:
    """A repository; `git_dir` is a real bare repository. `collaborators` maps a login to a role."""

    id: int
    owner: User
    name: str
    git_dir: Path
    created_at: datetime
    private: bool = False
    default_branch: str = "main"
    collaborators: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    parent: Repository | None = None

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner.login}/{self.name}"


@dataclass(slots=True)
class PullRequest:
    """A pull request; `base_sha` is the tip of the base branch when the head was last pushed, as on GitHub."""

    id: int
    number: int
    repository: Repository
    title: str
    body: str | None
    author: User
    base_ref: str
    base_sha: str
    head_repository: Repository | None
    head_ref: str
    head_sha: str
    created_at: datetime
    updated_at: datetime
    issue_id: int
    draft: bool = False
    state: str = "open"
    merged_at: datetime | None = None
    closed_at: datetime | None = None
    labels: list[str] = field(default_factory=list)
    reviewers: list[User] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(slots=True)
class Reaction:
    """An emoji on a comment."""

    id: int
    user: User
    content: str
    created_at: datetime


@dataclass(slots=True)
class IssueComment:
    """A comment of the conversation."""

    id: int
    pull: PullRequest
    user: User
    body: str
    created_at: datetime
    updated_at: datetime
    app: App | None = None
    reactions: list[Reaction] = field(default_factory=list)
    minimized: str | None = None


@dataclass(slots=True)
class Review:
    """A submitted (or PENDING) review."""

    id: int
    pull: PullRequest
    user: User
    body: str
    state: str
    commit_id: str
    submitted_at: datetime | None
    minimized: str | None = None


@dataclass(slots=True)
class ReviewComment:
    """An inline comment. `line` is None once the code under it has changed: it is outdated."""

    id: int
    review: Review
    pull: PullRequest
    user: User
    path: str
    side: str
    line: int | None
    start_side: str | None
    start_line: int | None
    original_line: int
    original_start_line: int | None
    position: int | None
    original_position: int
    commit_id: str
    original_commit_id: str
    diff_hunk: str
    body: str
    created_at: datetime
    updated_at: datetime
    in_reply_to: ReviewComment | None = None
    app: App | None = None
    reactions: list[Reaction] = field(default_factory=list)
    minimized: str | None = None
    resolved_by: User | None = None

    @property
    def root(self) -> ReviewComment:
        """The first comment of the thread; its `resolved_by` is the thread's."""
        return self.in_reply_to or self


@dataclass(slots=True)
class CheckRun:
    """A check run of a commit."""

    id: int
    repository: Repository
    app: App
    name: str
    head_sha: str
    suite_id: int
    status: str = "queued"
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    external_id: str = ""
    details_url: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Mapping[str, Any]] = field(default_factory=list)
    actions: list[Mapping[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Delivery:
    """One attempt to deliver a webhook. A redelivery has its own id and the same `guid`."""

    id: int
    guid: str
    app: App
    event: str
    action: str | None
    payload: dict[str, Any]
    installation_id: int | None
    repository_id: int | None
    redelivery: bool = False
    delivered_at: datetime | None = None
    duration: float = 0.0
    status: str = "pending"
    status_code: int = 0
    request_headers: dict[str, str] = field(default_factory=dict)
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that the simulator received: for assertions on what was sent, and when (monotonic seconds)."""

    method: str
    path: str
    status: int
    at: float
    actor: str
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class State:
    """Every record, behind one lock; `next_id` hands out identifiers, `now` is the simulator's clock."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.lock = threading.RLock()
        self._clock = now or (lambda: datetime.now(UTC))
        self._ids = itertools.count(1_000_001)
        self.users: dict[str, User] = {}
        self.apps: dict[int, App] = {}
        self.installations: dict[int, Installation] = {}
        self.tokens: dict[str, Token] = {}
        self.repositories: dict[str, Repository] = {}
        self.pulls: dict[tuple[int, int], PullRequest] = {}
        self.comments: dict[int, IssueComment] = {}
        # The body of issues that are no pull requests, by repository and number.
        self.issues: dict[tuple[int, int], str] = {}
        self.reviews: dict[int, Review] = {}
        self.review_comments: dict[int, ReviewComment] = {}
        self.check_runs: dict[int, CheckRun] = {}
        self.check_suites: dict[tuple[int, str, int], int] = {}
        self.deliveries: dict[int, Delivery] = {}
        self.manifests: dict[str, dict[str, Any]] = {}
        # Who is signed in to the pages, codes of sign-ins (login, challenge), whom tokens stand for.
        self.signed_in = "octocat"
        self.sign_ins: dict[str, tuple[str, str]] = {}
        self.user_tokens: dict[str, User] = {}
        self.seen: deque[Seen] = deque(maxlen=100_000)
        # Lists show a record only once it is this old, in seconds: GitHub's replicas lag its writes.
        self.list_lag = 0.0
        self._born: dict[int, float] = {}
        # Names that repositories had before they were renamed, by the id of the repository.
        self.renamed: dict[str, int] = {}
        # What a lagging replica answers for a pull request: the document, and how many times more.
        self.replicas: dict[int, tuple[dict[str, Any], int]] = {}

    def now(self) -> datetime:
        """Return the time, in whole seconds as GitHub gives it."""
        return self._clock().replace(microsecond=0)

    def next_id(self) -> int:
        """Return a fresh identifier."""
        made = next(self._ids)
        self._born[made] = time.monotonic()
        return made

    def listed(self, record_id: int) -> bool:
        """Tell whether lists show a record already."""
        return time.monotonic() - self._born.get(record_id, float("-inf")) >= self.list_lag

    def named(self, full_name: str) -> Repository | None:
        """Return the repository of a name, or of a name that it had before."""
        found = self.repositories.get(full_name)
        return found or self.repository_by_id(self.renamed.get(full_name, 0))

    def user(self, login: str, kind: str = "User") -> User:
        """Return the account of this login, made on first use."""
        with self.lock:
            if login not in self.users:
                self.users[login] = User(self.next_id(), login, kind)
            return self.users[login]

    def repository_by_id(self, repo_id: int) -> Repository | None:
        """Return the repository of this id."""
        return next((repo for repo in self.repositories.values() if repo.id == repo_id), None)

    def pulls_of(self, repository: Repository) -> list[PullRequest]:
        """Return the pull requests of a repository, oldest first."""
        return [pull for pull in self.pulls.values() if pull.repository is repository]

    def installation_of(self, repository: Repository, app: App | None = None) -> Installation | None:
        """Return the installation that sees a repository."""
        for installation in self.installations.values():
            if app is not None and installation.app is not app:
                continue
            if installation.account is repository.owner and (
                installation.repository_ids is None or repository.id in installation.repository_ids
            ):
                return installation
        return None

    def role(self, repository: Repository, login: str) -> str:
        """Return a user's role: what was granted, admin for the owner, read for anyone on a public repository."""
        if login in repository.collaborators:
            return repository.collaborators[login]
        if login == repository.owner.login:
            return "admin"
        return "none" if repository.private else "read"
