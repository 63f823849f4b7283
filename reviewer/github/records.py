"""What GitHub says, as values: pull request, review comment, thread, check run, delivery. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request in GitHub's words. `repository` is `owner/name` of the base; `head_repository` is "" where the
    fork is gone. `size_kb` is the base repository's size on GitHub's disks. `changed_files`, `additions` and
    `deletions` are None where the source (some webhook payloads) does not say. `owner_id` is the account that owns
    the base repository, 0 where that is not said.
    """

    repository: str
    repo_id: int
    number: int
    title: str
    body: str
    author: str
    base_sha: str
    head_sha: str
    base_ref: str
    head_ref: str
    is_fork: bool
    draft: bool
    private: bool
    labels: tuple[str, ...]
    default_branch: str
    clone_url: str
    html_url: str
    repository_url: str
    head_repository: str = ""
    state: str = "open"
    locked: bool = False
    changed_files: int | None = None
    additions: int | None = None
    deletions: int | None = None
    size_kb: int | None = None
    updated_at: str = ""
    owner_id: int = 0
    author_is_bot: bool = False

    def has_other_base(self, before: PullRequest) -> bool:
        """Tell whether the base is another branch than `before`, whose tip is another one: another diff."""
        return self.base_ref != before.base_ref and self.base_sha != before.base_sha

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> PullRequest:
        """Read GitHub's pull request object, from the API or a webhook payload."""
        base, head = row["base"], row["head"]
        repo = base["repo"]
        head_repo = head.get("repo") or {}
        return cls(
            repository=str(repo["full_name"]),
            repo_id=int(repo["id"]),
            number=int(row["number"]),
            title=str(row.get("title") or ""),
            body=str(row.get("body") or ""),
            author=login_of(row.get("user")),
            base_sha=str(base["sha"]),
            head_sha=str(head["sha"]),
            base_ref=str(base["ref"]),
            head_ref=str(head["ref"]),
            # A fork that was deleted is still not this repository.
            is_fork=head_repo.get("id") != repo["id"],
            draft=bool(row.get("draft")),
            private=bool(repo.get("private")),
            labels=tuple(str(label["name"]) for label in row.get("labels") or () if label.get("name")),
            default_branch=str(repo.get("default_branch") or ""),
            clone_url=str(repo.get("clone_url") or ""),
            html_url=str(row.get("html_url") or ""),
            repository_url=str(repo.get("html_url") or ""),
            head_repository=str(head_repo.get("full_name") or ""),
            state=str(row.get("state") or "open"),
            locked=bool(row.get("locked")),
            changed_files=_number(row.get("changed_files")),
            additions=_number(row.get("additions")),
            deletions=_number(row.get("deletions")),
            size_kb=_number(repo.get("size")),
            updated_at=str(row.get("updated_at") or ""),
            owner_id=_number((repo.get("owner") or {}).get("id")) or 0,
            author_is_bot=(row.get("user") or {}).get("type") == "Bot",
        )


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment: on the conversation (`path` is "") or on a line. `author` is GitHub's user object, cut to what
    identity needs.
    """

    id: int
    body: str
    author: Mapping[str, Any]
    html_url: str
    path: str = ""
    review_id: int | None = None
    created_at: str = ""

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Comment:
        """Read an issue comment or a review comment."""
        return cls(
            id=int(row["id"]),
            body=str(row.get("body") or ""),
            author=_author(row.get("user")),
            html_url=str(row.get("html_url") or ""),
            path=str(row.get("path") or ""),
            review_id=_number(row.get("pull_request_review_id")),
            created_at=str(row.get("created_at") or ""),
        )


@dataclass(frozen=True, slots=True)
class PostedReview:
    """A review on the pull request; `state` is GitHub's word (COMMENTED, PENDING …)."""

    id: int
    body: str
    author: Mapping[str, Any]
    commit_id: str
    state: str
    html_url: str

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> PostedReview:
        """Read a review object."""
        return cls(
            id=int(row["id"]),
            body=str(row.get("body") or ""),
            author=_author(row.get("user")),
            commit_id=str(row.get("commit_id") or ""),
            state=str(row.get("state") or ""),
            html_url=str(row.get("html_url") or ""),
        )


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A check run; `app_id` says whose, `conclusion` is "" until it is completed."""

    id: int
    name: str
    head_sha: str
    status: str
    conclusion: str
    external_id: str
    app_id: int | None
    html_url: str

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> CheckRun:
        """Read a check run object."""
        return cls(
            id=int(row["id"]),
            name=str(row.get("name") or ""),
            head_sha=str(row.get("head_sha") or ""),
            status=str(row.get("status") or ""),
            conclusion=str(row.get("conclusion") or ""),
            external_id=str(row.get("external_id") or ""),
            app_id=_number((row.get("app") or {}).get("id")),
            html_url=str(row.get("html_url") or ""),
        )


@dataclass(frozen=True, slots=True)
class HookDelivery:
    """One attempt to deliver a webhook; a redelivery has another `id` and the same `guid`."""

    id: int
    guid: str
    event: str
    action: str
    status_code: int
    delivered_at: str
    redelivery: bool
    installation_id: int | None
    repository_id: int | None

    @property
    def ok(self) -> bool:
        """True where our server answered 2xx."""
        return 200 <= self.status_code < 300

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> HookDelivery:
        """Read a delivery of `GET /app/hook/deliveries`."""
        return cls(
            id=int(row["id"]),
            guid=str(row.get("guid") or ""),
            event=str(row.get("event") or ""),
            action=str(row.get("action") or ""),
            status_code=int(row.get("status_code") or 0),
            delivered_at=str(row.get("delivered_at") or ""),
            redelivery=bool(row.get("redelivery")),
            installation_id=_number(row.get("installation_id")),
            repository_id=_number(row.get("repository_id")),
        )


def login_of(user: Mapping[str, Any] | None) -> str:
    """Return a user's login; "ghost" for an account that is gone, as GitHub shows it."""
    return str((user or {}).get("login") or "ghost")


def _author(user: Mapping[str, Any] | None) -> Mapping[str, Any]:
    known = user or {}
    return {"login": login_of(known), "type": str(known.get("type") or ""), "id": known.get("id")}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
