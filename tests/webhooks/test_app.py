"""The web process over real HTTP: every answer is one that GitHub can do something with."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from reviewer.demo.simulator.server import GitHubSimulator
from reviewer.ledger.keys import ReviewKey, ReviewState
from reviewer.queue.embedded import EmbeddedRedis
from tests.shared import shared
from tests.webhooks.client import SECRETS, SHA, Answer, Web, comment, pull_request, repository, rerun, user
from tests.webhooks.conftest import start_web
from webhooks.signature import sign

MIB = 1024 * 1024


@pytest.fixture
def jobs(redis_server: EmbeddedRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        yield client


def sha(number: int) -> str:
    return f"{number:040x}"


def waiting(jobs: redis.Redis) -> list[str]:
    return [job.decode() for job in jobs.lrange("rq:queue:reviews", 0, -1)]


def test_a_delivery_becomes_a_row_then_a_job_then_202(web: Web, jobs: redis.Redis):
    answer = web.post("pull_request", pull_request(number=1, sha=sha(1)))
    assert answer.status == 202
    review = answer.body["review"]
    assert answer.body == {"review": review, "created": True, "queued": True}
    row = web.ledger.reviews.get(review)
    assert row is not None
    assert (row.state, row.key.head_sha, row.actor) == (ReviewState.ACCEPTED, sha(1), "ann")
    assert row.payload["repository"] == "octo/shop"
    assert waiting(jobs) == [f"review-{review}"]


def test_the_job_in_redis_is_json_with_an_id_and_nothing_else(web: Web, jobs: redis.Redis):
    review = web.post("pull_request", pull_request(number=2, sha=sha(2))).body["review"]
    row = {key.decode(): value for key, value in jobs.hgetall(f"rq:job:review-{review}").items()}
    assert row["description"] == f"review-{review}".encode()
    import zlib

    data = json.loads(zlib.decompress(row["data"]))
    assert data[0] == "reviewer.processes.jobs.run_review"
    assert data[2] == [review]
    everything = b"".join(row.values())
    for secret in (*SECRETS, "PRIVATE KEY"):
        assert secret.encode() not in everything


def test_a_redelivery_is_the_same_work(web: Web, jobs: redis.Redis):
    first = web.post("pull_request", pull_request(number=3, sha=sha(3)), guid="g-3")
    again = web.post("pull_request", pull_request(number=3, sha=sha(3)), guid="g-3")
    other = web.post("pull_request", pull_request("synchronize", number=3, sha=sha(3)), guid="g-4")
    assert (again.status, other.status) == (202, 202)
    assert {first.body["review"], again.body["review"], other.body["review"]} == {first.body["review"]}
    assert not again.body["created"]
    assert len(waiting(jobs)) == 1


def test_a_hundred_copies_at_once_are_one_row_and_one_job(web: Web, jobs: redis.Redis):
    def post(number: int) -> int:
        answer = web.post("pull_request", pull_request(number=4, sha=sha(4)), guid=f"g-{number % 2}")
        assert answer.status == 202
        return int(answer.body["review"])

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(post, range(100)))) == 1
    assert len(waiting(jobs)) == 1


def test_a_finished_review_is_not_queued_again(web: Web, jobs: redis.Redis):
    from datetime import UTC, datetime, timedelta

    review = web.post("pull_request", pull_request(number=5, sha=sha(5))).body["review"]
    jobs.flushall()
    now = datetime.now(UTC)
    lease = web.ledger.reviews.begin(review, "me", now, timedelta(minutes=1))
    assert lease is not None
    web.ledger.reviews.finish(lease, ReviewState.PUBLISHED, now)
    answer = web.post("pull_request", pull_request("reopened", number=5, sha=sha(5)))
    assert (answer.status, answer.body["review"], answer.body["queued"]) == (202, review, False)
    assert waiting(jobs) == []


# Signatures and bodies


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        "sha1=" + "0" * 40,
        "sha256=" + "é" * 64,
        sign(json.dumps(pull_request()).encode(), "another secret"),
        sign(json.dumps(pull_request()).encode(), ""),
        sign(json.dumps(pull_request(), indent=1).encode(), SECRETS[0]),
        sign(json.dumps(pull_request()).encode(), SECRETS[0]).upper(),
        sign(json.dumps(pull_request()).encode(), SECRETS[0]) + " x",
    ],
)
def test_a_forged_signature_is_401_and_leaves_nothing(web: Web, jobs: redis.Redis, signature: str | None):
    before = len(web.ledger.reviews.recent(1000))
    encoded = signature.encode("utf-8").decode("latin-1") if signature else signature
    answer = web.post("pull_request", pull_request(), X_Hub_Signature_256=encoded)
    assert answer.status == 401
    assert answer.body["error"].startswith("signature-")
    assert waiting(jobs) == []
    assert len(web.ledger.reviews.recent(1000)) == before


def test_two_signature_headers_are_refused_whichever_is_right(web: Web, jobs: redis.Redis):
    body = json.dumps(pull_request(number=6, sha=sha(6))).encode()
    for pair in ((SECRETS[0], "wrong"), ("wrong", SECRETS[0]), (SECRETS[0], SECRETS[0])):
        connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
        connection.putrequest("POST", "/webhooks/github")
        for name, value in (
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-GitHub-Event", "pull_request"),
            ("X-GitHub-Delivery", "g"),
            *(("X-Hub-Signature-256", sign(body, secret)) for secret in pair),
        ):
            connection.putheader(name, value)
        connection.endheaders(body)
        assert connection.getresponse().status == 401
        connection.close()
    assert waiting(jobs) == []


def test_the_secret_before_a_rotation_still_opens(web: Web, jobs: redis.Redis):
    assert web.post("pull_request", pull_request(number=7, sha=sha(7)), secret=SECRETS[1]).status == 202


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b"", {}, 400, "json"),
        (b"not json", {}, 400, "json"),
        (b"[]", {}, 400, "json-object"),
        (b"\xff\xfe", {}, 400, "json"),
        (b'{"a":' * 50_000, {}, 400, "json-depth"),
        (b"{}", {"X_GitHub_Event": None}, 400, "event-header"),
        (b"{}", {"X_GitHub_Event": "a b"}, 400, "event-header"),
        (b"{}", {"X_GitHub_Delivery": None}, 400, "delivery-header"),
        (b"{}", {"Content_Type": "text/plain"}, 415, "content-type"),
        (b"payload=%7B%7D", {"Content_Type": "application/x-www-form-urlencoded"}, 415, "content-type"),
        (json.dumps({**pull_request(), "installation": None}).encode(), {}, 400, "no-installation"),
        (json.dumps({**pull_request(), "repository": 7}).encode(), {}, 400, "payload"),
        (json.dumps(pull_request(sha="main")).encode(), {}, 400, "payload"),
        (json.dumps(pull_request(number=2**63)).encode(), {}, 400, "payload"),
        (json.dumps({**pull_request(), "sender": user("\ud800")}).encode(), {}, 400, "payload"),
        (
            json.dumps({**pull_request(), "repository": repository(full_name="a\x00/b")}).encode(),
            {},
            400,
            "payload",
        ),
    ],
)
def test_a_signed_body_that_cannot_be_used_is_4xx(
    web: Web, jobs: redis.Redis, body: bytes, headers: dict[str, str | None], status: int, error: str
):
    answer = web.post("pull_request", body, **headers)
    assert (answer.status, answer.body["error"]) == (status, error)
    assert waiting(jobs) == []


def raw(web: Web, request: bytes, *, then: bytes = b"", pause: float = 0.0) -> int:
    """Send bytes as they are and return the status of the answer, 0 where there is none."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=20) as sock:
        sock.sendall(request)
        try:
            for byte in then:
                time.sleep(pause)
                sock.sendall(bytes([byte]))
        except OSError:
            pass
        try:
            answer = sock.recv(4096)
        except ConnectionError:
            return 0
    return int(answer.split(b" ", 2)[1]) if answer else 0


def head(web: Web, *lines: str) -> bytes:
    return "\r\n".join(("POST /webhooks/github HTTP/1.1", "Host: x", *lines, "", "")).encode("latin-1")


def test_26_mb_are_refused_by_their_announcement_alone(web: Web, jobs: redis.Redis):
    assert raw(web, head(web, f"Content-Length: {26 * MIB}")) == 413


def test_26_mb_in_chunks_are_refused_when_they_pass_the_limit(tmp_path: Path, redis_server, github):
    with start_web(tmp_path, redis_server.url, github, KILO_REVIEW_BODY_LIMIT="100000") as web:
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        assert raw(web, head(web, "Transfer-Encoding: chunked") + chunk * 3) == 413
        body = json.dumps(pull_request(number=8, sha=sha(8))).encode()
        lines = (
            "Transfer-Encoding: chunked",
            "Content-Type: application/json",
            "X-GitHub-Event: pull_request",
            "X-GitHub-Delivery: g",
            f"X-Hub-Signature-256: {sign(body, SECRETS[0])}",
        )
        assert raw(web, head(web, *lines) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)) == 202
        assert web.post("pull_request", b" " * 100_001).status == 413
        assert web.post("ping", b"{}" + b" " * 99_998).status == 200


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Content-Length: -1",),
        ("Content-Length: 1e3",),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: gzip",),
        ("X-Hub-Signature-256: \x00",),
        ("X" * 9000 + ": 1",),
    ],
)
def test_a_request_that_is_no_request_is_4xx_or_closed(web: Web, jobs: redis.Redis, lines: tuple[str, ...]):
    assert raw(web, head(web, *lines) + b"{}") in {0, *range(400, 500)}
    assert web.get("/healthz").status == 200


@pytest.mark.campaign
def test_a_body_that_trickles_is_given_up_while_others_are_served(web: Web, jobs: redis.Redis):
    with ThreadPoolExecutor(4) as pool:
        slow = [
            pool.submit(raw, web, head(web, "Content-Length: 1000"), then=b"x" * 100, pause=0.2) for _ in range(4)
        ]
        time.sleep(0.5)
        assert web.post("pull_request", pull_request(number=9, sha=sha(9))).status == 202
        assert {each.result() for each in slow} == {408}


def test_a_body_that_is_cut_off_leaves_nothing(web: Web, jobs: redis.Redis):
    with socket.create_connection(("127.0.0.1", web.port), timeout=5) as sock:
        sock.sendall(head(web, "Content-Length: 1000") + b"{")
    assert web.get("/healthz").status == 200
    assert waiting(jobs) == []


def test_other_addresses_and_methods_are_4xx(web: Web):
    assert web.get("/webhooks/github").status == 405
    assert web.get("/").status == 404
    assert web.get("/../etc/passwd").status == 404


@pytest.mark.contract
def test_official_payloads_get_an_answer_and_never_a_5xx(web: Web, jobs: redis.Redis):
    events = json.loads(gzip.decompress(shared("contract/github-webhooks.json.gz").read_bytes()))
    answers = [web.post(event["name"], each) for event in events for each in event["examples"]]
    assert len(answers) > 100
    assert {answer.status for answer in answers} == {200, 202, 400}
    assert all(answer.body["error"] == "no-installation" for answer in answers if answer.status == 400)
    assert all(answer.body["ignored"] for answer in answers if answer.status == 200)
    # Seven of them ask for a review, of one head.
    assert len(waiting(jobs)) == len({answer.body["review"] for answer in answers if answer.status == 202})


# Who may command


@pytest.fixture
def ids(github: GitHubSimulator) -> dict[str, int]:
    return {
        "installation": next(iter(github.state.installations)),
        "repository": github.repository("octo/shop").id,
    }


def command(ids: dict[str, int], login: str, number: int, **more: object) -> dict[str, object]:
    payload = comment(author=user(login, 1000 + number % 7), number=number, comment_id=number * 100, **more)
    payload["installation"] = {"id": ids["installation"]}
    payload["repository"] = repository(id=ids["repository"])
    return payload


@pytest.mark.parametrize(
    ("login", "number", "status"),
    [
        ("ann", 101, 202),
        ("mia", 102, 202),
        ("will", 103, 202),
        ("tri", 104, 200),
        ("rea", 105, 200),
        ("stranger", 106, 200),
        ("octo", 107, 200),
    ],
)
def test_only_write_maintain_and_admin_may_command(
    web: Web, jobs: redis.Redis, ids: dict[str, int], login: str, number: int, status: int
):
    answer = web.post("issue_comment", command(ids, login, number))
    assert answer.status == status
    assert len(waiting(jobs)) == (status == 202)
    if status == 200:
        assert "may not command" in answer.body["ignored"]


def test_the_rerun_button_asks_for_the_same_permission(
    web: Web, jobs: redis.Redis, ids: dict[str, int], github: GitHubSimulator
):
    def press(login: str) -> int:
        payload = rerun(app={"id": github.app.id})
        payload |= {
            "installation": {"id": ids["installation"]},
            "repository": repository(id=ids["repository"]),
            "sender": user(login),
        }
        return web.post("check_run", payload).status

    assert press("rea") == 200
    assert waiting(jobs) == []
    assert press("will") == 202
    assert len(waiting(jobs)) == 1


def test_a_thousand_comments_by_a_stranger_are_no_job_and_few_questions(
    web: Web, jobs: redis.Redis, ids: dict[str, int], github: GitHubSimulator
):
    def ask(number: int) -> int:
        payload = command(ids, "loud", 200)
        payload["comment"]["id"] = 20_000 + number  # type: ignore[index]
        return web.post("issue_comment", payload).status

    assert ask(0) == 200
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(1, 300))) == {200}
    assert waiting(jobs) == []


def test_an_entitled_person_gets_three_commands_an_hour_and_a_redelivery_is_none_of_them(
    web: Web, jobs: redis.Redis, ids: dict[str, int]
):
    def ask(number: int) -> int:
        payload = command(ids, "ann", 300)
        payload["comment"]["id"] = 30_000 + number  # type: ignore[index]
        return web.post("issue_comment", payload).status

    assert [ask(1), ask(1), ask(2), ask(2), ask(3)] == [202] * 5
    assert [ask(number) for number in range(4, 30)] == [200] * 26
    assert ask(3) == 202
    # And one row from which the pull request is told so, once for all that were refused.
    rows = [row for row in web.ledger.reviews.recent(40) if row.key.number == 300]
    assert [row.state for row in rows].count(ReviewState.CAPPED) == 1
    assert len(waiting(jobs)) == 3


def test_pushes_and_commands_share_the_hour_and_the_fourth_is_told_why(
    web: Web, jobs: redis.Redis, ids: dict[str, int]
):
    def ask(number: int) -> Answer:
        payload = command(ids, "ann", 301)
        payload["comment"]["id"] = 40_000 + number  # type: ignore[index]
        return web.post("issue_comment", payload)

    for number in range(2):
        key = ReviewKey(ids["installation"], ids["repository"], 301, head_sha=sha(5000 + number))
        web.ledger.requests.accept(key, actor="ann", payload={"verb": "review"}, now=datetime.now(UTC))
    assert [ask(number).status for number in range(3)] == [202, 200, 200]
    assert "this pull request had 3 reviews within the last hour" in ask(9).body["ignored"]


def test_ten_pushes_within_an_hour_are_three_reviews_and_the_pull_request_is_told_once(web: Web, jobs: redis.Redis):
    answers = [web.post("pull_request", pull_request(number=302, sha=sha(6000 + it))) for it in range(10)]
    assert [answer.status for answer in answers] == [202] * 3 + [200] * 7
    assert len(waiting(jobs)) == 3
    told = [row for row in web.ledger.backlog.unnoticed() if row.key.number == 302]
    assert [(row.state, row.key.head_sha) for row in told] == [(ReviewState.CAPPED, sha(6003))]


@pytest.mark.parametrize("at_once", [8, 40])
def test_many_commands_at_once_pass_no_cap(web: Web, jobs: redis.Redis, ids: dict[str, int], at_once: int):
    def ask(number: int) -> int:
        payload = command(ids, "ann", 310 + at_once)
        payload["comment"]["id"] = 60_000 + 100 * at_once + number  # type: ignore[index]
        # GitHub is asked for the permission by few at a time; the others are told to come again.
        while (status := web.post("issue_comment", payload).status) == 503:
            time.sleep(0.1)
        return status

    with ThreadPoolExecutor(at_once) as pool:
        assert sorted(pool.map(ask, range(at_once))) == [200] * (at_once - 3) + [202] * 3
    assert len(waiting(jobs)) == 3


def test_a_github_that_does_not_answer_means_503_for_commands_and_202_for_pull_requests(
    tmp_path: Path, redis_server: EmbeddedRedis, jobs: redis.Redis, github: GitHubSimulator, ids: dict[str, int]
):
    with start_web(tmp_path, redis_server.url, github, GITHUB_API_URL="http://127.0.0.1:9") as web:
        answer = web.post("issue_comment", command(ids, "ann", 400))
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert web.post("pull_request", pull_request(number=10, sha=sha(10))).status == 202


# The ledger and the queue


def test_a_ledger_that_cannot_be_written_means_503_and_the_redelivery_is_taken(
    tmp_path: Path, redis_server: EmbeddedRedis, jobs: redis.Redis, github: GitHubSimulator
):
    with start_web(tmp_path, redis_server.url, github) as web:
        file = tmp_path / "ledger.sqlite"
        with sqlite3.connect(file) as other:
            other.execute("ALTER TABLE reviews RENAME TO reviews_away")
        answer = web.post("pull_request", pull_request(number=11, sha=sha(11)), guid="g-11")
        assert (answer.status, answer.body["error"]) == (503, "ledger-unavailable")
        assert waiting(jobs) == []
        with sqlite3.connect(file) as other:
            other.execute("ALTER TABLE reviews_away RENAME TO reviews")
        assert web.post("pull_request", pull_request(number=11, sha=sha(11)), guid="g-11").status == 202
        assert len(waiting(jobs)) == 1


def test_a_queue_that_is_down_delays_and_the_redelivery_queues(tmp_path: Path, github: GitHubSimulator):
    state = tmp_path / "redis"
    server = EmbeddedRedis(state)
    server.start()
    try:
        with start_web(tmp_path, server.url, github) as web:
            assert web.get("/readyz").body["queue"] == "ok"
            with redis.Redis.from_url(server.url) as client:
                os.kill(client.info("server")["process_id"], signal.SIGKILL)
            while server.alive():
                time.sleep(0.02)

            def post(number: int) -> float:
                started = time.monotonic()
                answer = web.post(
                    "pull_request", pull_request(number=2000 + number, sha=sha(2000 + number)), guid=f"g-{number}"
                )
                assert (answer.status, answer.body["queued"]) == (202, False)
                return time.monotonic() - started

            with ThreadPoolExecutor(16) as pool:
                longest = max(pool.map(post, range(100)))
            # Two seconds by itself; this machine may be doing other things.
            assert longest < 8
            assert len(web.ledger.reviews.recent(1000)) == 100
            ready = web.get("/readyz")
            assert (ready.status, ready.body["queue"]) == (200, "unreachable")
            server.restart()
            time.sleep(1.1)
            again = web.post("pull_request", pull_request(number=2000, sha=sha(2000)), guid="g-0")
            assert (again.status, again.body["created"], again.body["queued"]) == (202, False, True)
    finally:
        server.stop()


def test_a_ledger_that_is_gone_is_not_ready(tmp_path: Path, redis_server: EmbeddedRedis, github: GitHubSimulator):
    with start_web(tmp_path, redis_server.url, github) as web:
        assert web.get("/readyz").status == 200
        with sqlite3.connect(tmp_path / "ledger.sqlite") as other:
            other.execute("DROP TABLE alembic_version")
        assert web.get("/readyz").status == 503
        assert web.get("/healthz").status == 200


# Start-up


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"GITHUB_WEBHOOK_SECRET": "", "GITHUB_WEBHOOK_SECRET_OLD": ""}, "GITHUB_WEBHOOK_SECRET"),
        ({"GITHUB_PRIVATE_KEY": ""}, "GITHUB_PRIVATE_KEY"),
        ({"GITHUB_APP_ID": ""}, "GITHUB_APP_ID"),
        ({"KILO_REVIEW_POLICY": "/nowhere.toml"}, "KILO_REVIEW_POLICY"),
        ({"HOST": "192.0.2.1"}, "PORT"),
        ({"KILO_REVIEW_ALLOWED_BOTS": "ci[bot]"}, "KILO_REVIEW_ALLOWED_BOTS"),
    ],
)
def test_a_server_that_is_half_set_up_does_not_start_and_names_what_to_set(
    tmp_path: Path, redis_server: EmbeddedRedis, github: GitHubSimulator, change: dict[str, str], remedy: str
):
    environ = start_web(tmp_path, redis_server.url, github, **change).environ
    done = subprocess.run(
        [sys.executable, "-m", "kilo_review", "web", "--parent", str(os.getpid())],
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert remedy in done.stderr
    assert "Traceback" not in done.stderr


def test_guids_are_not_what_makes_work_the_same(web: Web, jobs: redis.Redis):
    # The row is there, the job was lost with the queue, and GitHub sends the same GUID again.
    guid = str(uuid.uuid4())
    assert web.post("pull_request", pull_request(sha=SHA), guid=guid).status == 202
    jobs.flushall()
    assert web.post("pull_request", pull_request(sha=SHA), guid=guid).body["queued"]
    assert len(waiting(jobs)) == 1
