"""REST: reviews, inline comments, replies and reactions to them."""

from __future__ import annotations

from typing import Final

from reviewer.demo.simulator import pull_shapes, shapes
from reviewer.demo.simulator.api import (
    Call,
    GitHubError,
    Reply,
    invalid,
    listed,
    not_found,
    route,
    unprocessable,
)
from reviewer.demo.simulator.hub import Hub
from reviewer.demo.simulator.spots import PATH_OFF, Spot, check_comment
from reviewer.demo.simulator.state import PullRequest, Reaction, Review, ReviewComment, User

STATES: Final = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


def patches_of(hub: Hub, pull: PullRequest) -> dict[str, str | None]:
    """Return the patch of every file of a pull request."""
    return {row.path: row.patch for row in hub.files(pull)}


def add_comment(
    hub: Hub, review: Review, user: User, spot: Spot, body: str, reply_to: ReviewComment | None = None
) -> ReviewComment:
    """Store an inline comment and send its event."""
    state = hub.state
    now = state.now()
    head = review.pull.head_sha
    comment = ReviewComment(
        id=state.next_id(),
        review=review,
        pull=review.pull,
        user=user,
        path=spot.path,
        side=spot.side,
        line=spot.line,
        start_side=spot.start_side,
        start_line=spot.start_line,
        original_line=spot.line,
        original_start_line=spot.start_line,
        position=spot.position,
        original_position=spot.position,
        commit_id=head,
        original_commit_id=head,
        diff_hunk=spot.hunk,
        body=body,
        created_at=now,
        updated_at=now,
        in_reply_to=reply_to,
        app=hub.app_of(user),
    )
    state.review_comments[comment.id] = comment
    payload = {
        "comment": pull_shapes.review_comment(hub, comment),
        "pull_request": pull_shapes.pull(hub, review.pull),
    }
    hub.emit("pull_request_review_comment", "created", review.pull.repository, user, payload)
    return comment


def _commit(call: Call, pull: PullRequest) -> str:
    wanted = call.field("commit_id", str, resource="PullRequestReview")
    if wanted is None or wanted == pull.head_sha:
        return pull.head_sha
    commits = call.hub.data(pull.repository).commits(pull.base_sha, pull.head_sha)
    if wanted not in commits:
        raise unprocessable("The commit_id is not part of the pull request")
    return wanted


@route("POST", "/repos/<owner>/<repo>/pulls/<int:number>/reviews", "pull_requests:write")
def create_review(call: Call, owner: str, repo: str, number: int) -> Reply:
    """Create a review with all its inline comments, or refuse the whole of it for one bad comment."""
    hub, pull = call.hub, call.pull(owner, repo, number)
    body = call.text("body", resource="PullRequestReview", required=False)
    event = call.field("event", str, resource="PullRequestReview")
    rows = call.field("comments", list, resource="PullRequestReview") or []
    if event is not None and event not in STATES:
        raise GitHubError(422, "Invalid request.\n\nFor 'properties/event', no value of the enum matches.")
    if event in ("APPROVE", "REQUEST_CHANGES") and pull.author is call.actor:
        raise unprocessable(
            f"Can not {'approve' if event == 'APPROVE' else 'request changes on'} your own pull request"
        )
    if event in ("REQUEST_CHANGES", "COMMENT") and not body.strip() and not rows:
        raise unprocessable("Review body can't be blank")
    commit_id = _commit(call, pull)
    patches = patches_of(hub, pull)
    checked = [check_comment(patches, row) for row in rows]
    if errors := [spot for spot in checked if isinstance(spot, str)]:
        raise unprocessable(*dict.fromkeys(errors))
    spots = [spot for spot in checked if isinstance(spot, Spot)]
    pending = event is None
    if pending and any(
        item.pull is pull and item.user is call.actor and item.state == "PENDING"
        for item in hub.state.reviews.values()
    ):
        raise unprocessable("User can only have one pending review per pull request")
    review = Review(
        id=hub.state.next_id(),
        pull=pull,
        user=call.actor,
        body=body,
        state="PENDING" if event is None else STATES[event],
        commit_id=commit_id,
        submitted_at=None if pending else hub.state.now(),
    )
    hub.state.reviews[review.id] = review
    for row, spot in zip(rows, spots, strict=True):
        add_comment(hub, review, call.actor, spot, row["body"])
    return Reply(pull_shapes.review(hub, review))


def _reviews(call: Call, pull: PullRequest) -> list[Review]:
    return [
        item
        for item in call.hub.state.reviews.values()
        if item.pull is pull and (item.state != "PENDING" or item.user is call.actor)
    ]


@route("GET", "/repos/<owner>/<repo>/pulls/<int:number>/reviews", "pull_requests:read")
def list_reviews(call: Call, owner: str, repo: str, number: int) -> Reply:
    """List reviews, oldest first."""
    rows = [item for item in _reviews(call, call.pull(owner, repo, number)) if call.hub.state.listed(item.id)]
    return listed(call, rows, lambda item: pull_shapes.review(call.hub, item))


def _review(call: Call, owner: str, repo: str, number: int, review_id: int) -> Review:
    pull = call.pull(owner, repo, number)
    found = call.hub.state.reviews.get(review_id)
    if found is None or found.pull is not pull:
        raise not_found()
    return found


@route("GET", "/repos/<owner>/<repo>/pulls/<int:number>/reviews/<int:review_id>", "pull_requests:read")
def get_review(call: Call, owner: str, repo: str, number: int, review_id: int) -> Reply:
    """Answer one review."""
    return Reply(pull_shapes.review(call.hub, _review(call, owner, repo, number, review_id)))


@route("PUT", "/repos/<owner>/<repo>/pulls/<int:number>/reviews/<int:review_id>", "pull_requests:write")
def update_review(call: Call, owner: str, repo: str, number: int, review_id: int) -> Reply:
    """Change a review's summary body."""
    review = _review(call, owner, repo, number, review_id)
    review.body = call.text("body", resource="PullRequestReview")
    return Reply(pull_shapes.review(call.hub, review))


@route("DELETE", "/repos/<owner>/<repo>/pulls/<int:number>/reviews/<int:review_id>", "pull_requests:write")
def delete_review(call: Call, owner: str, repo: str, number: int, review_id: int) -> Reply:
    """Delete a pending review; a submitted one stays."""
    review = _review(call, owner, repo, number, review_id)
    if review.state != "PENDING":
        raise unprocessable("Can not delete a non-pending pull request review")
    del call.hub.state.reviews[review_id]
    for comment in [row for row in call.hub.state.review_comments.values() if row.review is review]:
        del call.hub.state.review_comments[comment.id]
    return Reply(pull_shapes.review(call.hub, review))


@route("POST", "/repos/<owner>/<repo>/pulls/<int:number>/reviews/<int:review_id>/events", "pull_requests:write")
def submit_review(call: Call, owner: str, repo: str, number: int, review_id: int) -> Reply:
    """Submit a pending review."""
    review = _review(call, owner, repo, number, review_id)
    event = call.field("event", str, resource="PullRequestReview", required=True)
    if event not in STATES:
        raise GitHubError(422, "Invalid request.\n\nFor 'properties/event', no value of the enum matches.")
    review.state, review.submitted_at = STATES[event], call.hub.state.now()
    review.body = call.text("body", resource="PullRequestReview", required=False) or review.body
    return Reply(pull_shapes.review(call.hub, review))


@route("GET", "/repos/<owner>/<repo>/pulls/<int:number>/reviews/<int:review_id>/comments", "pull_requests:read")
def review_comments(call: Call, owner: str, repo: str, number: int, review_id: int) -> Reply:
    """List the inline comments of one review."""
    review = _review(call, owner, repo, number, review_id)
    rows = [item for item in call.hub.state.review_comments.values() if item.review is review]
    return listed(call, rows, lambda item: pull_shapes.review_comment(call.hub, item))


@route("GET", "/repos/<owner>/<repo>/pulls/<int:number>/comments", "pull_requests:read")
def list_comments(call: Call, owner: str, repo: str, number: int) -> Reply:
    """List all inline comments of a pull request."""
    pull = call.pull(owner, repo, number)
    rows = [
        item
        for item in call.hub.state.review_comments.values()
        if item.pull is pull and item.review.state != "PENDING" and call.hub.state.listed(item.id)
    ]
    return listed(call, rows, lambda item: pull_shapes.review_comment(call.hub, item))


def _own_review(hub: Hub, pull: PullRequest, user: User) -> Review:
    state = hub.state
    review = Review(state.next_id(), pull, user, "", "COMMENTED", pull.head_sha, state.now())
    state.reviews[review.id] = review
    return review


@route("POST", "/repos/<owner>/<repo>/pulls/<int:number>/comments", "pull_requests:write")
def create_comment(call: Call, owner: str, repo: str, number: int) -> Reply:
    """Create one inline comment, or a reply by `in_reply_to`."""
    pull = call.pull(owner, repo, number)
    body = call.text("body", resource="PullRequestReviewComment")
    if (target := call.field("in_reply_to", int, resource="PullRequestReviewComment")) is not None:
        return _reply(call, pull, target, body)
    call.field("commit_id", str, resource="PullRequestReviewComment", required=True)
    spot = check_comment(patches_of(call.hub, pull), call.body)
    if isinstance(spot, str):
        name = "path" if spot == PATH_OFF else "pull_request_review_thread.line"
        raise invalid("PullRequestReviewComment", name, "custom", spot)
    comment = add_comment(call.hub, _own_review(call.hub, pull, call.actor), call.actor, spot, body)
    return Reply(pull_shapes.review_comment(call.hub, comment), 201)


def _reply(call: Call, pull: PullRequest, comment_id: int, body: str) -> Reply:
    found = call.hub.state.review_comments.get(comment_id)
    if found is None or found.pull is not pull:
        raise not_found()
    return Reply(pull_shapes.review_comment(call.hub, reply(call.hub, found, call.actor, body)), 201)


def reply(hub: Hub, comment: ReviewComment, user: User, body: str) -> ReviewComment:
    """Store a reply in the thread of a comment and send its event."""
    root = comment.root
    spot = Spot(
        root.path, root.side, root.original_line, root.start_side, root.original_start_line,
        root.original_position, root.diff_hunk,
    )  # fmt: skip
    made = add_comment(hub, _own_review(hub, root.pull, user), user, spot, body, root)
    made.line, made.position, made.start_line = root.line, root.position, root.start_line
    return made


@route("POST", "/repos/<owner>/<repo>/pulls/<int:number>/comments/<int:comment_id>/replies", "pull_requests:write")
def create_reply(call: Call, owner: str, repo: str, number: int, comment_id: int) -> Reply:
    """Reply in the thread of an inline comment."""
    body = call.text("body", resource="PullRequestReviewComment")
    return _reply(call, call.pull(owner, repo, number), comment_id, body)


def _comment(call: Call, owner: str, repo: str, comment_id: int) -> ReviewComment:
    repository = call.repository(owner, repo)
    found = call.hub.state.review_comments.get(comment_id)
    if found is None or found.pull.repository is not repository:
        raise not_found()
    return found


def _own(call: Call, user: User) -> None:
    if user is not call.actor:
        raise GitHubError(403, "Resource not accessible by integration")


@route("GET", "/repos/<owner>/<repo>/pulls/comments/<int:comment_id>", "pull_requests:read")
def get_comment(call: Call, owner: str, repo: str, comment_id: int) -> Reply:
    """Answer one inline comment."""
    return Reply(pull_shapes.review_comment(call.hub, _comment(call, owner, repo, comment_id)))


@route("PATCH", "/repos/<owner>/<repo>/pulls/comments/<int:comment_id>", "pull_requests:write")
def update_comment(call: Call, owner: str, repo: str, comment_id: int) -> Reply:
    """Change the body of an inline comment of one's own."""
    comment = _comment(call, owner, repo, comment_id)
    _own(call, comment.user)
    comment.body = call.text("body", resource="PullRequestReviewComment")
    comment.updated_at = call.hub.state.now()
    return Reply(pull_shapes.review_comment(call.hub, comment))


@route("DELETE", "/repos/<owner>/<repo>/pulls/comments/<int:comment_id>", "pull_requests:write")
def delete_comment(call: Call, owner: str, repo: str, comment_id: int) -> Reply:
    """Delete an inline comment of one's own."""
    comment = _comment(call, owner, repo, comment_id)
    _own(call, comment.user)
    del call.hub.state.review_comments[comment_id]
    return Reply(status=204)


@route("GET", "/repos/<owner>/<repo>/pulls/comments/<int:comment_id>/reactions", "pull_requests:read")
def comment_reactions(call: Call, owner: str, repo: str, comment_id: int) -> Reply:
    """List the reactions to an inline comment."""
    comment = _comment(call, owner, repo, comment_id)
    return listed(call, comment.reactions, lambda item: shapes.reaction(call.hub, item))


@route("POST", "/repos/<owner>/<repo>/pulls/comments/<int:comment_id>/reactions", "pull_requests:write")
def react_to_comment(call: Call, owner: str, repo: str, comment_id: int) -> Reply:
    """React to an inline comment."""
    return react(call, _comment(call, owner, repo, comment_id).reactions)


def react(call: Call, reactions: list[Reaction]) -> Reply:
    """Add the caller's reaction once: 201 when new, 200 when it was there."""
    content = call.field("content", str, resource="Reaction", required=True)
    if content not in shapes.REACTIONS:
        raise invalid("Reaction", "content")
    for item in reactions:
        if item.user is call.actor and item.content == content:
            return Reply(shapes.reaction(call.hub, item))
    state = call.hub.state
    item = Reaction(state.next_id(), call.actor, content, state.now())
    reactions.append(item)
    return Reply(shapes.reaction(call.hub, item), 201)
