"""CPU time of the web process per accepted delivery with durable enqueue, beside a plain Flask endpoint.

The alternative is a Flask view under the same HTTP server that verifies the signature, parses the JSON and answers
202: what a server costs that keeps nothing. Both are real processes behind real sockets; the figure is user +
system time of the web process and its worker over all deliveries, from /proc. Linux only.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from reviewer.ledger.ledger import Ledger
from reviewer.queue.embedded import EmbeddedRedis
from webhooks.signature import sign

DELIVERIES = 500
WARM_UP = 50
# On a busy machine caches are cold after every switch; the portion that was disturbed least is given too.
PORTION = 50
PAYLOAD_BYTES = 25_000
SECRET = "bench"
KEY = "-----BEGIN PRIVATE KEY-----\nnever used: no delivery of this bench asks GitHub\n-----END PRIVATE KEY-----\n"

PLAIN = """
import hashlib, hmac, json, sys
from flask import Flask, request
from waitress import serve
app = Flask("plain")
@app.post("/webhooks/github")
def receive():
    body = request.get_data()
    given = request.headers.get("X-Hub-Signature-256", "").encode()
    right = b"sha256=" + hmac.new(b"bench", body, hashlib.sha256).hexdigest().encode()
    if not hmac.compare_digest(given, right):
        return {"error": "signature"}, 401
    payload = json.loads(body)
    return {"number": payload["number"]}, 202
@app.get("/healthz")
def healthz():
    return {"state": "alive"}
host, _, port = sys.argv[1].rpartition(":")
serve(app, host=host, port=int(port), threads=8, asyncore_use_poll=True)
"""


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder, EmbeddedRedis(Path(folder)) as redis:
        ours = _measure(folder, _ours(folder, redis.url))
        plain = _measure(folder, _plain())
        ledger = Ledger.open(f"sqlite:///{folder}/ledger.sqlite")
        rows = len(ledger.reviews.recent(10 * DELIVERIES))
        ledger.close()
    assert rows == DELIVERIES + WARM_UP, f"{rows} rows for {DELIVERIES + WARM_UP} deliveries"
    return {
        "deliveries": DELIVERIES,
        "payload_bytes": PAYLOAD_BYTES,
        "cpu_ms_per_delivery": round(ours["cpu_ms"], 3),
        "cpu_ms_plain_flask_signature_only": round(plain["cpu_ms"], 3),
        "best_portion_cpu_ms": round(ours["best_cpu_ms"], 3),
        "best_portion_cpu_ms_plain_flask": round(plain["best_cpu_ms"], 3),
        "load_average": os.getloadavg()[0],
        "ratio_to_plain_flask": round(ours["cpu_ms"] / plain["cpu_ms"], 2),
        "answer_ms_median": round(ours["median_ms"], 2),
        "answer_ms_p99": round(ours["p99_ms"], 2),
        "aim_cpu_ms_per_delivery": 1.5,
    }


class _Process:
    def __init__(self, command: list[str], environ: Mapping[str, str], port: int) -> None:
        self.command, self.environ, self.port = command, environ, port


def _ours(folder: str, redis_url: str) -> _Process:
    port = _port()
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.sqlite")
    ledger.migrate()
    ledger.close()
    policy = Path(folder) / "policy.toml"
    # One repository gets more here than anybody may cause in a day.
    policy.write_text("[triggers]\nmax_reviews_per_author_day = 10000\nmax_reviews_per_repository_day = 100000\n")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "KILO_REVIEW_STATE_DIR": folder,
        "KILO_REVIEW_POLICY": str(policy),
        "REDIS_URL": redis_url,
        "GITHUB_APP_ID": "1",
        "GITHUB_PRIVATE_KEY": KEY,
        "GITHUB_WEBHOOK_SECRET": SECRET,
        "PORT": str(port),
    }
    return _Process([sys.executable, "-m", "kilo_review", "web", "--parent", str(os.getpid())], environ, port)


def _plain() -> _Process:
    port = _port()
    environ = {"PATH": os.environ["PATH"]}
    return _Process([sys.executable, "-c", PLAIN, f"127.0.0.1:{port}"], environ, port)


def _measure(folder: str, server: _Process) -> dict[str, float]:
    with Path(folder, "log").open("wb") as log:
        process = subprocess.Popen(server.command, env=dict(server.environ), stdout=log, stderr=log)
    try:
        connection = _connect(server.port, process, Path(folder, "log"))
        for number in range(WARM_UP):
            _post(connection, number)
        before = _cpu_seconds(process.pid)
        times, portions = [], []
        last = before
        for number in range(WARM_UP, WARM_UP + DELIVERIES):
            started = time.perf_counter()
            _post(connection, number)
            times.append((time.perf_counter() - started) * 1000)
            if len(times) % PORTION == 0:
                now = _cpu_seconds(process.pid)
                portions.append(now - last)
                last = now
        cpu = last - before
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    times.sort()
    return {
        "cpu_ms": cpu * 1000 / DELIVERIES,
        "best_cpu_ms": min(portions) * 1000 / PORTION,
        "median_ms": times[len(times) // 2],
        "p99_ms": times[int(len(times) * 0.99)],
    }


def _post(connection: http.client.HTTPConnection, number: int) -> None:
    body = _payload(number)
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": f"bench-{number}",
        "X-Hub-Signature-256": sign(body, SECRET),
    }
    connection.request("POST", "/webhooks/github", body=body, headers=headers)
    response = connection.getresponse()
    answer = response.read()
    assert response.status == 202, answer


def _payload(number: int) -> bytes:
    """A pull_request payload of GitHub's size and texture: hundreds of short texts, most of them addresses."""
    user = {"login": "octocat", "id": 7, "type": "User"}
    links = {f"key_{n}_url": f"https://api.github.com/repos/octo/shop/{n}{{/sha}}" for n in range(110)}
    payload = {
        "action": "synchronize",
        "number": number + 1,
        "installation": {"id": 5},
        "sender": user,
        "repository": {"id": 44, "full_name": "octo/shop", "private": False, **links},
        "pull_request": {
            "number": number + 1,
            "state": "open",
            "draft": False,
            "user": user,
            "head": {"sha": f"{number:040x}", "repo": {"id": 44, **links}},
            "base": {"sha": f"{number + 1:040x}", "repo": {"id": 44, **links}},
            "body": "",
        },
    }
    missing = PAYLOAD_BYTES - len(json.dumps(payload))
    payload["pull_request"]["body"] = "x" * missing  # type: ignore[index]
    return json.dumps(payload).encode()


def _connect(port: int, process: subprocess.Popen[bytes], log: Path) -> http.client.HTTPConnection:
    deadline = time.monotonic() + 30
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return connection


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process and of its children that run, to the nanosecond."""
    nanoseconds = 0
    for each in (pid, *_children(pid)):
        for task in Path(f"/proc/{each}/task").iterdir():
            nanoseconds += int((task / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in found]


def _port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
