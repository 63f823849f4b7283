"""Review threads: what people did with our comments. GraphQL only; REST does not say "resolved"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reviewer.github.api import Api

NEEDS: Final = "pull_requests: read"
MAX_THREAD_PAGES: Final = 20
# More threads than these are not listed.
MAX_THREADS: Final = 50 * MAX_THREAD_PAGES

# Points: one for each hundred nodes; the last comments of a thread are enough to see a reply.
THREADS_QUERY: Final = """
query Threads($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewThreads(first: 50, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          id
          isResolved
          isOutdated
          path
          line
          originalLine
          resolvedBy { login }
          comments(first: 20) {
            totalCount
            nodes {
              id
              databaseId
              body
              url
              isMinimized
              author { __typename login }
              reactionGroups {
                content
                reactors(first: 20) {
                  totalCount
                  nodes { ... on User { login } ... on Bot { login } ... on Mannequin { login } }
                }
              }
            }
          }
        }
      }
    }
  }
}
"""

RESOLVE_MUTATION: Final = """
mutation Resolve($thread: ID!) {
  resolveReviewThread(input: {threadId: $thread}) { thread { id isResolved } }
}
"""

UNRESOLVE_MUTATION: Final = """
mutation Unresolve($thread: ID!) {
  unresolveReviewThread(input: {threadId: $thread}) { thread { id isResolved } }
}
"""

MINIMIZE_MUTATION: Final = """
mutation Minimize($subject: ID!, $why: ReportedContentClassifiers!) {
  minimizeComment(input: {subjectId: $subject, classifier: $why}) { minimizedComment { isMinimized } }
}
"""

UNMINIMIZE_MUTATION: Final = """
mutation Unminimize($subject: ID!) {
  unminimizeComment(input: {subjectId: $subject}) { unminimizedComment { isMinimized } }
}
"""


@dataclass(frozen=True, slots=True)
class ThreadComment:
    """A comment of a thread. `author` carries REST's spelling (`slug[bot]`) and type, so that one test of identity
    serves both APIs. `reactions` counts by GraphQL's names (THUMBS_UP …); `reactors` are the logins of the first 20
    of each. `node_id` is GraphQL's id.
    """

    id: int
    body: str
    url: str
    author: Mapping[str, str]
    minimized: bool
    reactions: Mapping[str, int]
    node_id: str = ""
    reactors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Thread:
    """A review thread; `line` is None where it is outdated. `replies` counts all but the first comment.

    `comments` are the first 20.
    """

    id: str
    path: str
    line: int | None
    original_line: int | None
    resolved: bool
    resolved_by: str
    outdated: bool
    comments: tuple[ThreadComment, ...]
    replies: int


def review_threads(api: Api, repository: str, number: int) -> tuple[Thread, ...]:
    """Return every review thread of a pull request."""
    owner, _, name = repository.partition("/")
    threads: list[Thread] = []
    after: str | None = None
    for _page in range(MAX_THREAD_PAGES):
        data = api.graphql(
            THREADS_QUERY,
            {"owner": owner, "name": name, "number": number, "after": after},
            doing="list review threads",
            needs=NEEDS,
        )
        connection = (((data or {}).get("repository") or {}).get("pullRequest") or {}).get("reviewThreads") or {}
        threads += [_thread(node) for node in connection.get("nodes") or () if node]
        info = connection.get("pageInfo") or {}
        after = info.get("endCursor")
        if not info.get("hasNextPage") or not after:
            break
    return tuple(threads)


def resolve_thread(api: Api, thread_id: str) -> None:
    """Mark a thread as resolved; doing it twice changes nothing."""
    api.graphql(RESOLVE_MUTATION, {"thread": thread_id}, doing="resolve a thread", needs="pull_requests: write")


def unresolve_thread(api: Api, thread_id: str) -> None:
    """Open a resolved thread again; doing it twice changes nothing."""
    api.graphql(UNRESOLVE_MUTATION, {"thread": thread_id}, doing="reopen a thread", needs="pull_requests: write")


def unminimize_comment(api: Api, node_id: str) -> None:
    """Show a comment again that was folded away."""
    api.graphql(
        UNMINIMIZE_MUTATION, {"subject": node_id}, doing="show a comment again", needs="pull_requests: write"
    )


def minimize_comment(api: Api, node_id: str, why: str = "OUTDATED") -> None:
    """Fold a comment away; `why` is one of GraphQL's ReportedContentClassifiers."""
    api.graphql(
        MINIMIZE_MUTATION,
        {"subject": node_id, "why": why},
        doing="minimise a comment",
        needs="pull_requests: write",
    )


def _thread(node: Mapping[str, Any]) -> Thread:
    comments = node.get("comments") or {}
    rows = [row for row in comments.get("nodes") or () if row]
    return Thread(
        id=str(node["id"]),
        path=str(node.get("path") or ""),
        line=node.get("line"),
        original_line=node.get("originalLine"),
        resolved=bool(node.get("isResolved")),
        resolved_by=str((node.get("resolvedBy") or {}).get("login") or ""),
        outdated=bool(node.get("isOutdated")),
        comments=tuple(_comment(row) for row in rows),
        replies=max(0, int(comments.get("totalCount") or len(rows)) - 1),
    )


def _comment(row: Mapping[str, Any]) -> ThreadComment:
    author = row.get("author") or {}
    login = str(author.get("login") or "ghost")
    bot = author.get("__typename") == "Bot"
    # GraphQL leaves the suffix off that REST writes.
    spelled = f"{login}[bot]" if bot and not login.endswith("[bot]") else login
    return ThreadComment(
        id=int(row.get("databaseId") or 0),
        body=str(row.get("body") or ""),
        url=str(row.get("url") or ""),
        author={"login": spelled, "type": "Bot" if bot else "User"},
        minimized=bool(row.get("isMinimized")),
        reactions={
            str(group["content"]): int((group.get("reactors") or {}).get("totalCount") or 0)
            for group in row.get("reactionGroups") or ()
        },
        node_id=str(row.get("id") or ""),
        reactors={
            str(group["content"]): tuple(
                str(one["login"]) for one in (group.get("reactors") or {}).get("nodes") or () if one.get("login")
            )
            for group in row.get("reactionGroups") or ()
        },
    )
