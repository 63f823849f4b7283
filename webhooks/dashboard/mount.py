"""Mount the dashboard. Whatever is not PUBLIC needs a session: a new route is closed by itself."""

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
CUT: Final = f"Only the first {MAX_PAGES * PAGE_ROWS} entries of each of GitHub's lists are read; there are more."
# People whose answer is kept at a time; the oldest goes.
MOST_PEOPLE: Final = 1000
PUBLIC: Final = frozenset({"sign_in_page", "start", "callback", "style", "icon"})
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


class _Dashboard:
    """The views."""

    def __init__(self, db: Database, sign_in: SignIn, now: Callable[[], datetime]) -> None:
        self._db, self._sign_in, self._now = db, sign_in, now
        self._cookies = Cookies(sign_in.client_secret)
        self._access = _Access(sign_in, now)
        self._template = Environment(autoescape=True).from_string(_text("page.html"))

    def _render(self, page: Page, status: int = 200) -> Response:
        theme = request.cookies.get(THEME, "")
        text = self._template.render(
            **{name: getattr(page, name) for name in Page.__dataclass_fields__},
            session=g.get("session"),
            pages=NAVIGATION,
            theme=theme if theme in THEMES else THEMES[0],
        )
        return Response(text, status, content_type="text/html; charset=utf-8")

    def _keep(self, response: Response, name: str, value: str, seconds: int) -> Response:
        host = request.host.rpartition(":")[0] if request.host[-1:] != "]" and ":" in request.host else request.host
        secure = request.is_secure or host not in _LOOPBACK
        response.set_cookie(name, value, max_age=seconds, path=PREFIX, httponly=True, samesite="Lax", secure=secure)
        return response

    def closed(self) -> Any:
        """Refuse whoever has no session, and forms that are not of the session."""
        g.session = self._cookies.session(request.cookies.get(SESSION, ""), self._now())
        if (request.endpoint or "").rpartition(".")[2] in PUBLIC:
            return None
        if g.session is None:
            return redirect(f"{PREFIX}/sign-in")
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            given = request.form.get("csrf", "").encode()
            if not hmac.compare_digest(given, g.session.csrf.encode()):
                return self._render(
                    Page("Refused", notes=("The form is not from this session. Load the page again.",)), 403
                )
        return None

    def hardened(self, response: Response) -> Response:
        """Add the headers that close the page to others."""
        response.headers.update(_HEADERS)
        return response

    def explained(self, error: KiloReviewError) -> Response:
        """Answer an error of ours in words."""
        status = 400 if isinstance(error, ConfigurationError) else 502
        links = (("Sign in again", f"{PREFIX}/sign-in"),)
        return self._render(Page("This did not work", notes=(str(error),), links=links), status)

    def sign_in_page(self) -> Response:
        """Show where to sign in."""
        notes = ("You see the reviews of repositories that GitHub lets you read.",)
        return self._render(Page("Sign in", notes=notes, links=(("Sign in with GitHub", f"{PREFIX}/start"),)))

    def start(self) -> Any:
        """Send the browser to GitHub."""
        attempt = Attempt.new()
        query = {
            "client_id": self._sign_in.client_id,
            "state": attempt.state,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        response: Any = redirect(f"{self._sign_in.web_url}/login/oauth/authorize?{urlencode(query)}")
        return self._keep(response, ATTEMPT, self._cookies.seal(attempt, self._now()), SIGN_IN_SECONDS)

    def callback(self) -> Any:
        """Take the browser back from GitHub."""
        attempt = self._cookies.attempt(request.cookies.get(ATTEMPT, ""), self._now())
        state = request.args.get("state", "").encode()
        if attempt is None or not hmac.compare_digest(state, attempt.state.encode()):
            raise ConfigurationError("this is not the answer to a sign-in of this browser", remedy="Sign in again.")
        token = self._sign_in.exchange(request.args.get("code", ""), attempt.verifier)
        session = Session(self._sign_in.login(token), token.reveal(), Attempt.new().state)
        response: Any = redirect(f"{PREFIX}/")
        self._keep(response, SESSION, self._cookies.seal(session, self._now()), SESSION_SECONDS)
        return self._keep(response, ATTEMPT, "", 0)

    def style(self) -> Response:
        """Answer the style sheet."""
        return Response(_text("style.css"), content_type="text/css; charset=utf-8")

    def icon(self) -> Response:
        """Answer the picture of a browser's tab."""
        return Response(_text("icon.svg"), content_type="image/svg+xml")

    def sign_out(self) -> Any:
        """End the session in this browser."""
        response: Any = redirect(f"{PREFIX}/sign-in")
        return self._keep(response, SESSION, "", 0)

    def theme(self) -> Any:
        """Keep the colours that were chosen."""
        chosen = request.form.get("theme", "")
        response: Any = redirect(f"{PREFIX}/")
        return self._keep(response, THEME, chosen if chosen in THEMES else THEMES[0], 365 * 86400)

    def _asked(self, path: dict[str, str]) -> tuple[Asked, bool]:
        seen = self._access.of(g.session.token)
        given = {name: value for name, value in request.args.items() if value}
        # Repositories, never installations: who may read one repository of an organisation need not read the rest.
        return Asked(self._db, Visible(repositories=seen.repositories), self._now(), {**given, **path}), seen.cut

    def page_view(self, make: Callable[[Asked], Page | None]) -> Callable[..., Response]:
        """Return the view of a page."""

        def view(**path: str) -> Response:
            it, cut = self._asked(path)
            page = make(it)
            if page is None:
                return self._render(
                    Page("Not found", notes=("There is nothing of that name that you may see.",)), 404
                )
            return self._render(replace(page, notes=(*page.notes, CUT)) if cut else page)

        return view

    def export(self, name: str, form: str) -> Response:
        """Answer every row of a list as a file."""
        endpoint = next((each for each in ENDPOINTS if each.path == f"/{name}" and each.rows is not None), None)
        if endpoint is None or endpoint.rows is None:
            return self._render(Page("Not found", notes=("There is no such export.",)), 404)
        it, _cut = self._asked({})
        # What cannot be used is found here, before the answer begins.
        _ = it.window, it.wanted
        rows = endpoint.rows(it)
        lines = csv_lines(rows) if form == "csv" else json_lines(rows)
        kind = "text/csv; charset=utf-8" if form == "csv" else "application/json"
        response = Response((line.encode("utf-8", "replace") for line in lines), content_type=kind)
        response.headers["Content-Disposition"] = f'attachment; filename="{endpoint.path[1:]}.{form}"'
        return response


def mount_dashboard(app: Flask, db: Database, sign_in: SignIn, now: Callable[[], datetime]) -> None:
    """Add /dashboard to the application."""
    views = _Dashboard(db, sign_in, now)
    pages = Blueprint("dashboard", __name__, url_prefix=PREFIX)
    pages.before_request(views.closed)
    pages.after_request(views.hardened)
    pages.register_error_handler(KiloReviewError, views.explained)
    pages.add_url_rule("/sign-in", "sign_in_page", views.sign_in_page)
    pages.add_url_rule("/start", "start", views.start)
    pages.add_url_rule("/callback", "callback", views.callback)
    pages.add_url_rule("/style.css", "style", views.style)
    pages.add_url_rule("/icon.svg", "icon", views.icon)
    pages.add_url_rule("/sign-out", "sign_out", views.sign_out, methods=["POST"])
    pages.add_url_rule("/theme", "theme", views.theme, methods=["POST"])
    pages.add_url_rule("/export/<name>.<any(csv, json):form>", "export", views.export)
    for rule, make in PAGES.items():
        pages.add_url_rule(rule, f"page{rule.replace('/', '_')}", views.page_view(make))
    app.register_blueprint(pages)


def _text(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")
