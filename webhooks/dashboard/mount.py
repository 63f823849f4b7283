"""Mount the dashboard on the application. Whatever is not PUBLIC needs a session: a new route is closed by itself."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, g, redirect, request
from jinja2 import Environment

from reviewer.errors import ConfigurationError, KiloReviewError
from reviewer.github.user_access import MAX_PAGES, PAGE_ROWS, SignIn, UserAccess
from reviewer.ledger.books.export import csv_lines, json_lines
from reviewer.ledger.books.visible import Visible
from reviewer.ledger.database import Database
from reviewer.settings import Secret
from webhooks.api.endpoints import ENDPOINTS, Asked
from webhooks.dashboard.page import NAVIGATION, PAGES, PREFIX, Page
from webhooks.dashboard.session import SESSION_SECONDS, SIGN_IN_SECONDS, Attempt, Cookies, Session

# How long an answer of GitHub about what a person may see is believed.
ACCESS_SECONDS: Final = 60
# People whose answer is kept at a time; the oldest goes.
CUT: Final = f"GitHub lists more repositories than the {MAX_PAGES * PAGE_ROWS} of a list that are read; the rest is not shown."
MOST_PEOPLE: Final = 1000
PUBLIC: Final = frozenset({"sign_in_page", "start", "callback", "style"})
THEMES: Final = ("system", "light", "dark")
SESSION: Final = "kilo_review_session"
ATTEMPT: Final = "kilo_review_sign_in"
THEME: Final = "kilo_review_theme"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class _Access:
    """What people may see, asked from GitHub and kept ACCESS_SECONDS."""

    def __init__(self, sign_in: SignIn, now: Callable[[], datetime]) -> None:
        self._sign_in, self._now = sign_in, now
        self._kept: dict[str, tuple[datetime, UserAccess]] = {}
        self._lock = threading.Lock()

    def of(self, token: str) -> UserAccess:
        key = hashlib.sha256(token.encode()).hexdigest()
        with self._lock:
            kept = self._kept.get(key)
        if kept and self._now() - kept[0] < timedelta(seconds=ACCESS_SECONDS):
            return kept[1]
        found = self._sign_in.access(Secret(token))
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (self._now(), found)
            while len(self._kept) > MOST_PEOPLE:
                del self._kept[next(iter(self._kept))]
        return found


def mount_dashboard(app: Flask, db: Database, sign_in: SignIn, now: Callable[[], datetime]) -> None:
    """Add /dashboard to the application."""
    cookies = Cookies(sign_in.client_secret)
    access = _Access(sign_in, now)
    template = Environment(autoescape=True).from_string(_text("page.html"))
    pages = Blueprint("dashboard", __name__, url_prefix=PREFIX)

    def render(page: Page, status: int = 200) -> Response:
        theme = request.cookies.get(THEME, "")
        text = template.render(
            **{name: getattr(page, name) for name in Page.__dataclass_fields__},
            session=g.get("session"),
            pages=NAVIGATION,
            theme=theme if theme in THEMES else THEMES[0],
        )
        return Response(text, status, content_type="text/html; charset=utf-8")

    def keep(response: Response, name: str, value: str, seconds: int) -> Response:
        host = request.host.rpartition(":")[0] if request.host[-1:] != "]" and ":" in request.host else request.host
        secure = request.is_secure or host not in _LOOPBACK
        response.set_cookie(name, value, max_age=seconds, path=PREFIX, httponly=True, samesite="Lax", secure=secure)
        return response

    @pages.before_request
    def closed() -> Any:
        g.session = cookies.session(request.cookies.get(SESSION, ""), now())
        if (request.endpoint or "").rpartition(".")[2] in PUBLIC:
            return None
        if g.session is None:
            return redirect(f"{PREFIX}/sign-in")
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            given = request.form.get("csrf", "").encode()
            if not hmac.compare_digest(given, g.session.csrf.encode()):
                return render(
                    Page("Refused", notes=("The form is not from this session. Load the page again.",)), 403
                )
        return None

    @pages.after_request
    def hardened(response: Response) -> Response:
        response.headers.update(_HEADERS)
        return response

    @pages.errorhandler(KiloReviewError)
    def explained(error: KiloReviewError) -> Response:
        status = 400 if isinstance(error, ConfigurationError) else 502
        links = (("Sign in again", f"{PREFIX}/sign-in"),)
        return render(Page("This did not work", notes=(str(error),), links=links), status)

    @pages.get("/sign-in")
    def sign_in_page() -> Response:
        notes = ("You see the reviews of repositories that GitHub lets you read.",)
        return render(Page("Sign in", notes=notes, links=(("Sign in with GitHub", f"{PREFIX}/start"),)))

    @pages.get("/start")
    def start() -> Any:
        attempt = Attempt.new()
        query = {
            "client_id": sign_in.client_id,
            "state": attempt.state,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        response: Any = redirect(f"{sign_in.web_url}/login/oauth/authorize?{urlencode(query)}")
        return keep(response, ATTEMPT, cookies.seal(attempt, now()), SIGN_IN_SECONDS)

    @pages.get("/callback")
    def callback() -> Any:
        attempt = cookies.attempt(request.cookies.get(ATTEMPT, ""), now())
        state = request.args.get("state", "").encode()
        if attempt is None or not hmac.compare_digest(state, attempt.state.encode()):
            raise ConfigurationError("this is not the answer to a sign-in of this browser", remedy="Sign in again.")
        token = sign_in.exchange(request.args.get("code", ""), attempt.verifier)
        session = Session(sign_in.login(token), token.reveal(), Attempt.new().state)
        response: Any = redirect(f"{PREFIX}/")
        keep(response, SESSION, cookies.seal(session, now()), SESSION_SECONDS)
        return keep(response, ATTEMPT, "", 0)

    @pages.get("/style.css")
    def style() -> Response:
        return Response(_text("style.css"), content_type="text/css; charset=utf-8")

    @pages.post("/sign-out")
    def sign_out() -> Any:
        response: Any = redirect(f"{PREFIX}/sign-in")
        return keep(response, SESSION, "", 0)

    @pages.post("/theme")
    def theme() -> Any:
        chosen = request.form.get("theme", "")
        response: Any = redirect(f"{PREFIX}/")
        return keep(response, THEME, chosen if chosen in THEMES else THEMES[0], 365 * 86400)

    def asked(path: dict[str, str]) -> tuple[Asked, bool]:
        seen = access.of(g.session.token)
        given = {name: value for name, value in request.args.items() if value}
        # Repositories, never installations: who may read one repository of an organisation need not read the rest.
        return Asked(db, Visible(repositories=seen.repositories), now(), {**given, **path}), seen.cut

    def page_view(make: Callable[[Asked], Page | None]) -> Callable[..., Response]:
        def view(**path: str) -> Response:
            it, cut = asked(path)
            page = make(it)
            if page is None:
                return render(Page("Not found", notes=("There is nothing of that name that you may see.",)), 404)
            return render(replace(page, notes=(*page.notes, CUT)) if cut else page)

        return view

    for rule, make in PAGES.items():
        pages.add_url_rule(rule, f"page{rule.replace('/', '_')}", page_view(make))

    @pages.get("/export/<name>.<any(csv, json):form>")
    def export(name: str, form: str) -> Response:
        endpoint = next((each for each in ENDPOINTS if each.path == f"/{name}" and each.rows is not None), None)
        if endpoint is None or endpoint.rows is None:
            return render(Page("Not found", notes=("There is no such export.",)), 404)
        it, _cut = asked({})
        # What cannot be used is found here, before the answer begins.
        _ = it.window, it.wanted
        rows = endpoint.rows(it)
        lines = csv_lines(rows) if form == "csv" else json_lines(rows)
        kind = "text/csv; charset=utf-8" if form == "csv" else "application/json"
        response = Response((line.encode("utf-8", "replace") for line in lines), content_type=kind)
        response.headers["Content-Disposition"] = f'attachment; filename="{endpoint.path[1:]}.{form}"'
        return response

    app.register_blueprint(pages)


def _text(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")
