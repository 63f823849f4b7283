"""A small simulated world for tests: an organisation, a repository with two branches, an installed App."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import requests

from reviewer.demo.simulator import GitHubSimulator
from reviewer.demo.simulator.state import Installation

FULL_NAME = "acme/shop"
IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *args], capture_output=True, check=True, env=IDENTITY)
    return done.stdout.decode().strip()


def write(folder: Path, files: Mapping[str, str | bytes | None]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink()
        else:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())


def commit(folder: Path, message: str, files: Mapping[str, str | bytes | None]) -> str:
    write(folder, files)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def repository(
    folder: Path, base: Mapping[str, str | bytes | None], head: Mapping[str, str | bytes | None]
) -> Path:
    """Build a repository with a commit on main and one on feature."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "Base", base)
    git(folder, "checkout", "--quiet", "-b", "feature")
    commit(folder, "Head", head)
    return folder


NUMBERS = "".join(f"line {number}\n" for number in range(1, 61))
BASE: dict[str, str | bytes | None] = {
    "shop/prices.py": NUMBERS,
    "docs/guide.md": "# Guide\n",
    "old name.txt": "moved\n" * 20,
    "logo.png": b"\x89PNG\0\0",
    "gone.txt": "bye\n",
}
HEAD: dict[str, str | bytes | None] = {
    "shop/prices.py": NUMBERS.replace("line 5\n", "line five\n").replace("line 40\n", "line 40\nline new\n"),
    "old name.txt": None,
    "new/café.txt": "moved\n" * 20,
    "logo.png": b"\x89PNG\0\1",
    "gone.txt": None,
    "shop/added.py": "import os\n\nprint(os.name)\n",
}


@dataclass
class World:
    simulator: GitHubSimulator
    source: Path
    installation: Installation
    number: int

    @property
    def url(self) -> str:
        return self.simulator.url

    def jwt(self, *, issued: float = -60, life: float = 600, key: str = "", issuer: Any = None) -> str:
        now = self.simulator.state.now().timestamp()
        claims = {
            "iat": int(now + issued),
            "exp": int(now + issued + life),
            "iss": str(issuer or self.simulator.app.id),
        }
        return jwt.encode(claims, key or self.simulator.app.private_key, algorithm="RS256")

    def token(self, **body: Any) -> str:
        answer = requests.post(
            f"{self.url}/app/installations/{self.installation.id}/access_tokens",
            json=body,
            headers={"Authorization": f"Bearer {self.jwt()}"},
            timeout=20,
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def call(
        self, method: str, path: str, body: Any = None, *, token: str = "", accept: str = ""
    ) -> requests.Response:
        headers = {"Accept": accept or "application/vnd.github+json"}
        headers["Authorization"] = f"Bearer {token or self.token()}"
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=20)


def build(folder: Path, **options: Any) -> World:
    """Start a world; the caller stops `world.simulator`."""
    source = repository(folder / "source", BASE, HEAD)
    simulator = GitHubSimulator(folder / "github", **options)
    simulator.start()
    simulator.create_repository(
        FULL_NAME,
        source=source,
        private=True,
        collaborators={"alice": "write", "bob": "read", "tess": "triage", "root": "admin", "mo": "maintain"},
    )
    installation = simulator.install("acme")
    number = simulator.open_pull_request(
        FULL_NAME, title="Change prices", head="feature", author="alice", body="Why not"
    )
    return World(simulator, source, installation, number)


def until(condition: Any, seconds: float = 10.0) -> None:
    """Wait until something holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
