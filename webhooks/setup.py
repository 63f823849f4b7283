"""Setup: make the GitHub App in a browser and keep what GitHub hands out once."""

from __future__ import annotations

import hmac
import html
import json
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from reviewer.errors import ConfigurationError, GitHubUnavailable
from reviewer.settings import Secret

TIMEOUT_SECONDS: Final = 15
# How often the terminal looks whether the browser has come back, in seconds.
WAKE_SECONDS: Final = 0.2
_CODE = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>kilo-review setup</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:4em auto;padding:0 1em}}
button{{font:inherit;padding:.5em 1em}}</style><h1>kilo-review</h1>{body}</html>"""
_FORM: Final = """<p>GitHub will show what the App may do and ask you to confirm. Deliveries will go to
<code>{hook}</code>.</p><form action="{action}" method="post">
<input type="hidden" name="manifest" value="{manifest}">
<button type="submit">Create the App on GitHub</button></form>"""


@dataclass(frozen=True, slots=True)
class NewApp:
    """What GitHub hands out for a manifest's code, once."""

    id: int
    slug: str
    html_url: str
    private_key: Secret = field(repr=False)
    webhook_secret: Secret = field(repr=False)


def convert(api_url: str, code: str) -> NewApp:
    """Exchange the code of GitHub's redirect for the App; GitHubUnavailable where GitHub does not answer."""
    from reviewer.github.connection import judged_session  # noqa: PLC0415 - 0.4 s of import: not for `--help`

    try:
        with judged_session() as session:
            response = session.post(
                f"{api_url}/app-manifests/{code}/conversions",
                headers={"Accept": "application/vnd.github+json", "User-Agent": "kilo-review"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        if response.status_code >= 400:
            raise ConfigurationError(
                f"GitHub did not accept the code ({response.status_code})",
                remedy="Codes are good for an hour and for once: run `kilo-review setup` again.",
            )
        row = response.json()
        return NewApp(
            id=int(row["id"]),
            slug=str(row["slug"]),
            html_url=str(row["html_url"]),
            private_key=Secret(row["pem"]),
            webhook_secret=Secret(row["webhook_secret"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GitHubUnavailable(f"no usable answer from {api_url} ({type(error).__name__})") from None


def write_settings(app: NewApp, path: Path) -> None:
    """Write the App's settings as an environment file that only its owner may read; never over an old one."""
    one_line = app.private_key.reveal().strip().replace("\n", "\\n")
    text = (
        f"GITHUB_APP_ID={app.id}\n"
        f'GITHUB_PRIVATE_KEY="{one_line}"\n'
        f'GITHUB_WEBHOOK_SECRET="{app.webhook_secret.reveal()}"\n'
    )
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigurationError(f"{path} exists", remedy="Move it away, or name another with --output.") from None
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {path}: {error.strerror}", remedy="Name another with --output."
        ) from None


class SetupServer:
    """A page on loopback that sends the browser to GitHub and takes it back, once."""

    def __init__(self, *, port: int, action: str, state: str, finish: Callable[[str], NewApp]) -> None:
        self.app: NewApp | None = None
        self.error: Exception | None = None
        self._state = state
        self._finish = finish
        self._action = f"{action}?state={state}"
        # Threads: browsers open connections ahead of time and send nothing on them.
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._server.timeout = WAKE_SECONDS
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.manifest: Mapping[str, object] = {}

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def run(self) -> NewApp:
        """Serve until GitHub has sent the browser back; return the App or raise why there is none."""
        try:
            while not self._ended.is_set():
                self._server.handle_request()
        finally:
            self.close()
        if self.error is not None:
            raise self.error
        assert self.app is not None  # noqa: S101 - the loop ends with one of the two
        return self.app

    def close(self) -> None:
        """Stop listening."""
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            timeout = TIMEOUT_SECONDS

            def do_GET(self) -> None:
                status, body = server.answer(self.path)
                try:
                    self._send(status, body)
                finally:
                    # Only now: the process ends with it, and the browser is to see the last page.
                    server.end_if_decided()

            def _send(self, status: int, body: str) -> None:
                page = _PAGE.format(body=body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Log nothing: the address holds the code."""

        return Handler

    def end_if_decided(self) -> None:
        """End `run()` where GitHub has handed out the App, or has refused to."""
        if self.app is not None or self.error is not None:
            self._ended.set()

    def answer(self, path: str) -> tuple[int, str]:
        """Return status and HTML for a request to the page."""
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/":
            hook = self.manifest.get("hook_attributes")
            return 200, _FORM.format(
                hook=html.escape(str(hook["url"] if isinstance(hook, dict) else "")),
                action=html.escape(self._action),
                manifest=html.escape(json.dumps(self.manifest)),
            )
        if parts.path != "/created":
            return 404, "<p>Nothing here.</p>"
        # Without this check another site could send the browser here with the code of an App of its own.
        same = hmac.compare_digest(query.get("state", "").encode(), self._state.encode())
        if not same or not _CODE.fullmatch(query.get("code", "")):
            return 400, "<p>This is not the answer to the request that was made here. Start again.</p>"
        with self._lock:
            # A code is good for one App: a page that is loaded twice gets the same answer.
            if self.app is None and self.error is None:
                try:
                    self.app = self._finish(query["code"])
                except (ConfigurationError, GitHubUnavailable) as error:
                    self.error = error
        if self.app is None:
            return 502, "<p>GitHub did not hand out the App. The terminal says why.</p>"
        install = html.escape(f"{self.app.html_url}/installations/new", quote=True)
        return 200, f'<p>The App is made. <a href="{install}">Install it</a>, then go on in the terminal.</p>'
