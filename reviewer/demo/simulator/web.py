"""The WSGI application: REST by the route table, git over smart HTTP, and pages for people."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
import time
import uuid
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from reviewer.demo.simulator import auth, code_pages, page, smart_http
from reviewer.demo.simulator.api import ROUTES, Call, GitHubError, Reply, Route, not_found
from reviewer.demo.simulator.faults import Fault, Faults
from reviewer.demo.simulator.hub import Hub
from reviewer.demo.simulator.state import Repository, Seen

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEPT_BODY: Final = 1_000_000
ROUTE_MODULES: Final = ("app", "check", "git", "graphql", "issue", "pull", "review", "user")


class Dropped(ConnectionError):
    """A planned fault: the connection ends without an answer, as werkzeug does for a client that is gone."""


def create_web(hub: Hub, faults: Faults) -> Flask:
    """Compose the application."""
    for name in ROUTE_MODULES:
        import_module(f"reviewer.demo.simulator.{name}_routes")
    web = Flask("github-simulator", static_folder=None)
    web.json.sort_keys = False  # type: ignore[attr-defined]
    for row in ROUTES:
        web.add_url_rule(
            row.rule,
            endpoint=f"{row.method} {row.rule}",
            view_func=_view(hub, faults, row),
            methods=[row.method],
            provide_automatic_options=False,
        )
    _add_git(web, hub, faults)
    _add_pages(web, hub)
    _add_sign_in(web, hub)
    web.wsgi_app = _Renames(web.wsgi_app, hub)  # type: ignore[method-assign] # Flask's own way to wrap it
    web.register_error_handler(HTTPException, _http_error)
    web.register_error_handler(GitHubError, _github_error)
    return web


class _Renames:
    """Redirect requests on a repository's former name to its address by id, as GitHub does, and serve that."""

    def __init__(self, inner: WSGIApplication, hub: Hub) -> None:
        self._inner = inner
        self._hub = hub

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"]
        if match := re.fullmatch(r"/repositories/(\d+)(/.*)?", path):
            found = self._hub.state.repository_by_id(int(match[1]))
            environ["PATH_INFO"] = f"/repos/{found.full_name if found else 'gone/gone'}{match[2] or ''}"
        elif match := re.fullmatch(r"/repos/([^/]+/[^/]+)(/.*)?", path):
            repo_id = self._hub.state.renamed.get(match[1])
            if repo_id is not None and match[1] not in self._hub.state.repositories:
                return self._redirect(environ, start_response, f"/repositories/{repo_id}{match[2] or ''}")
        return self._inner(environ, start_response)

    def _redirect(self, environ: WSGIEnvironment, start: StartResponse, path: str) -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        read = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        status = 301 if read else 307
        self._hub.state.seen.append(
            Seen(environ["REQUEST_METHOD"], environ["PATH_INFO"], status, time.monotonic(), "-")
        )
        query = environ.get("QUERY_STRING")
        location = f"{self._hub.url}{path}{'?' + query if query else ''}"
        words = "Moved Permanently" if read else "Temporary Redirect"
        body = json.dumps({"message": words, "url": location}).encode()
        headers = [("Location", location), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start(f"{status} {words}", headers)
        return [body]


def _github_error(error: GitHubError) -> Response:
    return _respond(Reply(error.document(), error.status, error.headers))


def _http_error(error: HTTPException) -> Response:
    return _github_error(not_found() if error.code == 404 else GitHubError(error.code or 500, error.name))


def _respond(reply: Reply) -> Response:
    response = Response(reply.payload(), reply.status, reply.headers, content_type=reply.media_type)
    for name, value in (
        ("X-GitHub-Request-Id", uuid.uuid4().hex[:16].upper()),
        ("X-GitHub-Media-Type", "github.v3; format=json"),
        ("X-RateLimit-Limit", "5000"),
        ("X-RateLimit-Remaining", "4999"),
        ("X-RateLimit-Used", "1"),
        ("X-RateLimit-Reset", str(int(time.time()) + 3600)),
        ("X-RateLimit-Resource", "core"),
    ):
        response.headers.setdefault(name, value)
    return response


def _view(hub: Hub, faults: Faults, row: Route) -> Any:
    def view(**params: Any) -> Response:
        fault = faults.take(request.method, request.path)
        actor = "-"
        reply: Reply | None = None
        if fault is None or fault.status is None or fault.after:
            try:
                reply, actor = _answer(hub, row, params)
            except GitHubError as error:
                reply = Reply(error.document(), error.status, error.headers)
        if fault is not None:
            reply = _faulty(fault, reply)
        assert reply is not None  # noqa: S101 - a fault with a status replaced it
        hub.state.seen.append(
            Seen(
                method=request.method,
                path=request.full_path.rstrip("?"),
                status=reply.status,
                at=time.monotonic(),
                actor=actor,
                body=request.get_data(cache=True)[:KEPT_BODY].decode("utf-8", "replace"),
                headers={name: value for name, value in request.headers.items() if name != "Authorization"},
            )
        )
        return _respond(reply)

    return view


def _faulty(fault: Fault, reply: Reply | None) -> Reply:
    if fault.delay:
        time.sleep(fault.delay)
    if fault.hook is not None:
        fault.hook()
    if fault.drop:
        raise Dropped
    if fault.status is None and reply is not None:
        return reply
    error = GitHubError(fault.status or 500, fault.message, headers=fault.headers)
    return Reply(error.document(), error.status, error.headers)


def _answer(hub: Hub, row: Route, params: dict[str, Any]) -> tuple[Reply, str]:
    call = Call(
        hub=hub,
        method=request.method,
        path=request.path,
        query=request.args.to_dict(),
        accept=request.headers.get("Accept", ""),
        raw=request.get_data(cache=True),
    )
    with hub.state.lock:
        actor = _authenticate(call, row)
        return row.handler(call, **params), actor


def _authenticate(call: Call, row: Route) -> str:
    """Fill in who calls, or refuse; returns a name for the request log."""
    if row.auth == "none":
        return "anonymous"
    value = auth.credentials(request.headers.get("Authorization", ""))
    if not value:
        raise GitHubError(401, "Requires authentication")
    if row.auth == "user":
        call.person = call.hub.state.user_tokens.get(value)
        if call.person is None:
            raise GitHubError(401, "Bad credentials")
        return f"user:{call.person.login}"
    signed = value.count(".") == 2
    if row.auth == "app" or (row.auth == "either" and signed):
        call.app = auth.check_jwt(value, call.hub.state)
        return f"app:{call.app.id}"
    if signed:
        # GitHub tells a JWT on an installation's route apart from an unknown token.
        auth.check_jwt(value, call.hub.state)
        raise GitHubError(403, "Resource not accessible by integration")
    call.token = auth.check_token(value, call.hub.state)
    auth.require(call.token, row.permissions)
    return f"installation:{call.token.installation.id}"


def _git_repository(hub: Hub, owner: str, name: str) -> Repository | None:
    """Return the repository that the request's credentials may read; None asks for (better) credentials."""
    found = hub.state.repositories.get(f"{owner}/{name}")
    value = auth.credentials(request.headers.get("Authorization", ""))
    if not value:
        return found if found is not None and not found.private else None
    try:
        token = auth.check_token(value, hub.state)
    except GitHubError:
        return None
    call = Call(hub, request.method, request.path, {}, "", b"", token=token)
    if not auth.allows(token.permissions, "contents:read") or found is None or not call.sees(found):
        raise not_found()
    return found


def _add_git(web: Flask, hub: Hub, faults: Faults) -> None:
    def served(owner: str, name: str, body: bytes | None) -> Response:
        fault = faults.take(request.method, request.path)
        if fault is not None and (fault.delay or fault.status or fault.drop):
            reply = _faulty(fault, Reply(status=200))
            if reply.status >= 400:
                return _respond(reply)
        repository = _git_repository(hub, owner, name)
        hub.state.seen.append(
            Seen(request.method, request.full_path, 200 if repository else 401, time.monotonic(), "git")
        )
        if repository is None:
            refused = {"WWW-Authenticate": 'Basic realm="GitHub"'}
            return Response("Repository not found.", 401, refused, content_type="text/plain")
        protocol = request.headers.get("Git-Protocol", "")
        headers = {"Cache-Control": "no-cache, max-age=0, must-revalidate"}
        chunks: bytes | Iterable[bytes]
        if body is None:
            kind, chunks = "advertisement", smart_http.advertisement(hub.git, repository.git_dir, protocol)
        else:
            encoding = request.headers.get("Content-Encoding", "")
            kind, chunks = (
                "result",
                smart_http.exchange(hub.git, repository.git_dir, body, encoding=encoding, protocol=protocol),
            )
        return Response(chunks, 200, headers, content_type=f"application/x-git-upload-pack-{kind}")

    @web.get("/<owner>/<name>.git/info/refs")
    def info_refs(owner: str, name: str) -> Response:
        if request.args.get("service") != smart_http.SERVICE:
            return Response("Only fetching over smart HTTP.", 403, content_type="text/plain")
        return served(owner, name, None)

    @web.post("/<owner>/<name>.git/git-upload-pack")
    def upload_pack(owner: str, name: str) -> Response:
        return served(owner, name, request.get_data())


def _add_pages(web: Flask, hub: Hub) -> None:
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

    def shown(text: str | None) -> Response:
        if text is None:
            raise not_found()
        return Response(text, headers={"Content-Security-Policy": policy}, content_type="text/html; charset=utf-8")

    def repository(owner: str, name: str) -> Repository:
        found = hub.state.repositories.get(f"{owner}/{name}")
        if found is None:
            raise not_found()
        return found

    @web.get("/")
    def home() -> Response:
        with hub.state.lock:
            return shown(page.render_home(hub))

    @web.get("/<owner>/<name>")
    def repository_page(owner: str, name: str) -> Response:
        with hub.state.lock:
            return shown(code_pages.render_repository(hub, repository(owner, name)))

    @web.get("/<owner>/<name>/pull/<int:number>")
    @web.get("/<owner>/<name>/pull/<int:number>/<any(commits, checks, files):tab>")
    def pull(owner: str, name: str, number: int, tab: str = "") -> Response:
        with hub.state.lock:
            item = hub.state.pulls.get((repository(owner, name).id, number))
            return shown(page.render(hub, item, tab) if item else None)

    @web.get("/<owner>/<name>/commit/<revision>")
    def commit_page(owner: str, name: str, revision: str) -> Response:
        with hub.state.lock:
            return shown(code_pages.render_commit(hub, repository(owner, name), revision))

    @web.get("/<owner>/<name>/blob/<revision>/<path:path>")
    def blob_page(owner: str, name: str, revision: str, path: str) -> Response:
        with hub.state.lock:
            return shown(code_pages.render_blob(hub, repository(owner, name), revision, path))

    @web.post("/settings/apps/new")
    @web.post("/organizations/<owner>/settings/apps/new")
    def manifest(owner: str = "octocat") -> Response:
        """Take an App manifest and send the browser back with a code, as after the user's confirmation."""
        try:
            document = json.loads(request.form["manifest"])
            target, _ = str(document["redirect_url"]), document["url"]
        except (KeyError, ValueError, TypeError):
            return Response("Invalid GitHub App configuration", 422, content_type="text/plain")
        code = secrets.token_hex(20)
        hub.state.manifests[code] = {**document, "__owner": owner}
        query = {"code": code, **({"state": request.args["state"]} if "state" in request.args else {})}
        location = f"{target}{'&' if '?' in target else '?'}{urlencode(query)}"
        return Response(
            f'<a href="{html.escape(location)}">continue</a>', 302, {"Location": location}, content_type="text/html"
        )


def _add_sign_in(web: Flask, hub: Hub) -> None:
    @web.get("/login/oauth/authorize")
    def authorize() -> Response:
        """Send the browser back with a code, as for a person who has authorised the App before."""
        state = hub.state
        app = next((each for each in state.apps.values() if each.client_id == request.args.get("client_id")), None)
        if app is None or not app.callback_url:
            raise not_found()
        code = secrets.token_hex(10)
        state.sign_ins[code] = (state.signed_in, request.args.get("code_challenge", ""))
        query = urlencode({"code": code, "state": request.args.get("state", "")})
        return Response("", 302, {"Location": f"{app.callback_url}?{query}"})

    @web.post("/login/oauth/access_token")
    def access_token() -> Response:
        """Exchange a code once; GitHub refuses with status 200 and an `error`."""
        state, form = hub.state, request.form
        client = (form.get("client_id"), form.get("client_secret"))
        known = any((app.client_id, app.client_secret) == client for app in state.apps.values())
        login, challenge = state.sign_ins.pop(form.get("code", ""), ("", "-")) if known else ("", "-")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        same = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
        if not known or not login or (challenge and not same):
            error = "bad_verification_code" if known else "incorrect_client_credentials"
            return _respond(Reply({"error": error, "error_description": "The code or the client is wrong."}))
        token = "ghu_" + secrets.token_hex(18)
        state.user_tokens[token] = state.user(login)
        return _respond(Reply({"access_token": token, "scope": "", "token_type": "bearer"}))
