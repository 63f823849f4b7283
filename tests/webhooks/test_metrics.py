"""/metrics of the real web process: for whoever has the token, with what really happened."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reviewer.demo.simulator.server import GitHubSimulator
from reviewer.queue.embedded import EmbeddedRedis
from tests.webhooks.client import Web, pull_request
from tests.webhooks.conftest import start_web

TOKEN = "a-token-for-prometheus-Zk39xQ7p"


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory, redis_server: EmbeddedRedis, github: GitHubSimulator
) -> Iterator[Web]:
    state: Path = tmp_path_factory.mktemp("measured")
    with start_web(state, redis_server.url, github, KILO_REVIEW_METRICS_TOKEN=TOKEN) as server:
        yield server


def scrape(web: Web, authorization: str = f"Bearer {TOKEN}") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    try:
        connection.request("GET", "/metrics", headers={"Authorization": authorization} if authorization else {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def samples(text: str) -> dict[tuple[str, ...], float]:
    """The samples by name and values, the values in the order of their labels' names."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_without_a_token_there_are_no_metrics(web: Web):
    assert scrape(web)[0] == 404


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer x", f"Basic {TOKEN}", f"bearer {TOKEN}", TOKEN])
def test_only_the_token_opens_them(measured: Web, authorization: str):
    status, text = scrape(measured, authorization)
    assert (status, "kilo_review" in text) == (401, False)


def test_a_scrape_says_what_was_delivered_and_what_waits(measured: Web):
    before = samples(scrape(measured)[1])
    sha = "9" * 40
    for payload in (pull_request(number=91, sha=sha), pull_request(number=91, sha=sha), pull_request("closed")):
        measured.post("pull_request", payload)
    measured.post("pull_request", pull_request(), secret="another secret")
    status, text = scrape(measured)
    after = samples(text)

    def grown(*key: str) -> float:
        return after.get(key, 0.0) - before.get(key, 0.0)

    assert status == 200
    for word in ("taken", "joined", "ignored"):
        assert grown("kilo_review_deliveries_total", word, "pull_request") == 1, word
    assert grown("kilo_review_deliveries_total", "refused", "other") == 1
    assert grown("kilo_review_reviews_unfinished", "accepted") == 1
    assert grown("kilo_review_reviews_waiting") == 1
    assert grown("kilo_review_queue_length") == 1
    assert (after["kilo_review_ledger_up",], after["kilo_review_queue_up",]) == (1, 1)
    assert TOKEN not in text
