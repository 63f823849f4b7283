"""The JSON shapes of accounts, Apps, repositories and commits, as GitHub's OpenAPI description has them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reviewer.demo.simulator.state import App, Installation, Label, Reaction, Repository, User

if TYPE_CHECKING:
    from reviewer.demo.simulator.world import World

REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
_REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def stamp(moment: datetime | None) -> str | None:
    """Return a time as GitHub writes it."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: int | str) -> str:
    """Return an opaque global id; the kind can be read back, as from GitHub's."""
    return f"{kind}_{base64.urlsafe_b64encode(str(number).encode()).decode().rstrip('=')}"


def read_node_id(value: str) -> tuple[str, int] | None:
    """Return the kind and number of a node id, None where it is none of ours."""
    kind, _, rest = value.partition("_")
    try:
        return kind, int(base64.urlsafe_b64decode(rest + "=" * (-len(rest) % 4)))
    except ValueError:
        return None


def user(hub: World, account: User) -> dict[str, Any]:
    """Shape an account: `simple-user`."""
    api = f"{hub.url}/users/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("U", account.id),
        "avatar_url": f"{hub.url}/avatars/u/{account.id}",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{hub.url}/{account.login}",
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": account.type,
        "site_admin": False,
    }


def app(hub: World, item: App) -> dict[str, Any]:
    """Shape an App: `integration`."""
    return {
        "id": item.id,
        "slug": item.slug,
        "node_id": node_id("A", item.id),
        "client_id": item.client_id,
        "owner": user(hub, item.owner),
        "name": item.name,
        "description": item.description,
        "external_url": item.external_url,
        "html_url": f"{hub.url}/apps/{item.slug}",
        "created_at": stamp(item.created_at),
        "updated_at": stamp(item.created_at),
        "permissions": dict(item.permissions),
        "events": list(item.events),
    }


def installation(hub: World, item: Installation) -> dict[str, Any]:
    """Shape an installation."""
    return {
        "id": item.id,
        # GitHub's description of the list wants an enterprise's fields on every account.
        "account": {
            **user(hub, item.account),
            "name": item.account.login,
            "slug": item.account.login.lower(),
            "created_at": stamp(item.created_at),
            "updated_at": stamp(item.created_at),
        },
        "repository_selection": "all" if item.repository_ids is None else "selected",
        "access_tokens_url": f"{hub.url}/app/installations/{item.id}/access_tokens",
        "repositories_url": f"{hub.url}/installation/repositories",
        "html_url": f"{hub.url}/settings/installations/{item.id}",
        "app_id": item.app.id,
        "client_id": item.app.client_id,
        "app_slug": item.app.slug,
        "target_id": item.account.id,
        "target_type": item.account.type,
        "permissions": dict(item.permissions),
        "events": list(item.events),
        "created_at": stamp(item.created_at),
        "updated_at": stamp(item.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None if item.suspended_at is None else user(hub, item.account),
        "suspended_at": stamp(item.suspended_at),
    }


def repository(hub: World, repo: Repository, *, full: bool = False) -> dict[str, Any]:
    """Shape a repository: `repository`, or with `full` `full-repository`."""
    api, page = hub.repo_url(repo), f"{hub.url}/{repo.full_name}"
    opened = sum(1 for pull in hub.state.pulls_of(repo) if pull.state == "open")
    document: dict[str, Any] = {
        "id": repo.id,
        "node_id": node_id("R", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
        "owner": user(hub, repo.owner),
        "html_url": page,
        "description": None,
        "fork": repo.parent is not None,
        "url": api,
        **{name: api + tail for name, tail in _REPOSITORY_LINKS.items()},
        "git_url": f"git:{page.partition(':')[2]}.git",
        "ssh_url": f"git@github.com:{repo.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "size": 1,
        "stargazers_count": 0,
        "watchers_count": 0,
        "watchers": 0,
        "forks_count": 0,
        "forks": 0,
        "open_issues_count": opened,
        "open_issues": opened,
        "default_branch": repo.default_branch,
        "is_template": False,
        "topics": [],
        "has_issues": True,
        "has_projects": True,
        "has_wiki": False,
        "has_pages": False,
        "has_downloads": True,
        "has_discussions": False,
        "allow_forking": True,
        "web_commit_signoff_required": False,
        "archived": False,
        "disabled": False,
        "visibility": "private" if repo.private else "public",
        "pushed_at": stamp(repo.created_at),
        "created_at": stamp(repo.created_at),
        "updated_at": stamp(repo.created_at),
    }
    if full:
        document |= {"network_count": 0, "subscribers_count": 0}
        document["permissions"] = {
            "admin": False, "maintain": False, "push": False, "triage": False, "pull": True,
        }  # fmt: skip
    return document


def label(hub: World, repo: Repository, item: Label) -> dict[str, Any]:
    """Shape a label."""
    return {
        "id": item.id,
        "node_id": node_id("LA", item.id),
        "url": f"{hub.repo_url(repo)}/labels/{item.name}",
        "name": item.name,
        "description": item.description or "",
        "color": item.color,
        "default": False,
    }


def reaction(hub: World, item: Reaction) -> dict[str, Any]:
    """Shape a reaction."""
    return {
        "id": item.id,
        "node_id": node_id("REA", item.id),
        "user": user(hub, item.user),
        "content": item.content,
        "created_at": stamp(item.created_at),
    }


def rollup(url: str, reactions: Sequence[Reaction]) -> dict[str, Any]:
    """Shape the counts of reactions."""
    counts = {name: sum(1 for item in reactions if item.content == name) for name in REACTIONS}
    return {"url": f"{url}/reactions", "total_count": len(reactions), **counts}


def commit(hub: World, repo: Repository, sha: str, *, detail: bool = False) -> dict[str, Any]:
    """Shape a commit; with `detail` also its files and line counts."""
    data = hub.data(repo)
    form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B"
    text = data.git.run("show", "-s", f"--format={form}", sha).decode("utf-8", "replace")
    sha, tree, parents, author, email, at, committer, mail, when, message = text.split("\0", 9)
    api, page = f"{hub.repo_url(repo)}/commits", f"{hub.url}/{repo.full_name}/commit"
    document: dict[str, Any] = {
        "sha": sha,
        "node_id": node_id("C", int(sha[:15], 16)),
        "commit": {
            "author": {"name": author, "email": email, "date": _epoch(at)},
            "committer": {"name": committer, "email": mail, "date": _epoch(when)},
            "message": message.rstrip("\n"),
            "tree": {"sha": tree, "url": f"{hub.repo_url(repo)}/git/trees/{tree}"},
            "url": f"{hub.repo_url(repo)}/git/commits/{sha}",
            "comment_count": 0,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        },
        "url": f"{api}/{sha}",
        "html_url": f"{page}/{sha}",
        "comments_url": f"{api}/{sha}/comments",
        "author": None,
        "committer": None,
        "parents": [
            {"sha": parent, "url": f"{api}/{parent}", "html_url": f"{page}/{parent}"} for parent in parents.split()
        ],
    }
    if detail:
        first = parents.split()[0] if parents else data.git.text("hash-object", "-t", "tree", "/dev/null")
        rows = data.files(first, sha)
        added, removed = sum(row.additions for row in rows), sum(row.deletions for row in rows)
        document["stats"] = {"additions": added, "deletions": removed, "total": added + removed}
        document["files"] = [hub.file_shape(repo, row, sha) for row in rows]
    return document


def _epoch(text: str) -> str:
    return datetime.fromtimestamp(int(text), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
