"""A pull request on the GitHub simulator, made with real git, and the App that may review it."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from reviewer.demo.simulator import GitHubSimulator
from reviewer.github.auth import AppAuth
from reviewer.github.client import GitHub
from reviewer.github.records import PullRequest
from reviewer.settings import Secret

REPOSITORY = "acme/shop"

BASE_FILES: Mapping[str, str | bytes] = {
    "app/db.py": "import sqlite3\n\ndef find(name):\n    return query('select 1')\n\n"
    + "".join(f"# filler {n}\n" for n in range(20))
    + "def close():\n    connection.close()\n",
    "README.md": "# Shop\n",
}
HEAD_FILES: Mapping[str, str | bytes] = {
    "app/db.py": "import sqlite3\nimport os\n\n"
    "def find(name):\n    sql = f'select {name}'\n    return query(sql)\n\n"
    + "".join(f"# filler {n}\n" for n in range(20))
    + "def close():\n    connection.close()\n    return None\n",
    "README.md": "# Shop\n",
    "app/new.py": "".join(f"value_{n} = {n}\n" for n in range(200)),
}


def git(folder: Path, *args: str, stdin: bytes | None = None) -> str:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Dev",
        "GIT_AUTHOR_EMAIL": "dev@shop.invalid",
        "GIT_COMMITTER_NAME": "Dev",
        "GIT_COMMITTER_EMAIL": "dev@shop.invalid",
        "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
        "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    }
    done = subprocess.run(["git", *args], cwd=folder, env=env, input=stdin, capture_output=True, check=True)
    return done.stdout.decode()


def commit(folder: Path, files: Mapping[str, str | bytes], message: str) -> str:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD").strip()


@dataclass
class Lab:
    simulator: GitHubSimulator
    auth: AppAuth
    installation_id: int
    number: int
    source: Path

    def github(self, permissions: Mapping[str, str] | None = None, *, timeout: int = 5) -> GitHub:
        repo = self.simulator.repository(REPOSITORY)
        return GitHub.for_installation(
            self.auth,
            self.installation_id,
            now=self.now,
            repository_ids=(repo.id,),
            permissions=permissions,
            timeout=timeout,
            write_pause=0,
        )

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

    @property
    def pr(self) -> PullRequest:
        return self.github().pull_request(REPOSITORY, self.number)

    def sent(self, method: str, part: str) -> list[str]:
        """The bodies of the requests of a method whose path contains `part`."""
        return [seen.body for seen in self.simulator.state.seen if seen.method == method and part in seen.path]


def _build(source: Path, base: Mapping[str, str | bytes], head: Mapping[str, str | bytes]) -> None:
    source.mkdir(parents=True)
    git(source, "init", "-q", "-b", "main")
    commit(source, base, "base")
    git(source, "checkout", "-q", "-b", "topic")
    commit(source, head, "head")


@cache
def _usual_source() -> Path:
    """The repository of most tests, built once in a process and copied from then on."""
    folder = Path(tempfile.mkdtemp(prefix="kilo-review-lab-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _build(folder / "source", BASE_FILES, HEAD_FILES)
    return folder / "source"


@contextmanager
def lab(
    folder: Path,
    *,
    base: Mapping[str, str | bytes] = BASE_FILES,
    head: Mapping[str, str | bytes] = HEAD_FILES,
    private: bool = True,
    clock: Callable[[], datetime] | None = None,
    permissions: Mapping[str, str] | None = None,
    webhook_url: str = "",
) -> Iterator[Lab]:
    source = folder / "source"
    if base is BASE_FILES and head is HEAD_FILES:
        shutil.copytree(_usual_source(), source)
    else:
        _build(source, base, head)
    with GitHubSimulator(folder / "github", webhook_url=webhook_url) as simulator:
        simulator.create_repository(REPOSITORY, source=source, private=private, collaborators={"octocat": "write"})
        installation = simulator.install("acme", permissions=permissions)
        number = simulator.open_pull_request(REPOSITORY, title="Find by name", head="topic")
        auth = AppAuth(
            str(simulator.app.id), Secret(simulator.app.private_key), simulator.url, now=clock or Lab.now
        )
        made = Lab(simulator, auth, installation.id, number, source)
        yield made
        auth.api.close()


@pytest.fixture(scope="module")
def shared_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("shop")) as made:
        yield made


@pytest.fixture
def shop(shared_shop: Lab) -> Iterator[Lab]:
    """An untouched pull request. It is shared: tests that push or stop the server use `own_shop`."""
    simulator = shared_shop.simulator
    state = simulator.state
    with state.lock:
        for records in (state.reviews, state.review_comments, state.comments, state.check_runs, state.tokens):
            records.clear()
        state.seen.clear()
    simulator.faults.clear()
    auth = AppAuth(str(simulator.app.id), Secret(simulator.app.private_key), simulator.url, now=Lab.now)
    yield replace(shared_shop, auth=auth)
    auth.api.close()


@pytest.fixture
def own_shop(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made
