"""A pull request's conversation as one value: what the page, the terminal and the JSON of the demo show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from reviewer.demo.simulator.state import PullRequest, Reaction, ReviewComment

if TYPE_CHECKING:
    from reviewer.demo.simulator.hub import Hub


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment, of the conversation or inline; `anchor` is what links to it name after the `#`."""

    author: str
    body: str
    at: datetime
    reactions: tuple[str, ...] = ()
    minimized: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class ThreadView:
    """An inline thread; `position` is its line in the file's patch, None where the code has changed since."""

    path: str
    line: int
    start_line: int | None
    side: str
    position: int | None
    resolved: bool
    comments: tuple[Comment, ...]


@dataclass(frozen=True, slots=True)
class FileView:
    """A changed file with the threads on it."""

    path: str
    previous: str | None
    status: str
    additions: int
    deletions: int
    patch: str | None
    threads: tuple[ThreadView, ...]


@dataclass(frozen=True, slots=True)
class CheckView:
    """A check run of the head commit."""

    name: str
    status: str
    conclusion: str | None
    title: str
    summary: str
    text: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class CommitView:
    """A commit of the pull request."""

    sha: str
    title: str
    author: str
    at: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Everything that a reader of the pull request sees, in order; `notice` stands above all of it."""

    repository: str
    number: int
    title: str
    body: str
    author: str
    state: str
    base_ref: str
    head_ref: str
    head_sha: str
    commits: int
    url: str
    labels: tuple[str, ...]
    comments: tuple[Comment, ...]
    reviews: tuple[Comment, ...]
    files: tuple[FileView, ...]
    checks: tuple[CheckView, ...]
    commit_rows: tuple[CommitView, ...] = ()
    notice: str = ""

    @property
    def threads(self) -> tuple[ThreadView, ...]:
        """Every inline thread, in the order of the files."""
        return tuple(thread for file in self.files for thread in file.threads)


def read(hub: Hub, pull: PullRequest) -> Conversation:
    """Collect the conversation of a pull request from the simulator's state."""
    state, repo = hub.state, pull.repository
    roots = [row for row in state.review_comments.values() if row.pull is pull and row.in_reply_to is None]
    rows = hub.files(pull)
    files = tuple(
        FileView(
            path=row.path,
            previous=row.previous,
            status=row.status,
            additions=row.additions,
            deletions=row.deletions,
            patch=row.patch,
            threads=tuple(_thread(hub, root) for root in roots if root.path == row.path),
        )
        for row in rows
    )
    shown = pull.state if not pull.draft else "draft"
    return Conversation(
        repository=repo.full_name,
        number=pull.number,
        title=pull.title,
        body=pull.body or "",
        author=pull.author.login,
        state="merged" if pull.merged_at else shown,
        base_ref=pull.base_ref,
        head_ref=pull.head_ref,
        head_sha=pull.head_sha,
        commits=len(hub.data(repo).commits(pull.base_sha, pull.head_sha)),
        url=f"{hub.url}/{repo.full_name}/pull/{pull.number}",
        labels=tuple(pull.labels),
        comments=tuple(
            Comment(
                row.user.login,
                row.body,
                row.created_at,
                _emoji(row.reactions),
                row.minimized or "",
                f"issuecomment-{row.id}",
            )
            for row in state.comments.values()
            if row.pull is pull
        ),
        reviews=tuple(
            Comment(
                row.user.login,
                row.body,
                row.submitted_at or pull.created_at,
                anchor=f"pullrequestreview-{row.id}",
            )
            for row in state.reviews.values()
            if row.pull is pull and row.state != "PENDING"
        ),
        files=files,
        checks=tuple(
            CheckView(
                row.name, row.status, row.conclusion, row.title or "", row.summary or "", row.text or "", row.id
            )
            for row in state.check_runs.values()
            if row.repository is repo and row.head_sha == pull.head_sha
        ),
        commit_rows=_commits(hub, pull),
        notice=hub.notice,
    )


def _commits(hub: Hub, pull: PullRequest) -> tuple[CommitView, ...]:
    text = hub.data(pull.repository).git.text(
        "log", "--reverse", "--topo-order", "--format=%H%x00%s%x00%an%x00%aI", f"{pull.base_sha}..{pull.head_sha}"
    )
    return tuple(CommitView(*line.split("\0")) for line in text.splitlines() if line)


def _emoji(reactions: list[Reaction]) -> tuple[str, ...]:
    return tuple(row.content for row in reactions)


def _thread(hub: Hub, root: ReviewComment) -> ThreadView:
    rows = [row for row in hub.state.review_comments.values() if row.root is root]
    return ThreadView(
        path=root.path,
        line=root.line or root.original_line,
        start_line=root.start_line if root.line is not None else root.original_start_line,
        side=root.side,
        position=root.position,
        resolved=root.resolved_by is not None,
        comments=tuple(
            Comment(
                row.user.login,
                row.body,
                row.created_at,
                _emoji(row.reactions),
                row.minimized or "",
                f"discussion_r{row.id}",
            )
            for row in rows
        ),
    )
