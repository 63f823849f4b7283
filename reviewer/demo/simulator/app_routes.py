"""REST: the App itself, its installations and tokens, webhook deliveries, manifests, limits."""

from __future__ import annotations

import secrets
from typing import Any, Final

from reviewer.demo.simulator import auth, shapes
from reviewer.demo.simulator.api import Call, GitHubError, Reply, listed, not_found, route
from reviewer.demo.simulator.registry import register_app
from reviewer.demo.simulator.shapes import stamp
from reviewer.demo.simulator.state import App, Delivery, Installation, Token

HOURLY_REQUESTS: Final = 5_000


def _caller(call: Call) -> App:
    if call.app is None:
        raise GitHubError(401, "A JSON web token could not be decoded")
    return call.app


def _installation(call: Call, installation_id: int) -> Installation:
    found = call.hub.state.installations.get(installation_id)
    if found is None or found.app is not _caller(call):
        raise not_found()
    return found


@route("GET", "/app", auth="app")
def get_app(call: Call) -> Reply:
    """Answer the App that signed the JWT."""
    app = _caller(call)
    count = sum(1 for item in call.hub.state.installations.values() if item.app is app)
    return Reply({**shapes.app(call.hub, app), "installations_count": count})


@route("GET", "/app/installations", auth="app")
def list_installations(call: Call) -> Reply:
    """List the App's installations."""
    app = _caller(call)
    rows = [item for item in call.hub.state.installations.values() if item.app is app]
    return listed(call, rows, lambda item: shapes.installation(call.hub, item))


@route("GET", "/app/installations/<int:installation_id>", auth="app")
def get_installation(call: Call, installation_id: int) -> Reply:
    """Answer one installation."""
    return Reply(shapes.installation(call.hub, _installation(call, installation_id)))


@route("GET", "/repos/<owner>/<repo>/installation", auth="app")
def repository_installation(call: Call, owner: str, repo: str) -> Reply:
    """Answer the installation that covers a repository."""
    repository = call.hub.state.repositories.get(f"{owner}/{repo}")
    found = repository and call.hub.state.installation_of(repository, _caller(call))
    if not found:
        raise not_found()
    return Reply(shapes.installation(call.hub, found))


def _account_installation(call: Call, login: str) -> Reply:
    app = _caller(call)
    for item in call.hub.state.installations.values():
        if item.account.login == login and item.app is app:
            return Reply(shapes.installation(call.hub, item))
    raise not_found()


@route("GET", "/users/<login>/installation", auth="app")
def user_installation(call: Call, login: str) -> Reply:
    """Answer the installation on a user's account."""
    return _account_installation(call, login)


@route("GET", "/orgs/<login>/installation", auth="app")
def organisation_installation(call: Call, login: str) -> Reply:
    """Answer the installation on an organisation."""
    return _account_installation(call, login)


@route("POST", "/app/installations/<int:installation_id>/access_tokens", auth="app")
def create_token(call: Call, installation_id: int) -> Reply:
    """Mint an installation token for one hour, narrowed to repositories and permissions."""
    installation = _installation(call, installation_id)
    if installation.suspended_at is not None:
        raise GitHubError(403, "This installation has been suspended")
    repository_ids = _narrowed_repositories(call, installation)
    permissions = dict(installation.permissions)
    wanted = call.body.get("permissions")
    if wanted:  # an empty object asks for everything, as clients that always send the field rely on
        if not isinstance(wanted, dict) or not all(
            auth.allows(installation.permissions, f"{name}:{level}") for name, level in _levels(wanted)
        ):
            raise GitHubError(422, "The permissions requested are not granted to this installation.")
        permissions = {name: str(level) for name, level in wanted.items()}
    token = Token(
        value="ghs_" + secrets.token_urlsafe(27).replace("-", "a").replace("_", "b"),
        installation=installation,
        permissions=permissions,
        repository_ids=repository_ids,
        expires_at=call.hub.state.now() + auth.TOKEN_LIFE,
    )
    call.hub.state.tokens[token.value] = token
    document: dict[str, Any] = {
        "token": token.value,
        "expires_at": stamp(token.expires_at),
        "permissions": {"metadata": "read", **permissions},
        "repository_selection": "all" if repository_ids is None else "selected",
    }
    if repository_ids is not None:
        document["repositories"] = [
            shapes.repository(call.hub, repo)
            for repo in call.hub.state.repositories.values()
            if repo.id in repository_ids
        ]
    return Reply(document, 201)


def _levels(wanted: dict[str, Any]) -> list[tuple[str, str]]:
    if not all(level in auth.RANK for level in wanted.values()):
        raise GitHubError(422, "The permissions requested are not granted to this installation.")
    return list(wanted.items())


def _narrowed_repositories(call: Call, installation: Installation) -> set[int] | None:
    state = call.hub.state
    names, ids = call.body.get("repositories"), call.body.get("repository_ids")
    if names is None and ids is None:
        return None if installation.repository_ids is None else set(installation.repository_ids)
    chosen = {
        repo.id
        for repo in state.repositories.values()
        if state.installation_of(repo, installation.app) is installation
        and (repo.name in (names or ()) or repo.id in (ids or ()))
    }
    if len(chosen) < len(set(names or ())) + len(set(ids or ())):
        raise GitHubError(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        )
    return chosen


@route("GET", "/installation/repositories", "metadata:read")
def installation_repositories(call: Call) -> Reply:
    """List the repositories that a token sees."""
    rows = [repo for repo in call.hub.state.repositories.values() if call.sees(repo)]
    page, headers = call.page(rows)
    shaped = [shapes.repository(call.hub, repo) for repo in page]
    return Reply({"total_count": len(rows), "repositories": shaped}, headers=headers)


@route("GET", "/app/hook/config", auth="app")
def hook_config(call: Call) -> Reply:
    """Answer where the App's webhooks go."""
    app = _caller(call)
    secret = "********" if app.webhook_secret else ""
    return Reply({"content_type": "json", "insecure_ssl": "0", "secret": secret, "url": app.webhook_url})


@route("PATCH", "/app/hook/config", auth="app")
def update_hook_config(call: Call) -> Reply:
    """Change the address or the secret of the App's webhooks."""
    app = _caller(call)
    app.webhook_url = call.field("url", str, resource="Hook") or app.webhook_url
    app.webhook_secret = call.field("secret", str, resource="Hook") or app.webhook_secret
    return hook_config(call)


def _delivery(item: Delivery) -> dict[str, Any]:
    return {
        "id": item.id,
        "guid": item.guid,
        "delivered_at": stamp(item.delivered_at),
        "redelivery": item.redelivery,
        "duration": item.duration,
        "status": item.status,
        "status_code": item.status_code,
        "event": item.event,
        "action": item.action,
        "installation_id": item.installation_id,
        "repository_id": item.repository_id,
        "throttled_at": None,
    }


@route("GET", "/app/hook/deliveries", auth="app")
def list_deliveries(call: Call) -> Reply:
    """List deliveries, newest first, with a cursor."""
    app = _caller(call)
    rows = [
        item for item in call.hub.state.deliveries.values() if item.app is app and item.delivered_at is not None
    ]
    rows.sort(key=lambda item: -item.id)
    if status := call.query.get("status"):
        rows = [item for item in rows if (item.status_code >= 400) is (status == "failure")]
    if cursor := call.query.get("cursor"):
        if not cursor.startswith("v1_") or not cursor[3:].isdigit():
            raise GitHubError(400, "Invalid cursor")
        rows = [item for item in rows if item.id < int(cursor[3:])]
    size = call.whole("per_page", 30, 100)
    page = rows[:size]
    headers = {}
    if len(rows) > size:
        query = f"per_page={size}&cursor=v1_{page[-1].id}" + (f"&status={status}" if status else "")
        headers["Link"] = f'<{call.hub.url}{call.path}?{query}>; rel="next"'
    return Reply([_delivery(item) for item in page], headers=headers)


def _find_delivery(call: Call, delivery_id: int) -> Delivery:
    found = call.hub.state.deliveries.get(delivery_id)
    if found is None or found.app is not _caller(call):
        raise not_found()
    return found


@route("GET", "/app/hook/deliveries/<int:delivery_id>", auth="app")
def get_delivery(call: Call, delivery_id: int) -> Reply:
    """Answer one delivery with its request and response."""
    item = _find_delivery(call, delivery_id)
    return Reply(
        {
            **_delivery(item),
            "url": item.app.webhook_url,
            "request": {"headers": item.request_headers, "payload": item.payload},
            "response": {"headers": item.response_headers, "payload": item.response_body},
        }
    )


@route("POST", "/app/hook/deliveries/<int:delivery_id>/attempts", auth="app")
def redeliver(call: Call, delivery_id: int) -> Reply:
    """Send a delivery again."""
    call.hub.hooks.redeliver(_find_delivery(call, delivery_id))
    return Reply({}, 202)


@route("POST", "/app-manifests/<code>/conversions", auth="none")
def convert_manifest(call: Call, code: str) -> Reply:
    """Turn a manifest's one-time code into a registered App with its secrets."""
    manifest = call.hub.state.manifests.pop(code, None)
    if manifest is None:
        raise not_found()
    hook = manifest.get("hook_attributes") or {}
    app = register_app(
        call.hub.state,
        name=str(manifest.get("name") or "app"),
        owner=call.hub.state.user(manifest["__owner"]),
        permissions=dict(manifest.get("default_permissions") or {}),
        events=list(manifest.get("default_events") or []),
        webhook_url=str(hook.get("url") or ""),
        external_url=str(manifest["url"]),
    )
    return Reply(
        {
            **shapes.app(call.hub, app),
            "client_secret": app.client_secret,
            "webhook_secret": app.webhook_secret,
            "pem": app.private_key,
        },
        201,
    )


@route("GET", "/rate_limit", auth="either")
def rate_limit(call: Call) -> Reply:
    """Answer what is left of the hour; reading it costs nothing."""
    reset = int(call.hub.state.now().timestamp()) + 3600
    row = {"limit": HOURLY_REQUESTS, "used": 1, "remaining": HOURLY_REQUESTS - 1, "reset": reset}
    return Reply({"resources": dict.fromkeys(("core", "search", "graphql"), row), "rate": row})


@route("GET", "/meta", auth="none")
def meta(call: Call) -> Reply:
    """Answer GitHub's own facts; a client reads it to see whether anything answers."""
    return Reply({"verifiable_password_authentication": False, "hooks": ["127.0.0.0/8"]})
