"""What the routes work on: the state, git, the webhooks, and the address that links are made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from reviewer.demo.git import Git
from reviewer.demo.simulator import pull_shapes, shapes
from reviewer.demo.simulator.gitdata import FileRow, GitData, places
from reviewer.demo.simulator.hooks import Hooks
from reviewer.demo.simulator.state import App, PullRequest, Repository, ReviewComment, State, User

# A response of pulls/{n}/files gives no patch, and counts of zero, past this many patch lines (seen 2026-11).
PATCH_LINE_BUDGET: Final = 20_000


class Hub:
    """The simulator's inside, shared by all routes. `url` is set once the server listens.

    `notice` is what every page must say, such as that the answers on it are recorded.
    """

    def __init__(self, root: Path, state: State, hooks: Hooks) -> None:
        self.root = root
        self.state = state
        self.hooks = hooks
        self.git = Git(root / "git")
        self.url = ""
        self.notice = ""
        self._data: dict[int, GitData] = {}

    def repo_url(self, repo: Repository) -> str:
        """Return the API address of a repository."""
        return f"{self.url}/repos/{repo.full_name}"

    def data(self, repo: Repository) -> GitData:
        """Return the reader of a repository's git data."""
        if repo.id not in self._data:
            self._data[repo.id] = GitData(self.git, repo.git_dir)
        return self._data[repo.id]

    def merge_base(self, pull: PullRequest) -> str:
        """Return the commit that a pull request's diff starts from."""
        return self.data(pull.repository).merge_base(pull.base_sha, pull.head_sha)

    def files(self, pull: PullRequest) -> tuple[FileRow, ...]:
        """Return the changed files of a pull request."""
        return self.data(pull.repository).files(self.merge_base(pull), pull.head_sha)

    def file_shape(self, repo: Repository, row: FileRow, sha: str) -> dict[str, Any]:
        """Shape one changed file of a commit."""
        return pull_shapes.file_row(self, repo, row, sha)

    def file_shapes(self, repo: Repository, rows: tuple[FileRow, ...], sha: str) -> list[dict[str, Any]]:
        """Shape changed files in order, emptied once the answer holds its budget of patch lines."""
        shaped: list[dict[str, Any]] = []
        lines = 0
        for row in rows:
            lines += row.patch.count("\n") + 1 if row.patch is not None else 0
            shaped.append(pull_shapes.file_row(self, repo, row, sha, emptied=lines > PATCH_LINE_BUDGET))
        return shaped

    def emit(self, event: str, action: str | None, repo: Repository, sender: User, payload: dict[str, Any]) -> None:
        """Send an event to every App that is installed on the repository and subscribes to it."""
        for installation in self.state.installations.values():
            covered = installation.account is repo.owner and (
                installation.repository_ids is None or repo.id in installation.repository_ids
            )
            if not covered or event not in installation.events or installation.suspended_at is not None:
                continue
            document = {**({"action": action} if action else {}), **payload}
            document["repository"] = shapes.repository(self, repo)
            document["installation"] = {
                "id": installation.id,
                "node_id": shapes.node_id("INST", installation.id),
            }
            document["sender"] = shapes.user(self, sender)
            self.hooks.send(
                installation.app, event, action, document, installation_id=installation.id, repository_id=repo.id
            )

    def emit_pull(self, action: str, pull: PullRequest, sender: User, **more: object) -> None:
        """Send a `pull_request` event."""
        payload = {"number": pull.number, "pull_request": pull_shapes.pull(self, pull, full=True), **more}
        self.emit("pull_request", action, pull.repository, sender, payload)

    def follow_head(self, pull: PullRequest) -> None:
        """Move the anchors of every inline comment to a new head; a comment whose code changed is outdated."""
        data = self.data(pull.repository)
        patches = {row.path: row.patch for row in self.files(pull) if row.patch is not None}
        for comment in self.state.review_comments.values():
            if comment.pull is not pull or comment.side == "LEFT":
                continue
            moved = data.line_now(comment.path, comment.original_line, comment.original_commit_id, pull.head_sha)
            patch = patches.get(comment.path)
            place = None if moved is None or patch is None else places(patch).right.get(moved)
            self._place(comment, moved if place else None, place.position if place else None, pull.head_sha)

    @staticmethod
    def _place(comment: ReviewComment, line: int | None, position: int | None, head: str) -> None:
        shift = 0 if line is None else line - comment.original_line
        comment.line = line
        comment.position = position
        if line is not None:
            comment.commit_id = head
            if comment.original_start_line is not None:
                comment.start_line = comment.original_start_line + shift
        else:
            comment.start_line = None

    def app_of(self, user: User) -> App | None:
        """Return the App whose bot an account is."""
        return next((app for app in self.state.apps.values() if app.bot is user), None)
