"""One command for everything: real processes, really killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reviewer.ledger.ledger import Ledger
from reviewer.queue.embedded import find_server, running_url
from tests.campaigns.postgres import database_url
from tests.process_tree import command_line, descendants, is_running, start_python, wait_for
from tests.webhooks.client import Web, pull_request

pytestmark = pytest.mark.skipif(find_server() is None, reason="no redis-server, valkey-server, or wheel with one")

SECRET = "It's a Secret to Everybody"
SERVE = "import sys; from kilo_review import main; sys.exit(main(['serve']))"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


class Served:
    def __init__(self, state: Path, private_key: str) -> None:
        self.state = state
        self.log = state / "serve.log"
        self.port = free_port()
        self.environ = {
            "KILO_REVIEW_STATE_DIR": str(state),
            # Nobody listens there: reviews wait, and that is all that they do here.
            "GITHUB_API_URL": "http://127.0.0.1:9",
            "GITHUB_APP_ID": "1",
            "GITHUB_PRIVATE_KEY": private_key,
            "GITHUB_WEBHOOK_SECRET": SECRET,
            "PORT": str(self.port),
        }
        self.process = start_python(SERVE, self.environ, self.log)
        self.web = Web(self.port, Ledger.open(f"sqlite:///{state / 'ledger.sqlite'}"))

    def child(self, role: str) -> int:
        found = [
            pid
            for pid in descendants(self.process.pid)
            if f"kilo_review {role} --parent {self.process.pid}" in command_line(pid)
        ]
        return min(found, default=0)

    def ready(self) -> None:
        wait_for(lambda: "ready" in self.log.read_text(), 40, self.log.read_text())

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(running_url(self.state))


def _running(state: Path, private_key: str) -> Iterator[Served]:
    served = Served(state, private_key)
    try:
        served.ready()
        yield served
        below = descendants(served.process.pid)
    finally:
        if served.process.poll() is None:
            served.process.terminate()
            try:
                served.process.wait(25)
            except subprocess.TimeoutExpired:
                served.process.kill()
                raise
        served.web.ledger.close()
    wait_for(lambda: not any(is_running(pid) for pid in below), 10, "the end of every process")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, private_key: str) -> Iterator[Served]:
    """One for the tests that leave it running."""
    yield from _running(tmp_path_factory.mktemp("serve"), private_key)


@pytest.fixture
def own(tmp_path: Path, private_key: str) -> Iterator[Served]:
    """One to end."""
    yield from _running(tmp_path, private_key)


def test_a_delivery_goes_all_the_way_to_the_ledger_and_back(served: Served):
    answer = served.web.post("pull_request", pull_request(), secret=SECRET)
    assert (answer.status, answer.body["queued"]) == (202, True)

    def tried() -> bool:
        row = served.web.ledger.reviews.get(answer.body["review"])
        # GitHub does not answer here, so the worker puts the review off with the reason.
        return row is not None and "127.0.0.1" in row.error

    wait_for(tried, 40, served.log.read_text())
    assert SECRET not in served.log.read_text()
    assert "PRIVATE KEY" not in served.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.campaign)])
def test_a_signal_ends_everything_in_time(own: Served, number: signal.Signals):
    wait_for(lambda: own.child("worker") and own.child("clock"))
    below = descendants(own.process.pid)
    assert len(below) >= 4
    started = time.monotonic()
    own.process.send_signal(number)
    assert own.process.wait(25) == 0
    assert time.monotonic() - started < 25
    wait_for(lambda: not any(is_running(pid) for pid in below))
    assert "killing" not in own.log.read_text()
    assert "Traceback" not in own.log.read_text()


def test_nothing_survives_a_kill_of_the_program_itself(own: Served):
    below = descendants(own.process.pid)
    own.process.kill()
    own.process.wait()
    wait_for(lambda: not any(is_running(pid) for pid in below), 25, "the end of every process")
    assert running_url(own.state) == ""


def test_a_process_that_dies_is_started_again(served: Served):
    wait_for(lambda: all(served.child(role) for role in ("web", "worker", "clock")))
    before = {role: served.child(role) for role in ("web", "worker", "clock")}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: all(served.child(role) not in (0, pid) for role, pid in before.items()))

    def answers() -> bool:
        try:
            return served.web.get("/healthz").status == 200
        except OSError:
            return False

    wait_for(answers, 30)
    assert "was killed by SIGKILL; starting it again" in served.log.read_text()


def test_a_redis_that_dies_is_started_again_with_what_it_had(served: Served):
    with served.redis() as client:
        client.rpush("kept", "x")
        time.sleep(1.2)  # appendfsync everysec
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
    wait_for(lambda: "the embedded Redis died" in served.log.read_text())

    def back() -> bool:
        # The web process may be on its way back itself, after the tests before this one.
        with contextlib.suppress(OSError):
            return bool(served.web.get("/readyz").body["queue"] == "ok")
        return False

    wait_for(back)
    with served.redis() as client:
        assert client.lrange("kept", 0, -1) == [b"x"]


def test_what_is_not_set_is_named_before_anything_starts(tmp_path: Path):
    process = start_python(SERVE, {"KILO_REVIEW_STATE_DIR": str(tmp_path / "s")}, tmp_path / "log")
    assert process.wait(20) == 2
    text = (tmp_path / "log").read_text()
    assert "GITHUB_APP_ID" in text
    assert "Traceback" not in text
    assert not (tmp_path / "s" / "redis").exists()


def test_a_port_that_is_taken_ends_it_with_the_remedy(tmp_path: Path, private_key: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environ = {
            "KILO_REVIEW_STATE_DIR": str(tmp_path),
            "GITHUB_API_URL": "http://127.0.0.1:9",
            "GITHUB_APP_ID": "1",
            "GITHUB_PRIVATE_KEY": private_key,
            "GITHUB_WEBHOOK_SECRET": SECRET,
            "PORT": str(taken.getsockname()[1]),
        }
        assert start_python(SERVE, environ, tmp_path / "log").wait(60) == 2
    assert "PORT" in (tmp_path / "log").read_text()


@pytest.mark.postgres
def test_a_database_without_tables_ends_it_with_the_command_that_makes_them(tmp_path: Path, private_key: str):
    server = os.environ.get("TEST_DATABASE_URL", "")
    if not server:
        pytest.skip("TEST_DATABASE_URL is not set: PostgreSQL was not tested")
    with database_url("postgresql", server, f"kilo_review_serve_{os.getpid()}") as url:
        environ = {
            "KILO_REVIEW_STATE_DIR": str(tmp_path),
            "GITHUB_API_URL": "http://127.0.0.1:9",
            "GITHUB_APP_ID": "1",
            "GITHUB_PRIVATE_KEY": private_key,
            "GITHUB_WEBHOOK_SECRET": SECRET,
            "DATABASE_URL": url,
            "PORT": str(free_port()),
        }
        assert start_python(SERVE, environ, tmp_path / "log").wait(60) == 2
    text = (tmp_path / "log").read_text()
    assert "kilo-review migrate" in text.splitlines()[-1]
    assert "ready " not in text
    assert "Traceback" not in text
