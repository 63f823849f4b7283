"""REST: what a signed-in person sees of the App."""

from __future__ import annotations

from reviewer.demo.simulator import shapes
from reviewer.demo.simulator.api import Call, GitHubError, Reply, not_found, route
from reviewer.demo.simulator.state import Installation, Repository, User


def _person(call: Call) -> User:
    if call.person is None:
        raise GitHubError(401, "Requires authentication")
    return call.person


def _readable(call: Call, installation: Installation) -> list[Repository]:
    state = call.hub.state
    return [
        repo
        for repo in state.repositories.values()
        if state.installation_of(repo, installation.app) is installation
        and state.role(repo, _person(call).login) != "none"
    ]


@route("GET", "/user", auth="user")
def get_user(call: Call) -> Reply:
    """Answer the person that the token stands for."""
    person = shapes.user(call.hub, _person(call))
    stamp = shapes.stamp(call.hub.state.now())
    unset = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    return Reply({**person, **unset, **counts, "blog": "", "created_at": stamp, "updated_at": stamp})


@route("GET", "/user/installations", auth="user")
def user_installations(call: Call) -> Reply:
    """List the installations with a repository that the person may read."""
    rows = [item for item in call.hub.state.installations.values() if _readable(call, item)]
    page, headers = call.page(rows)
    shaped = [shapes.installation(call.hub, item) for item in page]
    return Reply({"total_count": len(rows), "installations": shaped}, headers=headers)


@route("GET", "/user/installations/<int:installation_id>/repositories", auth="user")
def user_repositories(call: Call, installation_id: int) -> Reply:
    """List the repositories of an installation that the person may read."""
    installation = call.hub.state.installations.get(installation_id)
    rows = _readable(call, installation) if installation else []
    if not rows:
        raise not_found()
    page, headers = call.page(rows)
    shaped = [shapes.repository(call.hub, repo) for repo in page]
    return Reply({"total_count": len(rows), "repositories": shaped}, headers=headers)
