"""The JSON shapes of pull requests, reviews, comments and check runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reviewer.demo.simulator import shapes
from reviewer.demo.simulator.gitdata import FileRow
from reviewer.demo.simulator.shapes import node_id, stamp
from reviewer.demo.simulator.state import (
    CheckRun,
    IssueComment,
    PullRequest,
    Repository,
    Review,
    ReviewComment,
)

if TYPE_CHECKING:
    from reviewer.demo.simulator.world import World


def file_row(hub: World, repo: Repository, row: FileRow, sha: str, *, emptied: bool = False) -> dict[str, Any]:
    """Shape a changed file: `diff-entry`. `emptied` is the row that GitHub gives past its patch budget."""
    page = f"{hub.url}/{repo.full_name}"
    added, removed = (0, 0) if emptied else (row.additions, row.deletions)
    document: dict[str, Any] = {
        "sha": row.blob,
        "filename": row.path,
        "status": row.status,
        "additions": added,
        "deletions": removed,
        "changes": added + removed,
        "blob_url": f"{page}/blob/{sha}/{_quoted(row.path)}",
        "raw_url": f"{page}/raw/{sha}/{_quoted(row.path)}",
        "contents_url": f"{hub.repo_url(repo)}/contents/{_quoted(row.path)}?ref={sha}",
    }
    if row.previous is not None:
        document["previous_filename"] = row.previous
    if row.patch is not None and not emptied:
        document["patch"] = row.patch
    return document


def _quoted(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"))


def association(pull: PullRequest, login: str) -> str:
    """Return an `author_association`; it is no permission, and is as misleading here as on GitHub."""
    if login == pull.repository.owner.login:
        return "OWNER"
    if pull.repository.collaborators.get(login, "none") in ("write", "maintain", "admin"):
        return "COLLABORATOR"
    return "CONTRIBUTOR" if login == pull.author.login else "NONE"


def pull(hub: World, item: PullRequest, *, full: bool = False) -> dict[str, Any]:
    """Shape a pull request: `pull-request-simple`, or with `full` `pull-request`."""
    repo = item.repository
    api, page = f"{hub.repo_url(repo)}/pulls/{item.number}", f"{hub.url}/{repo.full_name}/pull/{item.number}"
    issue = f"{hub.repo_url(repo)}/issues/{item.number}"
    statuses = f"{hub.repo_url(repo)}/statuses/{item.head_sha}"
    document: dict[str, Any] = {
        "url": api,
        "id": item.id,
        "node_id": node_id("PR", item.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue,
        "number": item.number,
        "state": item.state,
        "locked": False,
        "title": item.title,
        "user": shapes.user(hub, item.author),
        "body": item.body,
        "created_at": stamp(item.created_at),
        "updated_at": stamp(item.updated_at),
        "closed_at": stamp(item.closed_at),
        "merged_at": stamp(item.merged_at),
        "merge_commit_sha": None,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [shapes.user(hub, reviewer) for reviewer in item.reviewers],
        "requested_teams": [],
        "labels": [shapes.label(hub, repo, repo.labels[name]) for name in item.labels],
        "milestone": None,
        "draft": item.draft,
        "commits_url": f"{api}/commits",
        "review_comments_url": f"{api}/comments",
        "review_comment_url": f"{hub.repo_url(repo)}/pulls/comments{{/number}}",
        "comments_url": f"{issue}/comments",
        "statuses_url": statuses,
        "head": _end(hub, item.head_repository, item.head_ref, item.head_sha),
        "base": _end(hub, repo, item.base_ref, item.base_sha),
        "_links": {
            "self": {"href": api},
            "html": {"href": page},
            "issue": {"href": issue},
            "comments": {"href": f"{issue}/comments"},
            "review_comments": {"href": f"{api}/comments"},
            "review_comment": {"href": f"{hub.repo_url(repo)}/pulls/comments{{/number}}"},
            "commits": {"href": f"{api}/commits"},
            "statuses": {"href": statuses},
        },
        "author_association": association(item, item.author.login),
        "auto_merge": None,
        "active_lock_reason": None,
    }
    if full:
        rows = hub.files(item)
        document |= {
            "merged": item.merged_at is not None,
            "mergeable": True,
            "rebaseable": True,
            "mergeable_state": "clean",
            "merged_by": None,
            "comments": sum(1 for comment in hub.state.comments.values() if comment.pull is item),
            "review_comments": sum(1 for row in hub.state.review_comments.values() if row.pull is item),
            "maintainer_can_modify": False,
            "commits": len(hub.data(repo).commits(item.base_sha, item.head_sha)),
            "additions": sum(row.additions for row in rows),
            "deletions": sum(row.deletions for row in rows),
            "changed_files": len(rows),
        }
    return document


def _end(hub: World, repo: Repository | None, ref: str, sha: str) -> dict[str, Any]:
    # The head's repository is null once a fork was deleted.
    return {
        "label": f"{repo.owner.login if repo else 'unknown repository'}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": shapes.user(hub, repo.owner) if repo else None,
        "repo": shapes.repository(hub, repo) if repo else None,
    }


def issue(hub: World, item: PullRequest) -> dict[str, Any]:
    """Shape the issue side of a pull request."""
    repo, api = item.repository, f"{hub.repo_url(item.repository)}/issues/{item.number}"
    page = f"{hub.url}/{repo.full_name}/pull/{item.number}"
    return {
        "url": api,
        "repository_url": hub.repo_url(repo),
        "labels_url": f"{api}/labels{{/name}}",
        "comments_url": f"{api}/comments",
        "events_url": f"{api}/events",
        "html_url": page,
        "id": item.issue_id,
        "node_id": node_id("PR", item.id),
        "number": item.number,
        "title": item.title,
        "user": shapes.user(hub, item.author),
        "labels": [shapes.label(hub, repo, repo.labels[name]) for name in item.labels],
        "state": item.state,
        "locked": False,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": sum(1 for comment in hub.state.comments.values() if comment.pull is item),
        "created_at": stamp(item.created_at),
        "updated_at": stamp(item.updated_at),
        "closed_at": stamp(item.closed_at),
        "author_association": association(item, item.author.login),
        "active_lock_reason": None,
        "draft": item.draft,
        "pull_request": {
            "url": f"{hub.repo_url(repo)}/pulls/{item.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": stamp(item.merged_at),
        },
        "body": item.body,
        "reactions": shapes.rollup(api, item.reactions),
        "timeline_url": f"{api}/timeline",
        "performed_via_github_app": None,
        "state_reason": None,
    }


def issue_comment(hub: World, item: IssueComment) -> dict[str, Any]:
    """Shape a comment of the conversation."""
    repo = item.pull.repository
    api = f"{hub.repo_url(repo)}/issues/comments/{item.id}"
    return {
        "url": api,
        "html_url": f"{hub.url}/{repo.full_name}/pull/{item.pull.number}#issuecomment-{item.id}",
        "issue_url": f"{hub.repo_url(repo)}/issues/{item.pull.number}",
        "id": item.id,
        "node_id": node_id("IC", item.id),
        "user": shapes.user(hub, item.user),
        "created_at": stamp(item.created_at),
        "updated_at": stamp(item.updated_at),
        "author_association": association(item.pull, item.user.login),
        "body": item.body,
        "reactions": shapes.rollup(api, item.reactions),
        "performed_via_github_app": None if item.app is None else shapes.app(hub, item.app),
    }


def review(hub: World, item: Review) -> dict[str, Any]:
    """Shape a review."""
    repo = item.pull.repository
    page = f"{hub.url}/{repo.full_name}/pull/{item.pull.number}#pullrequestreview-{item.id}"
    pull_url = f"{hub.repo_url(repo)}/pulls/{item.pull.number}"
    document = {
        "id": item.id,
        "node_id": node_id("PRR", item.id),
        "user": shapes.user(hub, item.user),
        "body": item.body,
        "state": item.state,
        "html_url": page,
        "pull_request_url": pull_url,
        "author_association": association(item.pull, item.user.login),
        "_links": {"html": {"href": page}, "pull_request": {"href": pull_url}},
        "commit_id": item.commit_id,
    }
    if item.submitted_at is not None:
        document["submitted_at"] = stamp(item.submitted_at)
    return document


def review_comment(hub: World, item: ReviewComment) -> dict[str, Any]:
    """Shape an inline comment."""
    repo = item.pull.repository
    api = f"{hub.repo_url(repo)}/pulls/comments/{item.id}"
    page = f"{hub.url}/{repo.full_name}/pull/{item.pull.number}#discussion_r{item.id}"
    pull_url = f"{hub.repo_url(repo)}/pulls/{item.pull.number}"
    document: dict[str, Any] = {
        "id": item.id,
        "node_id": node_id("PRRC", item.id),
        "url": api,
        "pull_request_review_id": item.review.id,
        "diff_hunk": item.diff_hunk,
        "path": item.path,
        "position": item.position,
        "original_position": item.original_position,
        "commit_id": item.commit_id,
        "original_commit_id": item.original_commit_id,
        "user": shapes.user(hub, item.user),
        "body": item.body,
        "created_at": stamp(item.created_at),
        "updated_at": stamp(item.updated_at),
        "html_url": page,
        "pull_request_url": pull_url,
        "author_association": association(item.pull, item.user.login),
        "_links": {"self": {"href": api}, "html": {"href": page}, "pull_request": {"href": pull_url}},
        "reactions": shapes.rollup(api, item.reactions),
        "original_line": item.original_line,
        "side": item.side,
        "original_start_line": item.original_start_line,
        "start_side": item.start_side,
        "subject_type": "line",
    }
    # GitHub's description does not allow null for the `line` of an outdated comment, so it is left out.
    if item.line is not None:
        document["line"] = item.line
    document["start_line"] = item.start_line
    if item.in_reply_to is not None:
        document["in_reply_to_id"] = item.in_reply_to.id
    return document


def check_run(hub: World, item: CheckRun) -> dict[str, Any]:
    """Shape a check run."""
    repo, api = item.repository, f"{hub.repo_url(item.repository)}/check-runs/{item.id}"
    page = f"{hub.url}/{repo.full_name}/runs/{item.id}"
    return {
        "id": item.id,
        "node_id": node_id("CR", item.id),
        "head_sha": item.head_sha,
        "external_id": item.external_id,
        "url": api,
        "html_url": page,
        "details_url": item.details_url or page,
        "name": item.name,
        "status": item.status,
        "conclusion": item.conclusion,
        "started_at": stamp(item.started_at),
        "completed_at": stamp(item.completed_at),
        "output": {
            "title": item.title,
            "summary": item.summary,
            "text": item.text,
            "annotations_count": len(item.annotations),
            "annotations_url": f"{api}/annotations",
        },
        "check_suite": {"id": item.suite_id},
        "app": shapes.app(hub, item.app),
        "pull_requests": [
            {
                "id": found.id,
                "number": found.number,
                "url": f"{hub.repo_url(repo)}/pulls/{found.number}",
                "head": _short_end(hub, repo, found.head_ref, found.head_sha),
                "base": _short_end(hub, repo, found.base_ref, found.base_sha),
            }
            for found in hub.state.pulls_of(repo)
            if found.head_sha == item.head_sha and found.state == "open" and found.head_repository is repo
        ],
    }


def check_suite(hub: World, item: CheckRun) -> dict[str, Any]:
    """Shape the check suite of a check run, as an event has it."""
    run = check_run(hub, item)
    return {
        "id": item.suite_id,
        "node_id": node_id("CS", item.suite_id),
        "head_branch": None,
        "head_sha": item.head_sha,
        "status": item.status,
        "conclusion": item.conclusion,
        "url": f"{hub.repo_url(item.repository)}/check-suites/{item.suite_id}",
        "pull_requests": run["pull_requests"],
        "app": run["app"],
    }


def _short_end(hub: World, repo: Repository, ref: str, sha: str) -> dict[str, Any]:
    return {
        "ref": ref,
        "sha": sha,
        "repo": {"id": repo.id, "url": hub.repo_url(repo), "name": repo.name},
    }
