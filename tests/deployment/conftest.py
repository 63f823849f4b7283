"""The product as the deployment files run it: started once, on a file system that can only be read."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reviewer.queue.embedded import find_server
from tests.process_tree import wait_for
from tests.shared import ROOT

# Everything is remounted to be read only but the three folders that the image, the units and the manifests give.
READ_ONLY = """
set -e
mount --make-rprivate /
for folder in state cache tmp; do mount -t tmpfs -o mode=1777 tmpfs "$PLACE/$folder"; done
mount -o remount,bind,ro /
cd "$PLACE/state"
exec env -u PLACE -u HOME "$@"
"""


@dataclass(frozen=True)
class Running:
    port: int
    place: Path
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def namespace() -> list[str]:
    """Return the words that give a process mounts of its own, or skip."""
    for words in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        probe = "mount --make-rprivate / && mount -o remount,bind,ro /"
        done = (
            subprocess.run([*words, "sh", "-c", probe], capture_output=True, check=False)
            if shutil.which(words[0])
            else None
        )
        if done is not None and done.returncode == 0:
            return words
    pytest.skip("this machine lets nobody make a mount namespace: the read-only root is not tried")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    if find_server() is None:
        pytest.skip("no redis-server, valkey-server, or wheel with one")
    place, port = tmp_path_factory.mktemp("read-only"), free_port()
    for folder in ("state", "cache", "tmp"):
        (place / folder).mkdir()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (place / "key.pem").write_bytes(key)
    environ = {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "PLACE": str(place),
        "TMPDIR": str(place / "tmp"),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "KILO_REVIEW_STATE_DIR": str(place / "state"),
        "KILO_REVIEW_CACHE_DIR": str(place / "cache"),
        "KILO_REVIEW_WORKER_PROCESSES": "1",
        # Nobody listens there: the processes start, and that is all that they do here.
        "GITHUB_API_URL": "http://127.0.0.1:9",
        "GITHUB_APP_ID": "1",
        "GITHUB_PRIVATE_KEY_PATH": str(place / "key.pem"),
        "GITHUB_WEBHOOK_SECRET": "a secret of the tests",
        "PORT": str(port),
    }
    command = [*namespace(), "sh", "-c", READ_ONLY, "sh", sys.executable, "-m", "kilo_review", "serve"]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    started = Running(port, place, process)
    try:
        wait_for(lambda: started.get("/readyz") == 200 or process.poll() is not None, 40, "a ready web process")
        assert process.poll() is None, (place / "log").read_text("utf-8")
        yield started
    finally:
        process.terminate()
        process.wait(30)
