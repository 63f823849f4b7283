"""REST: pull requests, their diff, files, commits and labels."""

from __future__ import annotations

from typing import Final

from reviewer.demo.simulator import pull_shapes, shapes
from reviewer.demo.simulator.api import Call, GitHubError, Reply, invalid, listed, not_found, route
from reviewer.demo.simulator.state import Label, PullRequest

DIFF_FILES: Final = 300
DIFF_LINES: Final = 20_000
DIFF_BYTES: Final = 1_000_000
LISTED_FILES: Final = 3_000
LISTED_COMMITS: Final = 250


@route("GET", "/repos/<owner>/<repo>/pulls", "pull_requests:read")
def list_pulls(call: Call, owner: str, repo: str) -> Reply:
    """List pull requests, newest first."""
    rows = list(reversed(call.hub.state.pulls_of(call.repository(owner, repo))))
    state = call.query.get("state", "open")
    rows = [pull for pull in rows if state in ("all", pull.state)]
    if head := call.query.get("head"):
        rows = [
            pull
            for pull in rows
            if pull.head_repository and head == f"{pull.head_repository.owner.login}:{pull.head_ref}"
        ]
    if base := call.query.get("base"):
        rows = [pull for pull in rows if pull.base_ref == base]
    if call.query.get("direction") == "asc":
        rows.reverse()
    return listed(call, rows, lambda pull: pull_shapes.pull(call.hub, pull))


@route("GET", "/repos/<owner>/<repo>/pulls/<int:number>", "pull_requests:read", "contents:read")
def get_pull(call: Call, owner: str, repo: str, number: int) -> Reply:
    """Answer a pull request as JSON, or as its diff or patch by media type."""
    pull = call.pull(owner, repo, number)
    if "diff" in call.accept:
        return pull_diff(call, pull, "diff")
    if "patch" in call.accept:
        return pull_diff(call, pull, "patch")
    stale, answers = call.hub.state.replicas.get(pull.id, ({}, 0))
    if answers:
        call.hub.state.replicas[pull.id] = (stale, answers - 1)
        return Reply(stale)
    return Reply(pull_shapes.pull(call.hub, pull, full=True))


def pull_diff(call: Call, pull: PullRequest, kind: str) -> Reply:
    """Answer the diff or patch text; 406 above GitHub's limits."""
    rows = call.hub.files(pull)
    if len(rows) > DIFF_FILES:
        raise _too_large(f"the diff exceeded the maximum number of files ({DIFF_FILES})")
    lines = sum(row.patch.count("\n") + 1 for row in rows if row.patch is not None)
    if lines > DIFF_LINES:
        raise _too_large(f"the diff exceeded the maximum number of lines ({DIFF_LINES})")
    data = call.hub.data(pull.repository)
    base = call.hub.merge_base(pull)
    text = data.diff(base, pull.head_sha) if kind == "diff" else data.mailbox(base, pull.head_sha)
    if len(text) > DIFF_BYTES:
        raise _too_large("the diff exceeded the maximum size")
    return Reply(text=text, media_type=f"application/vnd.github.v3.{kind}; charset=utf-8")


def _too_large(reason: str) -> GitHubError:
    error = {"resource": "PullRequest", "field": "diff", "code": "too_large"}
    return GitHubError(406, f"Sorry, {reason}.", errors=[error])


@route("PATCH", "/repos/<owner>/<repo>/pulls/<int:number>", "pull_requests:write")
def update_pull(call: Call, owner: str, repo: str, number: int) -> Reply:
    """Change title or body."""
    pull = call.pull(owner, repo, number)
    if (title := call.field("title", str, resource="PullRequest")) is not None:
        pull.title = title
    if "body" in call.body:
        pull.body = call.text("body", resource="PullRequest", required=False)
    pull.updated_at = call.hub.state.now()
    return Reply(pull_shapes.pull(call.hub, pull, full=True))


@route("GET", "/repos/<owner>/<repo>/pulls/<int:number>/files", "pull_requests:read")
def list_files(call: Call, owner: str, repo: str, number: int) -> Reply:
    """List changed files, 3,000 at most; rows are emptied past an answer's patch budget."""
    pull = call.pull(owner, repo, number)
    page, headers = call.page(call.hub.files(pull)[:LISTED_FILES])
    return Reply(call.hub.file_shapes(pull.repository, tuple(page), pull.head_sha), headers=headers)


@route("GET", "/repos/<owner>/<repo>/pulls/<int:number>/commits", "pull_requests:read")
def list_commits(call: Call, owner: str, repo: str, number: int) -> Reply:
    """List the commits of a pull request, 250 at most."""
    pull = call.pull(owner, repo, number)
    commits = call.hub.data(pull.repository).commits(pull.base_sha, pull.head_sha)[:LISTED_COMMITS]
    return listed(call, commits, lambda sha: shapes.commit(call.hub, pull.repository, sha))


@route("GET", "/repos/<owner>/<repo>/pulls/<int:number>/requested_reviewers", "pull_requests:read")
def requested_reviewers(call: Call, owner: str, repo: str, number: int) -> Reply:
    """List who was asked to review."""
    pull = call.pull(owner, repo, number)
    return Reply({"users": [shapes.user(call.hub, user) for user in pull.reviewers], "teams": []})


@route("GET", "/repos/<owner>/<repo>/commits/<sha>/pulls", "pull_requests:read")
def pulls_of_commit(call: Call, owner: str, repo: str, sha: str) -> Reply:
    """List the pull requests whose head is a commit."""
    repository = call.repository(owner, repo)
    rows = [pull for pull in call.hub.state.pulls_of(repository) if pull.head_sha == sha]
    return listed(call, rows, lambda pull: pull_shapes.pull(call.hub, pull))


@route("GET", "/repos/<owner>/<repo>/issues/<int:number>", "issues:read", "pull_requests:read")
def get_issue(call: Call, owner: str, repo: str, number: int) -> Reply:
    """Answer the issue side of a pull request."""
    body = call.hub.state.issues.get((call.repository(owner, repo).id, number))
    if body is not None:
        return Reply({"number": number, "state": "open", "title": f"Issue {number}", "body": body})
    return Reply(pull_shapes.issue(call.hub, call.pull(owner, repo, number)))


def _label_names(call: Call) -> list[str]:
    names = call.body.get("labels")
    rows = names if isinstance(names, list) else []
    found = [str(row.get("name", "")) if isinstance(row, dict) else str(row) for row in rows]
    if not isinstance(names, list) or not all(found):
        raise invalid("Label", "name")
    return found


def _labels(call: Call, pull: PullRequest) -> Reply:
    repo = pull.repository
    shaped = [shapes.label(call.hub, repo, repo.labels[name]) for name in pull.labels]
    page, headers = call.page(shaped)
    return Reply(list(page), headers=headers)


def _set_labels(call: Call, pull: PullRequest, names: list[str]) -> Reply:
    for name in names:
        if name not in pull.repository.labels:
            pull.repository.labels[name] = Label(call.hub.state.next_id(), name)
    pull.labels = list(dict.fromkeys(names))
    return _labels(call, pull)


@route("GET", "/repos/<owner>/<repo>/issues/<int:number>/labels", "issues:read", "pull_requests:read")
def list_labels(call: Call, owner: str, repo: str, number: int) -> Reply:
    """List a pull request's labels."""
    return _labels(call, call.pull(owner, repo, number))


@route("POST", "/repos/<owner>/<repo>/issues/<int:number>/labels", "issues:write", "pull_requests:write")
def add_labels(call: Call, owner: str, repo: str, number: int) -> Reply:
    """Add labels."""
    pull = call.pull(owner, repo, number)
    return _set_labels(call, pull, pull.labels + _label_names(call))


@route("PUT", "/repos/<owner>/<repo>/issues/<int:number>/labels", "issues:write", "pull_requests:write")
def set_labels(call: Call, owner: str, repo: str, number: int) -> Reply:
    """Replace all labels."""
    return _set_labels(call, call.pull(owner, repo, number), _label_names(call))


@route("DELETE", "/repos/<owner>/<repo>/issues/<int:number>/labels", "issues:write", "pull_requests:write")
def remove_labels(call: Call, owner: str, repo: str, number: int) -> Reply:
    """Remove all labels."""
    call.pull(owner, repo, number).labels = []
    return Reply(status=204)


@route("GET", "/repos/<owner>/<repo>/collaborators/<login>/permission", "metadata:read")
def permission(call: Call, owner: str, repo: str, login: str) -> Reply:
    """Answer a person's permission; an App's bot is no collaborator, as on GitHub."""
    repository = call.repository(owner, repo)
    account = call.hub.state.users.get(login)
    if account is None or account.type != "User":
        raise not_found()
    role = call.hub.state.role(repository, login)
    # The old word for each role: maintain is shown as write and triage as read.
    word = {"maintain": "write", "triage": "read"}.get(role, role)
    flags = ("pull", "triage", "push", "maintain", "admin")
    rank = {"none": 0, "read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}[role]
    person = {
        **shapes.user(call.hub, account),
        "role_name": role,
        "permissions": {name: rank > index for index, name in enumerate(flags)},
    }
    return Reply({"permission": word, "role_name": role, "user": person})
