"""The metrics of real reviews: what they say of money and work is what the provider and GitHub saw."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reviewer.metrics.read import Metrics
from tests.service.rig import Rig, rig
from tests.simulators.behaviour import Status


class NoQueue:
    def length(self) -> int | None:
        return None


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("service")) as made:
        yield made


def sums(metrics: Metrics, *names: str, **labels: str) -> list[float]:
    """The sum of each metric over the samples that have these labels."""
    found = dict.fromkeys(names, 0.0)
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            if sample.name in found and labels.items() <= sample.labels.items():
                found[sample.name] += sample.value
    return list(found.values())


def test_a_review_is_counted_with_the_calls_tokens_and_dollars_that_the_provider_books(service: Rig):
    metrics = Metrics(service.ledger.statistics, NoQueue(), dict, now=lambda: datetime.now(UTC))
    assert sums(metrics, "kilo_review_calls_total", "kilo_review_review_seconds_count") == [0, 0]
    since = len(service.reviewer.models)
    # The first request is refused for a moment: asked again, and counted as a retry.
    service.reviewer.next = [Status(503)]
    service.open()
    assert sums(metrics, "kilo_review_reviews_unfinished", "kilo_review_reviews_waiting") == [1, 1]
    service.work()
    books = service.provider.books[since:]
    calls, dollars, retries = sums(
        metrics, "kilo_review_calls_total", "kilo_review_dollars_total", "kilo_review_retries_total"
    )
    assert calls >= len(books) >= 1
    assert retries >= 1
    assert dollars == pytest.approx(float(service.bill(since)))
    assert sums(metrics, "kilo_review_tokens_total", kind="output") == [sum(row.output for row in books)]
    assert sums(metrics, "kilo_review_tokens_total", kind="input") == [sum(row.input for row in books)]
    assert sums(metrics, "kilo_review_review_seconds_count", state="published") == [1]
    assert sums(metrics, "kilo_review_reviews_unfinished", "kilo_review_calls_open") == [0, 0]
    assert sums(metrics, "kilo_review_stage_seconds_count") == [calls]
