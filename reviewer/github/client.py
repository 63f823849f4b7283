"""GitHub: what a review reads and writes, one method a request (or a list of pages), in GitHub's own words."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from reviewer.errors import NotFound
from reviewer.github import threads
from reviewer.github.api import DIFF, TIMEOUT_S, WRITE_PAUSE_S, Api
from reviewer.github.auth import AppAuth
from reviewer.github.records import CheckRun, Comment, PostedReview, PullRequest
from reviewer.github.threads import Thread, review_threads

# GitHub lists no more: https://docs.github.com/rest/pulls/pulls#list-pull-requests-files
MAX_FILES: Final = 3000
# A pull request with more comments than this is beyond reading; ours are among the newest reviews too.
MAX_COMMENT_PAGES: Final = 50


class GitHub:
    """One installation's view. Raises what Api raises; `repository` is always `owner/name`."""

    def __init__(self, api: Api) -> None:
        self.api = api

    @classmethod
    def for_installation(
        cls,
        auth: AppAuth,
        installation_id: int,
        *,
        now: Callable[[], datetime],
        repository_ids: Sequence[int] = (),
        permissions: Mapping[str, str] | None = None,
        timeout: int = TIMEOUT_S,
        write_pause: float = WRITE_PAUSE_S,
        fence: Callable[[], object] = lambda: None,
    ) -> GitHub:
        """Return the client of an installation, its token narrowed to repositories and permissions.

        `fence` is called right before every write, and raises where it must not be sent.
        """
        source = auth.source(installation_id, repository_ids=repository_ids, permissions=permissions)
        return cls(Api(auth.api.url, source, now=now, timeout=timeout, write_pause=write_pause, fence=fence))

    # Reading ------------------------------------------------------------------------------------------------

    def pull_request(self, repository: str, number: int) -> PullRequest:
        """Return a pull request as it is now."""
        row = self.api.get(
            f"/repos/{repository}/pulls/{number}", doing=f"show {repository}#{number}", needs="pull_requests: read"
        )
        found = PullRequest.from_json(row)
        if found.clone_url:
            self.api.own(found.clone_url, "the address to clone from")
        return found

    def diff(self, repository: str, number: int) -> str:
        """Return the unified diff; RequestRejected with status 406 where GitHub finds it too large."""
        return str(
            self.api.get(
                f"/repos/{repository}/pulls/{number}",
                accept=DIFF,
                doing=f"give the diff of {repository}#{number}",
                needs="pull_requests: read",
            )
        )

    def files(self, repository: str, number: int) -> list[Mapping[str, Any]]:
        """Return the rows of the changed files, at most MAX_FILES."""
        return self.api.pages(
            f"/repos/{repository}/pulls/{number}/files",
            doing=f"list the files of {repository}#{number}",
            needs="pull_requests: read",
            max_pages=MAX_FILES // 100,
        )

    def issue_body(self, repository: str, number: int) -> str:
        """Return what an issue says, "" for a pull request, which GitHub lists as an issue too."""
        row = self.api.get(
            f"/repos/{repository}/issues/{number}", doing=f"show issue {repository}#{number}", needs="issues: read"
        )
        return "" if "pull_request" in row else str(row.get("body") or "")

    def merge_base(self, repository: str, base: str, head: str) -> str:
        """Return the commit that the diff of two commits starts from."""
        row = self.api.get(
            f"/repos/{repository}/compare/{base}...{head}",
            params={"per_page": 1},
            doing="find the merge base",
            needs="contents: read",
        )
        return str(row["merge_base_commit"]["sha"])

    def tree(self, repository: str, commit: str) -> Mapping[str, Any]:
        """Return the whole tree of a commit; `truncated` in it says that GitHub left some out."""
        row = self.api.get(
            f"/repos/{repository}/git/trees/{commit}",
            params={"recursive": "1"},
            doing=f"list the files at {commit[:7]}",
            needs="contents: read",
        )
        return dict(row)

    def blob(self, repository: str, blob: str) -> bytes | None:
        """Return a blob's bytes (up to 100 MB), None where GitHub has none."""
        try:
            row = self.api.get(
                f"/repos/{repository}/git/blobs/{blob}", doing="read a file's content", needs="contents: read"
            )
        except NotFound:
            return None
        return _base64(row.get("content"))

    def reviews(self, repository: str, number: int) -> list[PostedReview]:
        """Return every review, oldest first."""
        rows = self.api.pages(
            f"/repos/{repository}/pulls/{number}/reviews", doing="list reviews", needs="pull_requests: read"
        )
        return [PostedReview.from_json(row) for row in rows]

    def review_comments(self, repository: str, number: int) -> list[Comment]:
        """Return every comment on a line, oldest first."""
        rows = self.api.pages(
            f"/repos/{repository}/pulls/{number}/comments",
            doing="list review comments",
            needs="pull_requests: read",
            max_pages=MAX_COMMENT_PAGES,
        )
        return [Comment.from_json(row) for row in rows]

    def comments(self, repository: str, number: int) -> list[Comment]:
        """Return every comment of the conversation, oldest first."""
        rows = self.api.pages(
            f"/repos/{repository}/issues/{number}/comments",
            doing="list comments",
            needs="pull_requests: read",
            max_pages=MAX_COMMENT_PAGES,
        )
        return [Comment.from_json(row) for row in rows]

    def review_comment(self, repository: str, comment_id: int) -> Comment | None:
        """Return a comment on a line, None where GitHub has none (any more)."""
        try:
            row = self.api.get(
                f"/repos/{repository}/pulls/comments/{comment_id}",
                doing="show a review comment",
                needs="pull_requests: read",
            )
        except NotFound:
            return None
        return Comment.from_json(row)

    def threads(self, repository: str, number: int) -> tuple[Thread, ...]:
        """Return every review thread with its state."""
        return review_threads(self.api, repository, number)

    def check_runs(self, repository: str, commit: str, name: str) -> list[CheckRun]:
        """Return the check runs of this name on a commit, of every App."""
        rows = self.api.pages(
            f"/repos/{repository}/commits/{commit}/check-runs",
            # Two pull requests may share a head: each has a check run of its own.
            params={"check_name": name, "filter": "all"},
            key="check_runs",
            doing="list check runs",
            needs="checks: read",
        )
        return [CheckRun.from_json(row) for row in rows]

    def check_run(self, repository: str, check_run_id: int) -> CheckRun | None:
        """Return a check run by its id, None where GitHub shows none."""
        try:
            row = self.api.get(
                f"/repos/{repository}/check-runs/{check_run_id}", doing="show a check run", needs="checks: read"
            )
        except NotFound:
            return None
        return CheckRun.from_json(row)

    # Writing ------------------------------------------------------------------------------------------------

    def create_review(
        self, repository: str, number: int, *, commit: str, body: str, comments: Sequence[Mapping[str, Any]]
    ) -> PostedReview:
        """Post one review with all its inline comments; RequestRejected (422) refuses all of them together."""
        row = self.api.send(
            "POST",
            f"/repos/{repository}/pulls/{number}/reviews",
            {"commit_id": commit, "body": body, "event": "COMMENT", "comments": [dict(row) for row in comments]},
            doing="post the review",
            needs="pull_requests: write",
        )
        return PostedReview.from_json(row)

    def reply(self, repository: str, number: int, comment_id: int, body: str) -> Comment:
        """Reply in the thread that a comment on a line began."""
        row = self.api.send(
            "POST",
            f"/repos/{repository}/pulls/{number}/comments/{comment_id}/replies",
            {"body": body},
            doing="reply in a thread",
            needs="pull_requests: write",
        )
        return Comment.from_json(row)

    def resolve_thread(self, thread_id: str) -> None:
        """Mark a thread as resolved."""
        threads.resolve_thread(self.api, thread_id)

    def unresolve_thread(self, thread_id: str) -> None:
        """Open a resolved thread again."""
        threads.unresolve_thread(self.api, thread_id)

    def minimize_comment(self, node_id: str) -> None:
        """Fold a comment away as outdated."""
        threads.minimize_comment(self.api, node_id)

    def unminimize_comment(self, node_id: str) -> None:
        """Show a comment again that was folded away."""
        threads.unminimize_comment(self.api, node_id)

    def create_comment(self, repository: str, number: int, body: str) -> Comment:
        """Post a comment on the conversation."""
        row = self.api.send(
            "POST",
            f"/repos/{repository}/issues/{number}/comments",
            {"body": body},
            doing="post a comment",
            needs="pull_requests: write",
        )
        return Comment.from_json(row)

    def update_comment(self, repository: str, comment_id: int, body: str) -> Comment:
        """Replace a comment of the conversation."""
        row = self.api.send(
            "PATCH",
            f"/repos/{repository}/issues/comments/{comment_id}",
            {"body": body},
            doing="update a comment",
            needs="pull_requests: write",
        )
        return Comment.from_json(row)

    def delete_comment(self, repository: str, comment_id: int) -> None:
        """Delete a comment of the conversation; one that is gone already is as good."""
        try:
            self.api.send(
                "DELETE",
                f"/repos/{repository}/issues/comments/{comment_id}",
                doing="delete a comment",
                needs="pull_requests: write",
            )
        except NotFound:
            return

    def create_check_run(self, repository: str, fields: Mapping[str, Any]) -> CheckRun:
        """Create a check run; `fields` are GitHub's (`name`, `head_sha`, `status` …)."""
        row = self.api.send(
            "POST", f"/repos/{repository}/check-runs", fields, doing="create a check run", needs="checks: write"
        )
        return CheckRun.from_json(row)

    def update_check_run(self, repository: str, check_run_id: int, fields: Mapping[str, Any]) -> CheckRun:
        """Update a check run of ours."""
        row = self.api.send(
            "PATCH",
            f"/repos/{repository}/check-runs/{check_run_id}",
            fields,
            doing="update a check run",
            needs="checks: write",
        )
        return CheckRun.from_json(row)

    def react(self, repository: str, comment_id: int, content: str = "eyes", *, on: str = "issues") -> None:
        """React to a comment of the conversation, or with `on` "pulls" of a thread; the same twice is one."""
        self.api.send(
            "POST",
            f"/repos/{repository}/{on}/comments/{comment_id}/reactions",
            {"content": content},
            doing="react to a comment",
            needs="pull_requests: write",
        )

    def close(self) -> None:
        """Close the connections."""
        self.api.close()


def _base64(content: object) -> bytes | None:
    try:
        return base64.b64decode(str(content or ""), validate=False)
    except (binascii.Error, ValueError):
        return None
