"""Making the App from its manifest, with a browser's requests against the simulated GitHub."""

from __future__ import annotations

import html
import http.client
import re
import shlex
import socket
import stat
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewer.demo.simulator.server import GitHubSimulator
from reviewer.errors import ConfigurationError, GitHubUnavailable
from reviewer.settings import Secret, Settings
from tests.shared import ROOT
from webhooks.manifest import manifest, pages_url
from webhooks.setup import NewApp, SetupServer, convert, write_settings

SETUP = """
import argparse, sys
from webhooks.setup_command import add_arguments, main
parser = argparse.ArgumentParser()
add_arguments(parser)
sys.exit(main(parser.parse_args()))
"""


def request(url: str, method: str = "GET", body: str = "") -> tuple[int, str, str]:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection.request(method, f"{parts.path or '/'}?{parts.query}", body or None, headers)
        response = connection.getresponse()
        return response.status, response.getheader("Location", ""), response.read().decode()
    finally:
        connection.close()


def test_the_whole_way_through_the_browser(tmp_path: Path, github: GitHubSimulator):
    output = tmp_path / "app.env"
    with subprocess.Popen(
        [sys.executable, "-c", SETUP, "--url", "https://review.example/", "--output", str(output)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GITHUB_API_URL": github.url},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        page_url = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert page_url is not None
        _, _, page = request(page_url[0])
        action = html.unescape(re.findall(r'action="([^"]+)"', page)[0])
        wanted = html.unescape(re.findall(r'value="([^"]+)"', page)[0])
        status, back, _ = request(action, "POST", urllib.parse.urlencode({"manifest": wanted}))
        assert status in (302, 303)
        assert request(back)[0] == 200
        rest = process.stderr.read()
        assert process.wait(20) == 0
    assert "installations/new" in rest

    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    environ = dict(line.split("=", 1) for line in shlex.split(output.read_text()))
    settings = Settings.from_environ({**environ, "KILO_REVIEW_STATE_DIR": str(tmp_path)})
    settings.require_github_app()
    made = next(app for app in github.state.apps.values() if str(app.id) == settings.github_app_id)
    assert settings.github_private_key.reveal().strip() == made.private_key.strip()
    assert settings.webhook_secrets[0].reveal() == made.webhook_secret
    assert made.webhook_url == "https://review.example/webhooks/github"
    # What is made is what the code needs, and none of it was printed.
    assert made.permissions == manifest(name="", public_url="", redirect_url="")["default_permissions"]
    assert made.webhook_secret not in rest
    assert "PRIVATE KEY" not in rest


@pytest.fixture
def server() -> Iterator[SetupServer]:
    def finish(code: str) -> NewApp:
        raise ConfigurationError(f"no {code}")

    server = SetupServer(port=0, action="https://github.com/settings/apps/new", state="the-state", finish=finish)
    yield server
    server.close()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/favicon.ico", 404),
        ("/created", 400),
        ("/created?code=abc", 400),
        ("/created?code=abc&state=other", 400),
        ("/created?code=abc&state=\u00e9", 400),
        ("/created?state=the-state", 400),
        ("/created?code=../../x&state=the-state", 400),
    ],
)
def test_only_the_answer_to_our_own_request_is_taken(server: SetupServer, path: str, status: int):
    assert server.answer(path)[0] == status
    assert server.app is None
    assert server.error is None


def test_a_code_that_github_refuses_ends_with_the_remedy(server: SetupServer):
    thread = threading.Thread(target=lambda: request(f"{server.url}/created?code=abc&state=the-state"))
    thread.start()
    with pytest.raises(ConfigurationError, match="no abc"):
        server.run()
    thread.join()


def test_a_connection_that_the_browser_opens_ahead_of_time_does_not_hold_the_page_up(tmp_path: Path):
    app = NewApp(1, "kilo", "https://github.com/apps/kilo", Secret("k"), Secret("w"))
    server = SetupServer(port=0, action="https://github.com/x", state="the-state", finish=lambda _code: app)
    found: list[NewApp] = []
    thread = threading.Thread(target=lambda: found.append(server.run()))
    thread.start()
    parts = urllib.parse.urlsplit(server.url)
    with (
        socket.create_connection((parts.hostname, parts.port)) as idle,
        socket.create_connection((parts.hostname, parts.port)) as half,
    ):
        half.sendall(b"GET / HT")
        status, _, page = request(f"{server.url}/created?code=abc&state=the-state")
        thread.join(20)
        assert idle.fileno() >= 0
    assert (status, found) == (200, [app])
    assert "Install it" in page


def test_a_page_that_is_loaded_twice_asks_github_once():
    asked: list[str] = []

    def finish(code: str) -> NewApp:
        asked.append(code)
        return NewApp(1, "kilo", "https://github.com/apps/kilo", Secret("k"), Secret("w"))

    server = SetupServer(port=0, action="https://github.com/x", state="the-state", finish=finish)
    answers = {server.answer("/created?code=abc&state=the-state") for _ in range(3)}
    server.close()
    assert len(answers) == 1
    assert asked == ["abc"]


def test_a_github_that_is_not_there_is_named(github: GitHubSimulator):
    with pytest.raises(GitHubUnavailable, match=r"127\.0\.0\.1:9"):
        convert("http://127.0.0.1:9", "abc")
    with pytest.raises(ConfigurationError, match="kilo-review setup"):
        convert(github.url, "abc")


def test_settings_are_never_written_over(tmp_path: Path):
    path = tmp_path / "app.env"
    path.write_text("mine")
    with pytest.raises(ConfigurationError, match="--output"):
        write_settings(NewApp(1, "s", "u", Secret("k"), Secret("w")), path)
    assert path.read_text() == "mine"


def test_the_pages_of_an_enterprise_server_are_on_its_own_host():
    assert pages_url("https://api.github.com") == "https://github.com"
    assert pages_url("https://git.example/api/v3") == "https://git.example"


def test_the_page_escapes_what_it_shows(server: SetupServer):
    server.manifest = manifest(name='"><script>', public_url='https://x/"><script>', redirect_url="r")
    assert "<script>" not in server.answer("/")[1]
