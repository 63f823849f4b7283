"""The dashboard against a GitHub on loopback: sign-in, who sees what, and hostile text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient

from reviewer.demo.simulator.server import GitHubSimulator
from reviewer.github.user_access import SignIn
from reviewer.ledger.keys import ReviewKey
from reviewer.ledger.ledger import Ledger
from reviewer.settings import Secret
from webhooks.dashboard.chart import bars
from webhooks.dashboard.mount import ACCESS_SECONDS, PUBLIC, SESSION, mount_dashboard
from webhooks.dashboard.session import SESSION_SECONDS, SIGN_IN_SECONDS, Attempt, Cookies, Session

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


class World:
    def __init__(self, github: GitHubSimulator, ledger: Ledger) -> None:
        self.github, self.now = github, NOW
        github.app.callback_url = "http://localhost/dashboard/callback"
        self.app = Flask("dashboard", static_folder=None)
        sign_in = SignIn(github.url, github.app.client_id, Secret(github.app.client_secret))
        mount_dashboard(self.app, ledger.db, sign_in, lambda: self.now)

    def signed_in(self, login: str) -> FlaskClient:
        client = self.app.test_client()
        answer = client.get(self.callback(client, login))
        assert (answer.status_code, answer.location) == (302, "/dashboard/"), answer.text
        return client

    def callback(self, client: FlaskClient, login: str) -> str:
        """Go to GitHub as this person, and return where GitHub sends the browser."""
        self.github.state.signed_in = login
        sent = client.get("/dashboard/start").location
        back = urlsplit(httpx.get(sent, follow_redirects=False).headers["Location"])
        return f"{back.path}?{back.query}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("dashboard")
    ledger = Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}")
    ledger.migrate()
    with GitHubSimulator(folder / "github") as github:
        for owner, people in (("acme", {"ann": "read"}), ("other", {"bob": "admin"})):
            for name in ("app", "hidden"):
                made = github.create_repository(
                    f"{owner}/{name}", private=True, collaborators=people if name == "app" else {}
                )
                installation = github.install(owner) if name == "app" else github.state.installation_of(made)
                assert installation is not None
                key = ReviewKey(installation.id, made.id, 1, "a" * 40)
                payload = {"repository": f"{owner}/{name}{HOSTILE}"}
                ledger.requests.accept(key, actor=f"{owner}-{name}{HOSTILE}", payload=payload, now=NOW)
        yield World(github, ledger)
    ledger.close()


def paths(world: World) -> list[tuple[str, str, str]]:
    """Return endpoint, method and address of every route, with the id of a review that exists."""
    return [
        (
            rule.endpoint.rpartition(".")[2],
            "POST" if "POST" in (rule.methods or ()) else "GET",
            rule.rule.replace("<id>", "1").replace("<name>.<any(csv, json):form>", "reviews.csv"),
        )
        for rule in world.app.url_map.iter_rules()
    ]


def test_every_route_but_the_public_ones_needs_a_session(world: World) -> None:
    assert len(paths(world)) >= 14
    assert not [path for _, _, path in paths(world) if "<" in path]
    for endpoint, method, path in paths(world):
        answer = world.app.test_client().open(path, method=method)
        closed = answer.status_code == 302 and answer.location == "/dashboard/sign-in"
        assert closed is (endpoint not in PUBLIC), path


def test_nobody_sees_another_repository_of_the_same_or_another_installation(world: World) -> None:
    for login, own, foreign in (("ann", "acme", "other"), ("bob", "other", "acme")):
        client = world.signed_in(login)
        for _, method, path in paths(world):
            text = client.get(path).text if method == "GET" and "callback" not in path else ""
            assert f"{foreign}/" not in text, path
            assert "/hidden" not in text, path
        assert f"{own}/app" in client.get("/dashboard/reviews").text
        assert f"{own}/app" in client.get("/dashboard/export/reviews.json").text
    shown = [world.signed_in("ann").get(f"/dashboard/reviews/{number}").status_code for number in (1, 2, 3, 4)]
    assert shown == [200, 404, 404, 404]


def test_hostile_text_is_shown_as_text(world: World) -> None:
    client = world.signed_in("ann")
    for path in ("/dashboard/reviews", "/dashboard/reviews/1", "/dashboard/deliveries"):
        text = client.get(path).text
        assert "&lt;script&gt;" in text, path
        assert "<script" not in text, path
        assert "<img" not in text, path
        assert "{{7*7}}" in text, path
    text = client.get("/dashboard/reviews", query_string={"text": HOSTILE}).text
    assert "<script" not in text
    assert "<script" not in bars(HOSTILE, [(HOSTILE, Decimal(1))])


def test_a_post_without_the_sessions_own_csrf_value_changes_nothing(world: World) -> None:
    client = world.signed_in("ann")
    text = client.get("/dashboard/").text
    csrf = text.partition('name="csrf" value="')[2].partition('"')[0]
    for path in (path for _, method, path in paths(world) if method == "POST"):
        assert client.post(path).status_code == 403
        assert client.post(path, data={"csrf": "x"}).status_code == 403
    client.post("/dashboard/theme", data={"csrf": csrf, "theme": "dark"})
    assert 'data-theme="dark"' in client.get("/dashboard/").text
    client.post("/dashboard/sign-out", data={"csrf": csrf})
    assert client.get("/dashboard/").status_code == 302


def test_an_answer_with_another_state_or_a_used_code_signs_nobody_in(world: World) -> None:
    client = world.app.test_client()
    back = world.callback(client, "ann")
    assert world.app.test_client().get(back).status_code == 400
    code = parse_qs(urlsplit(back).query)["code"][0]
    assert client.get(f"/dashboard/callback?code={code}&state=x").status_code == 400
    assert client.get(back).status_code == 302
    replay = world.app.test_client()
    other = parse_qs(urlsplit(world.callback(replay, "ann")).query)["state"][0]
    assert replay.get(f"/dashboard/callback?code={code}&state={other}").status_code == 400


def test_github_refuses_a_code_without_its_verifier(world: World) -> None:
    world.github.state.sign_ins["c"] = ("ann", Attempt.new().challenge)
    app = world.github.app
    form = {"client_id": app.client_id, "client_secret": app.client_secret, "code": "c", "code_verifier": "x"}
    answer = httpx.post(f"{world.github.url}/login/oauth/access_token", data=form)
    assert answer.json()["error"] == "bad_verification_code"


def test_the_cookie_is_closed_to_scripts_and_shows_no_token(world: World) -> None:
    client = world.app.test_client()
    for base, secure in (("http://localhost", False), ("http://reviews.example", True)):
        cookies = client.get("/dashboard/start", base_url=base).headers.getlist("Set-Cookie")
        assert all("HttpOnly" in each and "SameSite=Lax" in each for each in cookies)
        assert ["Secure" in each for each in cookies] == [secure]
    cookie = world.signed_in("ann").get_cookie(SESSION, path="/dashboard")
    assert cookie is not None
    assert "ghu_" not in cookie.value


def test_a_session_ends_and_a_sign_in_is_no_session() -> None:
    cookies = Cookies(Secret("s" * 20))
    session, attempt = Session("ann", "t", "c"), Attempt.new()
    sealed = cookies.seal(session, NOW)
    assert cookies.session(sealed, NOW) == session
    assert cookies.session(sealed, NOW + timedelta(seconds=SESSION_SECONDS + 1)) is None
    assert Cookies(Secret("z" * 20)).session(sealed, NOW) is None
    assert cookies.session(cookies.seal(attempt, NOW), NOW) is None
    assert cookies.attempt(sealed, NOW) is None
    assert cookies.attempt(cookies.seal(attempt, NOW), NOW + timedelta(seconds=SIGN_IN_SECONDS + 1)) is None


def test_whoever_loses_a_repository_on_github_loses_it_here(world: World) -> None:
    client = world.signed_in("ann")
    assert "acme/app" in client.get("/dashboard/reviews").text
    people = world.github.repository("acme/app").collaborators
    role = people.pop("ann")
    try:
        world.now += timedelta(seconds=ACCESS_SECONDS + 1)
        assert "acme/app" not in client.get("/dashboard/reviews").text
    finally:
        people["ann"] = role
        world.now += timedelta(seconds=ACCESS_SECONDS + 1)


def test_every_answer_forbids_scripts_and_frames(world: World) -> None:
    client = world.signed_in("ann")
    for _, method, path in paths(world):
        headers = client.open(path, method=method).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"], path
        assert "script-src" not in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"


def test_a_value_that_cannot_be_used_is_explained(world: World) -> None:
    client = world.signed_in("ann")
    for query in ("number=x", "since=never", "after=-1", "min_cost=much"):
        assert client.get(f"/dashboard/reviews?{query}").status_code == 400
    assert client.get("/dashboard/spend?by=x").status_code == 400
    assert client.get("/dashboard/reviews?number=&since=").status_code == 200
