from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.demo.world import FULL_NAME, World, git


def clone(world: World, target: Path, token: str = "", *options: str) -> subprocess.CompletedProcess[bytes]:
    address = world.url.replace("http://", f"http://x-access-token:{token}@") if token else world.url
    environ = {
        **os.environ,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    command = ["git", *options, "clone", "--quiet", "--mirror", f"{address}/{FULL_NAME}.git", str(target)]
    return subprocess.run(command, env=environ, capture_output=True, check=False)


@pytest.mark.parametrize("version", ["0", "2"])
def test_a_private_repository_is_cloned_with_a_token(world: World, tmp_path: Path, version: str) -> None:
    done = clone(world, tmp_path / "mirror", world.token(), "-c", f"protocol.version={version}")
    assert done.returncode == 0, done.stderr
    head = world.simulator.pull(FULL_NAME, world.number).head_sha
    assert git(tmp_path / "mirror", "rev-parse", "refs/pull/1/head") == head
    assert git(tmp_path / "mirror", "show", f"{head}:shop/added.py").startswith("import os")


def test_a_commit_is_fetched_by_its_id_without_blobs(world: World, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "bare")
    head = world.simulator.pull(FULL_NAME, world.number).head_sha
    address = world.url.replace("http://", f"http://x-access-token:{world.token()}@")
    git(
        tmp_path / "bare", "fetch", "--quiet", "--depth=1", "--filter=blob:none", f"{address}/{FULL_NAME}.git", head
    )
    assert git(tmp_path / "bare", "cat-file", "-t", head) == "commit"


def test_a_wrong_token_or_none_gets_nothing_of_a_private_repository(world: World, tmp_path: Path) -> None:
    for number, token in enumerate(("", "ghs_wrong")):
        done = clone(world, tmp_path / str(number), token)
        assert done.returncode == 128
        assert not (tmp_path / str(number) / "HEAD").exists()


def test_a_token_without_contents_cannot_clone(world: World, tmp_path: Path) -> None:
    done = clone(world, tmp_path / "mirror", world.token(permissions={"issues": "read"}))
    assert done.returncode == 128


def test_pushing_is_not_offered(world: World) -> None:
    import requests

    answer = requests.get(f"{world.url}/{FULL_NAME}.git/info/refs?service=git-receive-pack", timeout=10)
    assert answer.status_code == 403
