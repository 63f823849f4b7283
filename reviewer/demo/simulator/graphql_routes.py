"""GraphQL: review threads and what resolves or hides them, which REST does not have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reviewer.demo.simulator import auth, shapes
from reviewer.demo.simulator.api import Call, GitHubError, Reply, route
from reviewer.demo.simulator.graphql import GraphQLError, execute
from reviewer.demo.simulator.shapes import node_id, read_node_id, stamp
from reviewer.demo.simulator.state import IssueComment, PullRequest, Review, ReviewComment, User

CLASSIFIERS = ("ABUSE", "DUPLICATE", "LOW_QUALITY", "OFF_TOPIC", "OUTDATED", "RESOLVED", "SPAM")


@route("POST", "/graphql")
def graphql(call: Call) -> Reply:
    """Answer a GraphQL request; errors come with status 200, as on GitHub."""
    query, variables = call.body.get("query"), call.body.get("variables") or {}
    if not isinstance(query, str) or not isinstance(variables, dict):
        raise GitHubError(400, "A query attribute must be specified and must be a string.")
    roots = {"query": _queries(call), "mutation": _mutations(call)}
    try:
        return Reply({"data": execute(query, variables, roots)})
    except GraphQLError as error:
        return Reply({"data": None, "errors": [{"type": error.kind, "message": str(error)}]})


def _require(call: Call, permission: str) -> None:
    if call.token is None or not auth.allows(call.token.permissions, permission):
        raise GraphQLError("Resource not accessible by integration", "FORBIDDEN")


def _queries(call: Call) -> Mapping[str, Callable[..., Any]]:
    def repository(owner: str, name: str, **_: object) -> dict[str, Any]:
        try:
            repo = call.repository(owner, name)
        except GitHubError:
            raise GraphQLError(
                f"Could not resolve to a Repository with the name '{owner}/{name}'.", "NOT_FOUND"
            ) from None

        def pull_request(number: int) -> dict[str, Any]:
            _require(call, "pull_requests:read")
            pull = call.hub.state.pulls.get((repo.id, number))
            if pull is None:
                raise GraphQLError(f"Could not resolve to a PullRequest with the number of {number}.", "NOT_FOUND")
            return _pull(call, pull)

        return {
            "__typename": "Repository",
            "id": node_id("R", repo.id),
            "databaseId": repo.id,
            "name": repo.name,
            "nameWithOwner": repo.full_name,
            "isPrivate": repo.private,
            "pullRequest": pull_request,
        }

    def viewer() -> dict[str, Any]:
        return _actor(call.actor)

    def node(id: str) -> dict[str, Any]:  # noqa: A002 - GraphQL's own argument name
        found = _find(call, id)
        if isinstance(found, IssueComment):
            return _issue_comment(found)
        if isinstance(found, ReviewComment):
            return _thread(call, found) if id.startswith("PRRT") else _comment(found)
        return _review(found)

    return {"repository": repository, "viewer": viewer, "node": node}


def _pull(call: Call, pull: PullRequest) -> dict[str, Any]:
    state = call.hub.state

    def threads(**page: Any) -> dict[str, Any]:
        roots = [
            item
            for item in state.review_comments.values()
            if item.pull is pull and item.in_reply_to is None and state.listed(item.id)
        ]
        return _connection([_thread(call, item) for item in roots], "PullRequestReviewThread", **page)

    def comments(**page: Any) -> dict[str, Any]:
        rows = [_issue_comment(item) for item in state.comments.values() if item.pull is pull]
        return _connection(rows, "IssueComment", **page)

    def reviews(**page: Any) -> dict[str, Any]:
        rows = [_review(item) for item in state.reviews.values() if item.pull is pull]
        return _connection(rows, "PullRequestReview", **page)

    return {
        "__typename": "PullRequest",
        "id": node_id("PR", pull.id),
        "number": pull.number,
        "title": pull.title,
        "state": "MERGED" if pull.merged_at else pull.state.upper(),
        "isDraft": pull.draft,
        "headRefOid": pull.head_sha,
        "baseRefOid": pull.base_sha,
        "author": _actor(pull.author),
        "reviewThreads": threads,
        "comments": comments,
        "reviews": reviews,
    }


def _connection(
    rows: Sequence[dict[str, Any]],
    kind: str,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    **_: object,
) -> dict[str, Any]:
    if first is None and last is None:
        raise GraphQLError(
            "You must provide a `first` or `last` value to properly paginate the connection.",
            "MISSING_PAGINATION_BOUNDARIES",
        )
    if not 1 <= (first or last or 0) <= 100:
        raise GraphQLError("Requesting more than 100 records on the connection", "EXCESSIVE_PAGINATION")
    start = int(after) if after else (max(0, len(rows) - (last or 0)) if first is None else 0)
    page = list(rows[start : start + (first or last or 0)])
    end = start + len(page)
    return {
        "__typename": f"{kind}Connection",
        "nodes": page,
        "edges": [{"cursor": str(start + index + 1), "node": row} for index, row in enumerate(page)],
        "totalCount": len(rows),
        "pageInfo": {
            "__typename": "PageInfo",
            "hasNextPage": end < len(rows),
            "endCursor": str(end) if page else None,
            "hasPreviousPage": start > 0,
            "startCursor": str(start + 1) if page else None,
        },
    }


def _actor(user: User) -> dict[str, Any]:
    # GraphQL gives a bot's login without the suffix that REST has.
    login = user.login.removesuffix("[bot]")
    return {
        "__typename": user.type,
        "id": node_id("U", user.id),
        "databaseId": user.id,
        "login": login if user.type == "Bot" else user.login,
    }


def _thread(call: Call, root: ReviewComment) -> dict[str, Any]:
    def comments(**page: Any) -> dict[str, Any]:
        rows = [item for item in call.hub.state.review_comments.values() if item.root is root]
        return _connection([_comment(item) for item in rows], "PullRequestReviewComment", **page)

    return {
        "__typename": "PullRequestReviewThread",
        "id": node_id("PRRT", root.id),
        "isResolved": root.resolved_by is not None,
        "isOutdated": root.line is None,
        "isCollapsed": root.resolved_by is not None or root.line is None,
        "resolvedBy": None if root.resolved_by is None else _actor(root.resolved_by),
        "path": root.path,
        "line": root.line,
        "startLine": root.start_line,
        "originalLine": root.original_line,
        "originalStartLine": root.original_start_line,
        "diffSide": root.side,
        "startDiffSide": root.start_side,
        "subjectType": "LINE",
        "viewerCanReply": True,
        "viewerCanResolve": True,
        "viewerCanUnresolve": True,
        "comments": comments,
    }


def _minimizable(item: IssueComment | ReviewComment | Review) -> dict[str, Any]:
    return {
        "isMinimized": item.minimized is not None,
        "minimizedReason": None if item.minimized is None else item.minimized.lower(),
        "viewerCanMinimize": True,
        "author": _actor(item.user),
        "body": item.body,
        "databaseId": item.id,
        "fullDatabaseId": str(item.id),
    }


def _comment(item: ReviewComment) -> dict[str, Any]:
    return {
        "__typename": "PullRequestReviewComment",
        "id": node_id("PRRC", item.id),
        **_minimizable(item),
        "path": item.path,
        "line": item.line,
        "originalLine": item.original_line,
        "outdated": item.line is None,
        "url": f"/{item.pull.repository.full_name}/pull/{item.pull.number}#discussion_r{item.id}",
        "createdAt": stamp(item.created_at),
        "replyTo": None if item.in_reply_to is None else _comment(item.in_reply_to),
        "pullRequestReview": _review(item.review),
        "reactionGroups": [
            {
                "__typename": "ReactionGroup",
                "content": _REACTION_WORDS[name],
                "reactors": _reactors([row.user for row in item.reactions if row.content == name]),
                "users": _reactors([row.user for row in item.reactions if row.content == name]),
            }
            for name in shapes.REACTIONS
        ],
    }


_REACTION_WORDS = {
    "+1": "THUMBS_UP", "-1": "THUMBS_DOWN", "laugh": "LAUGH", "hooray": "HOORAY",
    "confused": "CONFUSED", "heart": "HEART", "rocket": "ROCKET", "eyes": "EYES",
}  # fmt: skip


def _reactors(users: Sequence[User]) -> Callable[..., dict[str, Any]]:
    def connection(first: int = 100, **_: object) -> dict[str, Any]:
        nodes = [_actor(user) for user in users[:first]]
        return {"__typename": "ReactorConnection", "totalCount": len(users), "nodes": nodes}

    return connection


def _issue_comment(item: IssueComment) -> dict[str, Any]:
    return {
        "__typename": "IssueComment",
        "id": node_id("IC", item.id),
        **_minimizable(item),
        "url": f"/{item.pull.repository.full_name}/pull/{item.pull.number}#issuecomment-{item.id}",
        "createdAt": stamp(item.created_at),
    }


def _review(item: Review) -> dict[str, Any]:
    return {
        "__typename": "PullRequestReview",
        "id": node_id("PRR", item.id),
        **_minimizable(item),
        "state": item.state,
        "submittedAt": stamp(item.submitted_at),
        "commit": {"__typename": "Commit", "oid": item.commit_id},
    }


def _find(call: Call, node: str) -> IssueComment | ReviewComment | Review:
    kind, number = read_node_id(node) or ("", 0)
    state = call.hub.state
    tables: dict[str, Mapping[int, IssueComment | ReviewComment | Review]] = {
        "PRRT": state.review_comments,
        "PRRC": state.review_comments,
        "IC": state.comments,
        "PRR": state.reviews,
    }
    found = tables.get(kind, {}).get(number)
    if found is None or not call.sees(found.pull.repository):
        raise GraphQLError(f"Could not resolve to a node with the global id of '{node}'", "NOT_FOUND")
    return found


def _mutations(call: Call) -> Mapping[str, Callable[..., Any]]:
    def thread(thread_id: str) -> ReviewComment:
        _require(call, "pull_requests:write")
        found = _find(call, thread_id)
        if not isinstance(found, ReviewComment) or not thread_id.startswith("PRRT"):
            raise GraphQLError(
                f"Could not resolve to PullRequestReviewThread node with the global id of '{thread_id}'.",
                "NOT_FOUND",
            )
        return found

    def answer(kind: str, values: Mapping[str, Any], **more: object) -> dict[str, Any]:
        return {"__typename": kind, "clientMutationId": values.get("clientMutationId"), **more}

    def resolve(input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - GraphQL's own argument name
        root = thread(str(input.get("threadId")))
        root.resolved_by = call.actor
        return answer("ResolveReviewThreadPayload", input, thread=_thread(call, root))

    def unresolve(input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        root = thread(str(input.get("threadId")))
        root.resolved_by = None
        return answer("UnresolveReviewThreadPayload", input, thread=_thread(call, root))

    def minimize(input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        _require(call, "pull_requests:write")
        found = _find(call, str(input.get("subjectId")))
        if input.get("classifier") not in CLASSIFIERS:
            raise GraphQLError("Argument 'classifier' has an invalid value", "argumentLiteralsIncompatible")
        found.minimized = str(input["classifier"])
        shaped = (
            _issue_comment(found)
            if isinstance(found, IssueComment)
            else _comment(found)
            if isinstance(found, ReviewComment)
            else _review(found)
        )
        return answer("MinimizeCommentPayload", input, minimizedComment=shaped)

    def unminimize(input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        _require(call, "pull_requests:write")
        found = _find(call, str(input.get("subjectId")))
        found.minimized = None
        return answer("UnminimizeCommentPayload", input, unminimizedComment={"isMinimized": False})

    return {
        "resolveReviewThread": resolve,
        "unresolveReviewThread": unresolve,
        "minimizeComment": minimize,
        "unminimizeComment": unminimize,
    }
