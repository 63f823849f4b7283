"""A real web process, a real Redis, a real ledger file, and a GitHub on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewer.demo.simulator.server import GitHubSimulator
from reviewer.ledger.ledger import Ledger
from reviewer.queue.embedded import EmbeddedRedis, find_server
from tests.webhooks.client import SECRETS, Web


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    if find_server() is None:
        pytest.skip("no redis-server, valkey-server, or wheel with one")
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubSimulator]:
    with GitHubSimulator(tmp_path_factory.mktemp("github")) as simulator:
        simulator.create_repository(
            "octo/shop",
            collaborators={
                "ann": "admin",
                "mia": "maintain",
                "will": "write",
                "tri": "triage",
                "rea": "read",
            },
        )
        simulator.install("octo")
        yield simulator


@pytest.fixture(scope="module")
def web(
    tmp_path_factory: pytest.TempPathFactory, redis_server: EmbeddedRedis, github: GitHubSimulator
) -> Iterator[Web]:
    state = tmp_path_factory.mktemp("state")
    with start_web(state, redis_server.url, github) as server:
        yield server


class start_web:  # noqa: N801 - read as a verb
    """Run the web process with its own ledger, as `kilo-review web` does."""

    def __init__(self, state: Path, redis_url: str, github: GitHubSimulator, **more: str) -> None:
        port = free_port()
        database = f"sqlite:///{state / 'ledger.sqlite'}"
        ledger = Ledger.open(database)
        ledger.migrate()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(state),
            "KILO_REVIEW_STATE_DIR": str(state),
            "DATABASE_URL": database,
            "REDIS_URL": redis_url,
            "GITHUB_API_URL": github.url,
            "GITHUB_APP_ID": str(github.app.id),
            "GITHUB_PRIVATE_KEY": github.app.private_key,
            "GITHUB_WEBHOOK_SECRET": SECRETS[0],
            "GITHUB_WEBHOOK_SECRET_OLD": SECRETS[1],
            "PORT": str(port),
            **more,
        }
        self.web = Web(port=port, ledger=ledger)
        self.log = state / "web.log"

    def __enter__(self) -> Web:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kilo_review", "web", "--parent", str(os.getpid())],
                env=self.environ,
                stdout=log,
                stderr=log,
            )
        self.web.pid = self.process.pid
        deadline = time.monotonic() + 20
        while True:
            try:
                assert self.web.get("/healthz").status == 200
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.05)
            else:
                return self.web

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        assert self.process.wait(15) == 0
        self.web.ledger.close()
