"""REST: the conversation's comments and the reactions to them."""

from __future__ import annotations

from reviewer.demo.simulator import pull_shapes, shapes
from reviewer.demo.simulator.api import Call, GitHubError, Reply, listed, not_found, route
from reviewer.demo.simulator.hub import Hub
from reviewer.demo.simulator.review_routes import react
from reviewer.demo.simulator.state import IssueComment, PullRequest, User

READ = ("issues:read", "pull_requests:read")
WRITE = ("issues:write", "pull_requests:write")


def add_comment(hub: Hub, pull: PullRequest, user: User, body: str) -> IssueComment:
    """Store a comment and send its event."""
    now = hub.state.now()
    comment = IssueComment(hub.state.next_id(), pull, user, body, now, now, app=hub.app_of(user))
    hub.state.comments[comment.id] = comment
    emit(hub, "created", comment, user)
    return comment


def emit(hub: Hub, action: str, comment: IssueComment, sender: User, **more: object) -> None:
    """Send an `issue_comment` event."""
    payload = {
        "issue": pull_shapes.issue(hub, comment.pull),
        "comment": pull_shapes.issue_comment(hub, comment),
        **more,
    }
    hub.emit("issue_comment", action, comment.pull.repository, sender, payload)


@route("GET", "/repos/<owner>/<repo>/issues/<int:number>/comments", *READ)
def list_comments(call: Call, owner: str, repo: str, number: int) -> Reply:
    """List the conversation, oldest first."""
    pull = call.pull(owner, repo, number)
    state = call.hub.state
    rows = [item for item in state.comments.values() if item.pull is pull and state.listed(item.id)]
    if since := call.query.get("since"):
        rows = [item for item in rows if (shapes.stamp(item.updated_at) or "") >= since]
    return listed(call, rows, lambda item: pull_shapes.issue_comment(call.hub, item))


@route("POST", "/repos/<owner>/<repo>/issues/<int:number>/comments", *WRITE)
def create_comment(call: Call, owner: str, repo: str, number: int) -> Reply:
    """Add a comment to the conversation."""
    pull = call.pull(owner, repo, number)
    body = call.text("body", resource="IssueComment")
    return Reply(pull_shapes.issue_comment(call.hub, add_comment(call.hub, pull, call.actor, body)), 201)


def _comment(call: Call, owner: str, repo: str, comment_id: int) -> IssueComment:
    repository = call.repository(owner, repo)
    found = call.hub.state.comments.get(comment_id)
    if found is None or found.pull.repository is not repository:
        raise not_found()
    return found


def _own(call: Call, comment: IssueComment) -> None:
    if comment.user is not call.actor:
        raise GitHubError(403, "Resource not accessible by integration")


@route("GET", "/repos/<owner>/<repo>/issues/comments/<int:comment_id>", *READ)
def get_comment(call: Call, owner: str, repo: str, comment_id: int) -> Reply:
    """Answer one comment."""
    return Reply(pull_shapes.issue_comment(call.hub, _comment(call, owner, repo, comment_id)))


@route("PATCH", "/repos/<owner>/<repo>/issues/comments/<int:comment_id>", *WRITE)
def update_comment(call: Call, owner: str, repo: str, comment_id: int) -> Reply:
    """Change a comment of one's own."""
    comment = _comment(call, owner, repo, comment_id)
    _own(call, comment)
    before = comment.body
    comment.body = call.text("body", resource="IssueComment")
    comment.updated_at = call.hub.state.now()
    emit(call.hub, "edited", comment, call.actor, changes={"body": {"from": before}})
    return Reply(pull_shapes.issue_comment(call.hub, comment))


@route("DELETE", "/repos/<owner>/<repo>/issues/comments/<int:comment_id>", *WRITE)
def delete_comment(call: Call, owner: str, repo: str, comment_id: int) -> Reply:
    """Delete a comment of one's own."""
    comment = _comment(call, owner, repo, comment_id)
    _own(call, comment)
    del call.hub.state.comments[comment_id]
    return Reply(status=204)


@route("GET", "/repos/<owner>/<repo>/issues/comments/<int:comment_id>/reactions", *READ)
def list_reactions(call: Call, owner: str, repo: str, comment_id: int) -> Reply:
    """List the reactions to a comment."""
    rows = _comment(call, owner, repo, comment_id).reactions
    return listed(call, rows, lambda item: shapes.reaction(call.hub, item))


@route("POST", "/repos/<owner>/<repo>/issues/comments/<int:comment_id>/reactions", *WRITE)
def create_reaction(call: Call, owner: str, repo: str, comment_id: int) -> Reply:
    """React to a comment."""
    return react(call, _comment(call, owner, repo, comment_id).reactions)


@route("GET", "/repos/<owner>/<repo>/issues/<int:number>/reactions", *READ)
def pull_reactions(call: Call, owner: str, repo: str, number: int) -> Reply:
    """List the reactions to a pull request."""
    rows = call.pull(owner, repo, number).reactions
    return listed(call, rows, lambda item: shapes.reaction(call.hub, item))


@route("POST", "/repos/<owner>/<repo>/issues/<int:number>/reactions", *WRITE)
def react_to_pull(call: Call, owner: str, repo: str, number: int) -> Reply:
    """React to a pull request."""
    return react(call, call.pull(owner, repo, number).reactions)
