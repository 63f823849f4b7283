"""A canary in every setting that holds a secret, a whole day of faults: no log, no file and no Redis holds one."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from reviewer.demo.simulator import Fault
from reviewer.queue.embedded import find_server
from reviewer.settings import PROVIDER_KEYS
from tests.campaigns.served import Served, served
from tests.process_tree import wait_for
from tests.service.rig import REPOSITORY, answer
from tests.simulators.behaviour import Behaviour, Say, Status
from tests.simulators.provider import KEY
from webhooks.signature import sign

pytestmark = pytest.mark.skipif(find_server() is None, reason="no redis-server, valkey-server, or wheel with one")

NOBODY = "http://127.0.0.1:1/v1"


def canary(name: str) -> str:
    """A value that no ordinary text holds, another one for each setting."""
    return f"canary-{base64.b32encode(name[::-1].encode()).decode().strip('=')}-Zk39xQ7pLm2V"


SECRETS = {
    "GITHUB_WEBHOOK_SECRET": canary("GITHUB_WEBHOOK_SECRET"),
    "GITHUB_WEBHOOK_SECRET_OLD": canary("GITHUB_WEBHOOK_SECRET_OLD"),
    "KILO_REVIEW_METRICS_TOKEN": canary("KILO_REVIEW_METRICS_TOKEN"),
    "KILO_REVIEW_MCP_TOKEN": canary("KILO_REVIEW_MCP_TOKEN"),
    "KILO_REVIEW_API_TOKEN": canary("KILO_REVIEW_API_TOKEN"),
    **{name: canary(name) for name in PROVIDER_KEYS if name != "OPENAI_API_KEY"},
}
HOOK = canary("KILO_REVIEW_ALERT_WEBHOOK")
MORE = {
    **SECRETS,
    **{
        f"KILO_REVIEW_{provider.upper()}_BASE_URL": NOBODY
        for provider in (*PROVIDER_KEYS.values(), "ollama", "lmstudio", "llamacpp")
        if provider != "openai"
    },
    "KILO_REVIEW_ALERT_WEBHOOK": f"http://127.0.0.1:1/services/{HOOK}",
    "LOG_LEVEL": "DEBUG",
    "LOG_FORMAT": "json",
}


def forms(secret: str) -> Iterator[bytes]:
    data = secret.encode()
    yield from (data, data[::-1], data.hex().encode(), quote(secret, safe="").encode())
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + data).decode().rstrip("=")
        yield encoded[(0, 2, 3)[lead] : len(encoded) - 1].encode()


Day = tuple[Served, list[str], dict[str, str]]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """The service after a day of deliveries, reviews and faults, stopped; its log and its secrets."""
    with served(tmp_path_factory.mktemp("canaries"), more=MORE) as service:
        rig = service.rig
        rig.simulator.app.webhook_secret = SECRETS["GITHUB_WEBHOOK_SECRET"]
        tokens: list[str] = []
        echo = " ".join([*SECRETS.values(), HOOK, KEY])

        def says_secrets(body: object) -> Behaviour:
            said = json.loads(answer(body))
            for finding in said.get("findings", ()):
                finding["body"] = echo
            return Say(json.dumps(said))

        # What providers say of a key that they refuse holds the key.
        rig.reviewer.next = [
            Status(401, f"Incorrect API key provided: {KEY} {echo}"),
            Status(500, echo),
            says_secrets,
        ]
        published = rig.open()
        service.wait_until_published(published, 90)
        send(service, b"{}", {})
        send(service, b"{}", signed(b"{}", SECRETS["GITHUB_WEBHOOK_SECRET_OLD"]))
        send(service, f"not json {echo}".encode(), signed(f"not json {echo}".encode()))
        send(service, b"{}", {**signed(b"{}"), "X-GitHub-Delivery": echo})
        rig.command(published, f"/kilo review with {echo.split()[0]}")
        rig.command(published, "/kilo nonsense")
        rig.reviewer.always = Status(401, f"Incorrect API key provided: {KEY}")
        # And what GitHub says of a request may quote anything.
        rig.simulator.faults.plan("GET", r"/pulls/\d+$", Fault(422, echo))
        failing = rig.open()
        wait_for(lambda: service.review(failing)[1] not in ("", "accepted", "running"), 90, "the end of the second")
        scrape(service)
        tokens += list(rig.simulator.state.tokens)
        key = rig.simulator.app.private_key.split("\n")[3]
        service.stop()
        secrets = {**SECRETS, "alert": HOOK, "openai": KEY, "key": key}
        secrets |= {f"token {number}": token for number, token in enumerate(tokens)}
        yield service, service.log.splitlines(), secrets


def signed(body: bytes, secret: str = SECRETS["GITHUB_WEBHOOK_SECRET"]) -> dict[str, str]:
    return {
        "X-Hub-Signature-256": sign(body, secret),
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": "7f1b8a52-0000-4000-8000-000000000000",
        "Content-Type": "application/json",
    }


def send(service: Served, body: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    try:
        connection.request("POST", "/webhooks/github", body=body, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def scrape(service: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    try:
        token = SECRETS["KILO_REVIEW_METRICS_TOKEN"]
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        assert (response.status, token.encode() in response.read()) == (200, False)
    finally:
        connection.close()


def test_no_log_no_file_and_no_queue_holds_a_secret_in_any_form(day: Day):
    service, lines, secrets = day
    assert len(secrets) > 15
    # It was looked where they were about to be: the log has the place of one, and the ledger that of another.
    assert any("[redacted]" in line for line in lines)
    assert b"[redacted]" in b"".join(path.read_bytes() for path in Path(service.state).glob("ledger.sqlite*"))
    files = [path for path in Path(service.state).rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert any("aof" in name for name in names)
    assert "ledger.sqlite" in names
    found = [
        (name, path.relative_to(service.state))
        for path in files
        for data in [path.read_bytes()]
        for name, secret in secrets.items()
        if any(form in data for form in forms(secret))
    ]
    assert found == []


def test_every_line_of_a_json_log_is_an_object_that_names_its_process(
    day: Day,
):
    _, lines, _ = day
    rows = [json.loads(line) for line in lines]
    assert {row["process"] for row in rows} >= {"serve", "web", "worker", "clock"}
    assert all(set(row) >= {"time", "level", "logger", "message"} for row in rows)


def test_every_line_of_a_job_names_its_review_and_the_delivery_that_asked(
    day: Day,
):
    _, lines, _ = day
    rows = [json.loads(line) for line in lines]
    deliveries = {row["delivery"] for row in rows if row["process"] == "web" and "delivery" in row}
    jobs = [row for row in rows if row["process"] == "worker" and row["logger"].startswith("reviewer.jobs")]
    assert len({row["review"] for row in jobs}) >= 2
    for row in jobs:
        assert row["repository"] == REPOSITORY
        assert row["delivery"] in deliveries, row
    taken = [row for row in rows if row["process"] == "web" and row["message"].startswith("delivery event=")]
    # Each delivery that GitHub sent is logged once, with its decision.
    assert len(taken) == len({row["delivery"] for row in taken})
    assert all("status=" in row["message"] for row in taken)
    assert sum("delivery refused" in row["message"] for row in rows) >= 1
