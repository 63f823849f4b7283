from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from tests.demo.world import FULL_NAME, World, commit


class Receiver(BaseHTTPRequestHandler):
    got: ClassVar[list[tuple[dict[str, str], bytes]]] = []
    status = 202

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(Receiver.status)
        self.end_headers()
        self.wfile.write(b"taken")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver(world: World) -> Iterator[type[Receiver]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    world.simulator.app.webhook_url = f"http://127.0.0.1:{server.server_port}/webhooks/github"
    Receiver.got, Receiver.status = [], 202
    yield Receiver
    assert world.simulator.hooks.wait()
    world.simulator.app.webhook_url = ""
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_delivery_is_signed_over_its_raw_bytes_with_githubs_headers(
    world: World, receiver: type[Receiver]
) -> None:
    world.simulator.comment(FULL_NAME, world.number, "/kilo review – please", author="alice")
    assert world.simulator.hooks.wait()
    headers, body = receiver.got[0]
    secret = world.simulator.app.webhook_secret.encode()
    assert headers["x-hub-signature-256"] == "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    assert headers["x-github-event"] == "issue_comment"
    assert headers["x-github-hook-installation-target-id"] == str(world.simulator.app.id)
    assert headers["content-type"] == "application/json"
    payload = json.loads(body)
    assert payload["comment"]["body"] == "/kilo review – please"
    assert payload["installation"]["id"] == world.installation.id
    assert payload["issue"]["pull_request"]["url"].endswith(f"/pulls/{world.number}")
    delivery = world.simulator.deliveries()[-1]
    assert (delivery.guid, delivery.status_code, delivery.response_body) == (
        headers["x-github-delivery"],
        202,
        "taken",
    )


def test_a_redelivery_keeps_guid_and_bytes(world: World, receiver: type[Receiver]) -> None:
    receiver.status = 503
    world.simulator.act(FULL_NAME, world.number, "ready_for_review")
    assert world.simulator.hooks.wait()
    failed = world.simulator.deliveries()[-1]
    assert failed.status_code == 503
    receiver.status = 202
    answer = world.call("POST", f"/app/hook/deliveries/{failed.id}/attempts", token=world.jwt())
    assert answer.status_code == 202
    assert world.simulator.hooks.wait()
    (first, body), (second, again) = receiver.got
    assert first["x-github-delivery"] == second["x-github-delivery"]
    assert body == again
    listed = world.call("GET", "/app/hook/deliveries?status=failure", token=world.jwt()).json()
    assert failed.id in [row["id"] for row in listed]
    assert all(row["status_code"] >= 400 for row in listed)


def test_deliveries_are_listed_newest_first_with_a_cursor(world: World, receiver: type[Receiver]) -> None:
    for number in range(5):
        world.simulator.comment(FULL_NAME, world.number, f"number {number}", author="bob")
    assert world.simulator.hooks.wait()
    seen: list[int] = []
    path = "/app/hook/deliveries?per_page=2"
    while path:
        answer = world.call("GET", path, token=world.jwt())
        seen += [row["id"] for row in answer.json()]
        following = answer.links.get("next", {}).get("url", "")
        path = following.removeprefix(world.url)
    assert seen == sorted((row.id for row in world.simulator.deliveries()), reverse=True)


def test_a_push_sends_synchronize_with_before_and_after(world: World, receiver: type[Receiver]) -> None:
    before = world.simulator.pull(FULL_NAME, world.number).head_sha
    after = commit(world.source, "More", {"more.txt": "x\n"})
    world.simulator.push(FULL_NAME, "feature", source=world.source, revision=after, author="alice")
    assert world.simulator.hooks.wait()
    payload = json.loads(receiver.got[-1][1])
    assert (payload["action"], payload["before"], payload["after"]) == ("synchronize", before, after)
    assert payload["pull_request"]["head"]["sha"] == after


def test_what_the_app_writes_comes_back_as_an_event_of_its_bot(world: World, receiver: type[Receiver]) -> None:
    world.call("POST", f"/repos/{FULL_NAME}/issues/{world.number}/comments", {"body": "/kilo review"})
    assert world.simulator.hooks.wait()
    payload = json.loads(receiver.got[-1][1])
    assert payload["sender"] == {**payload["sender"], "login": "kilo-review[bot]", "type": "Bot"}
    assert payload["comment"]["performed_via_github_app"]["id"] == world.simulator.app.id


def test_nobody_home_is_a_recorded_failure(world: World) -> None:
    world.simulator.app.webhook_url = "http://127.0.0.1:9/"
    world.simulator.comment(FULL_NAME, world.number, "hello", author="bob")
    assert world.simulator.hooks.wait()
    world.simulator.app.webhook_url = ""
    assert world.simulator.deliveries()[-1].status_code == 502


def test_a_payload_over_25_mb_is_not_delivered_at_all(world: World, receiver: type[Receiver]) -> None:
    before = len(world.simulator.deliveries())
    world.simulator.comment(FULL_NAME, world.number, "x" * (25 * 1024 * 1024), author="bob")
    assert world.simulator.hooks.wait()
    assert len(world.simulator.deliveries()) == before
    world.simulator.state.comments.popitem()
