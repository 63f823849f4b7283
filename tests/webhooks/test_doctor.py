"""`kilo-review doctor` on a set-up that works, and on ones that are broken in one place each."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reviewer.demo.simulator.server import GitHubSimulator
from reviewer.queue.embedded import EmbeddedRedis
from tests.simulators.provider import KEY, ProviderSimulator
from tests.webhooks.conftest import free_port, start_web
from webhooks.manifest import PERMISSIONS
from webhooks.triggers import EVENTS


class Clock:
    ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class SetUp:
    """A service of which everything works: an App on a simulated GitHub, its web process, a Redis, a model."""

    def __init__(self, state: Path, github: GitHubSimulator, environ: dict[str, str], clock: Clock) -> None:
        self.state = state
        self.github = github
        self.environ = environ
        self.clock = clock

    def doctor(self, **changes: str) -> tuple[int, dict[tuple[str, str], tuple[str, str]], str]:
        """Run the command; return its status, (part, state) -> (detail, remedy), and all that it printed."""
        environ = {name: value for name, value in {**self.environ, **changes}.items() if value}
        command = [sys.executable, "-m", "kilo_review", "doctor", "--format", "json"]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=90, check=False)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert "Traceback" not in done.stderr, done.stderr
        found = {(row["part"], row["state"]): (row["detail"], row["remedy"]) for row in rows}
        return done.returncode, found, done.stdout + done.stderr


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory, redis_server: EmbeddedRedis) -> Iterator[SetUp]:
    state = tmp_path_factory.mktemp("doctor")
    clock = Clock()
    with (
        GitHubSimulator(tmp_path_factory.mktemp("github-of-doctor"), now=clock) as github,
        ProviderSimulator("openai") as provider,
    ):
        github.create_repository("octo/shop")
        github.install("octo")
        github.app.permissions, github.app.events = dict(PERMISSIONS), list(EVENTS)
        for installation in github.state.installations.values():
            installation.permissions = dict(PERMISSIONS)
        web = start_web(state, redis_server.url, github, GITHUB_WEBHOOK_SECRET=github.app.webhook_secret)
        with web:
            github.app.webhook_url = f"http://127.0.0.1:{web.environ['PORT']}/webhooks/github"
            environ = {
                **web.environ,
                "OPENAI_API_KEY": KEY,
                "KILO_REVIEW_OPENAI_BASE_URL": provider.base_url,
                "KILO_REVIEW_CACHE_DIR": str(state / "cache"),
            }
            yield SetUp(state, github, environ, clock)


def test_a_set_up_that_works_has_nothing_broken(working: SetUp):
    status, found, said = working.doctor()
    assert (status, [key for key in found if key[1] == "broken"]) == (0, []), said
    parts = {part for part, state in found if state == "ok"}
    assert parts >= {
        "settings", "git", "policy", "redis", "redis persistence", "key", "clock", "app", "permissions", "events",
        "installations", "webhook", "models",
    }, said  # fmt: skip
    for secret in (KEY, working.github.app.webhook_secret, "PRIVATE KEY"):
        assert secret not in said


# --- ten and more that do not ----------------------------------------------------------------------------------


def other_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


@contextmanager
def changed(of: object, name: str, value: object) -> Iterator[None]:
    before = getattr(of, name)
    setattr(of, name, value)
    try:
        yield
    finally:
        setattr(of, name, before)


@contextmanager
def answering(status: int, headers: Mapping[str, str] | None = None) -> Iterator[str]:
    """A server that answers everything with one status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - http.server names it so

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


SIMPLE: Mapping[str, tuple[dict[str, str], str, str, str]] = {
    "a setting that is nonsense": ({"PORT": "abc"}, "settings", "PORT='abc'", "The default is 8080."),
    "a port without a Redis": ({"REDIS_URL": "redis://127.0.0.1:1"}, "redis", "does not answer", "Start it"),
    "no Redis at all": ({"REDIS_URL": ""}, "redis", "REDIS_URL is not set", "redis-server"),
    "an empty database": ({"DATABASE_URL": "sqlite:///{tmp}/new.sqlite"}, "ledger", "version none", "migrate"),
    "a database that is away": (
        {"DATABASE_URL": "postgresql://127.0.0.1:1/x"},
        "ledger",
        "cannot be read",
        "",
    ),
    "no webhook secret": (
        {"GITHUB_WEBHOOK_SECRET": "", "GITHUB_WEBHOOK_SECRET_OLD": ""},
        "key",
        "GITHUB_WEBHOOK_SECRET",
        "kilo-review setup",
    ),
    "another App's id": ({"GITHUB_APP_ID": "99999999"}, "app", "", "GITHUB_APP_ID"),
    "a GitHub that is away": ({"GITHUB_API_URL": "http://127.0.0.1:1"}, "clock", "does not answer", ""),
    "a key that is no key": (
        {"GITHUB_PRIVATE_KEY": "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"},
        "key",
        "cannot sign",
        ".pem",
    ),
    "a state folder that is a file": (
        {"KILO_REVIEW_STATE_DIR": "{tmp}/file"},
        "disk",
        "cannot be written",
        "KILO_REVIEW_STATE_DIR",
    ),
    "a policy with a mistake": (
        {"KILO_REVIEW_POLICY": "{tmp}/policy.toml"},
        "policy",
        "policy.toml",
        "KILO_REVIEW_POLICY",
    ),
    "no model": (
        {
            "OPENAI_API_KEY": "",
            "KILO_REVIEW_OLLAMA_BASE_URL": "http://127.0.0.1:1/v1",
            "KILO_REVIEW_LMSTUDIO_BASE_URL": "http://127.0.0.1:1/v1",
            "KILO_REVIEW_LLAMACPP_BASE_URL": "http://127.0.0.1:1/v1",
        },
        "models",
        "no model",
        "KILO_API_KEY",
    ),
    "a provider that is away": (
        {"KILO_REVIEW_OPENAI_BASE_URL": "http://127.0.0.1:1/v1"},
        "models",
        "does not answer",
        "127.0.0.1:1",
    ),
}


@pytest.mark.parametrize("name", SIMPLE)
def test_a_setting_that_is_wrong_is_named_with_its_remedy(name: str, working: SetUp, tmp_path: Path):
    changes, part, detail, remedy = SIMPLE[name]
    (tmp_path / "file").write_text("")
    (tmp_path / "policy.toml").write_text("strategy = 3\n")
    status, found, said = working.doctor(**{key: value.format(tmp=tmp_path) for key, value in changes.items()})
    assert status == 2, said
    assert detail in found[part, "broken"][0], said
    assert remedy in found[part, "broken"][1], said


def test_a_wrong_key_of_the_right_form_is_told_from_a_wrong_id(working: SetUp):
    status, found, said = working.doctor(GITHUB_PRIVATE_KEY=other_key())
    assert (status, ("app", "broken") in found) == (2, True), said


def missing(permissions: Mapping[str, str], name: str, level: str = "") -> dict[str, str]:
    rest = {key: value for key, value in permissions.items() if key != name}
    return {**rest, name: level} if level else rest


GITHUB: Mapping[str, tuple[Callable[[SetUp], object], str, object, tuple[str, str], str]] = {
    "a permission that is missing": (
        lambda s: s.github.app,
        "permissions",
        missing(PERMISSIONS, "checks"),
        ("permissions", "broken"),
        "checks: write",
    ),
    "a permission that is too low": (
        lambda s: s.github.app,
        "permissions",
        missing(PERMISSIONS, "issues", "read"),
        ("permissions", "broken"),
        "issues: write",
    ),
    "an event that is not subscribed to": (
        lambda s: s.github.app,
        "events",
        [event for event in EVENTS if event != "pull_request"],
        ("events", "broken"),
        "pull_request",
    ),
    "an installation that did not accept": (
        lambda s: next(iter(s.github.state.installations.values())),
        "permissions",
        missing(PERMISSIONS, "contents"),
        ("installations", "broken"),
        "octo lacks contents: read",
    ),
    "an installation that is suspended": (
        lambda s: next(iter(s.github.state.installations.values())),
        "suspended_at",
        datetime(2026, 1, 1, tzinfo=UTC),
        ("installations", "warning"),
        "suspended",
    ),
    "a clock that is ahead": (lambda s: s.clock, "ahead", timedelta(minutes=-3), ("clock", "broken"), "ahead of"),
    "a clock that is behind": (lambda s: s.clock, "ahead", timedelta(seconds=30), ("clock", "warning"), "behind"),
    "webhooks that go nowhere": (lambda s: s.github.app, "webhook_url", "", ("webhook", "broken"), "nowhere"),
    "webhooks that go elsewhere": (
        lambda s: s.github.app,
        "webhook_url",
        "http://127.0.0.1:1/hook",
        ("webhook", "broken"),
        "/hook",
    ),
    "a web process that does not run": (
        lambda s: s.github.app,
        "webhook_url",
        "http://127.0.0.1:1/webhooks/github",
        ("webhook", "broken"),
        "does not answer",
    ),
}


@pytest.mark.parametrize("name", GITHUB)
def test_what_is_wrong_on_github_is_named_with_its_remedy(name: str, working: SetUp):
    of, attribute, value, key, detail = GITHUB[name]
    with changed(of(working), attribute, value):
        status, found, said = working.doctor()
    assert key in found, said
    assert detail in found[key][0], said
    assert found[key][1].endswith((".", ")")) or "http" in found[key][1], said
    assert status == (2 if key[1] == "broken" else 0), said


def test_a_secret_that_differs_between_github_and_the_web_process_is_told(working: SetUp):
    status, found, said = working.doctor(GITHUB_WEBHOOK_SECRET="another one", GITHUB_WEBHOOK_SECRET_OLD="")
    assert (status, "GITHUB_WEBHOOK_SECRET" in found["webhook", "broken"][1]) == (2, True), said
    assert "another one" not in said


def test_a_proxy_that_does_not_pass_deliveries_is_told(working: SetUp):
    with answering(405) as url, changed(working.github.app, "webhook_url", f"{url}/webhooks/github"):
        _, found, said = working.doctor()
    assert "answers 405" in found["webhook", "broken"][0], said


def test_a_provider_that_refuses_the_key_is_told(working: SetUp):
    with answering(401) as url:
        status, found, said = working.doctor(KILO_REVIEW_OPENAI_BASE_URL=f"{url}/v1")
    detail, remedy = found["models", "broken"]
    assert (status, "refuses the key" in detail, "OPENAI_API_KEY" in remedy) == (2, True, True), said
    assert KEY not in said


def test_a_redis_without_its_file_is_a_warning(working: SetUp, redis_server: EmbeddedRedis):
    client = redis.Redis.from_url(redis_server.url)
    client.config_set("appendonly", "no")
    try:
        status, found, said = working.doctor()
    finally:
        client.config_set("appendonly", "yes")
        client.close()
    assert (status, ("redis persistence", "warning") in found) == (0, True), said


def test_an_old_git_is_told(working: SetUp, tmp_path: Path):
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\necho git version 2.20.1\n")
    program.chmod(0o755)
    status, found, said = working.doctor(PATH=f"{tmp_path}{os.pathsep}{working.environ['PATH']}")
    assert (status, "2.31" in found["git", "broken"][1]) == (2, True), said


def test_the_text_form_is_one_line_a_part(working: SetUp):
    environ = {**working.environ, "REDIS_URL": f"redis://127.0.0.1:{free_port()}"}
    command = [sys.executable, "-m", "kilo_review", "doctor"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 2
    assert all(line.split()[0] in ("ok", "warning", "broken", "skipped") for line in done.stdout.splitlines())
    assert " → Start it, or correct REDIS_URL" in done.stdout
    assert done.stderr == "1 broken\n"
