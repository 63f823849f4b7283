"""Read every metric at one moment, and write it in Prometheus's text format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from reviewer.errors import LedgerUnavailable
from reviewer.ledger.statistics import Statistics, Unfinished
from reviewer.metrics.totals import RunningTotals, Totals

PREFIX: Final = "kilo_review_"
# A limit that refused a call within this time counts as refusing.
REFUSING_SPAN: Final = timedelta(hours=24)
MODEL_LABELS: Final = ("provider", "model")

DeliveryCounts = Callable[[], Mapping[tuple[str, ...], int]]


class QueueLength(Protocol):
    """What the metrics need of the queue."""

    def length(self) -> int | None:
        """Return how many jobs wait, None where the queue does not answer."""


class Metrics(Collector):
    """Collects everything when it is asked; keeps no file, so web, worker and clock share nothing for it."""

    def __init__(
        self,
        statistics: Statistics,
        queue: QueueLength,
        deliveries: DeliveryCounts,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._statistics = statistics
        self._totals = RunningTotals(statistics)
        self._queue = queue
        self._deliveries = deliveries
        self._now = now
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """Return the metrics as Prometheus's text format."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Describe nothing: registering must ask neither the ledger nor the queue."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; a ledger or a queue that does not answer is a metric too."""
        yield _counter("deliveries", "webhook deliveries", ("event", "decision"), self._deliveries())
        length = self._queue.length()
        yield _gauge("queue_up", "whether Redis answers", length is not None)
        if length is not None:
            yield _gauge("queue_length", "jobs that wait in Redis", length)
        now = self._now()
        try:
            unfinished, totals = self._statistics.unfinished(now), self._totals.read(now)
            refusing = self._statistics.refusing(now, REFUSING_SPAN)
            open_calls = self._statistics.open_calls()
        except LedgerUnavailable:
            yield _gauge("ledger_up", "whether the ledger answers", value=False)
            return
        yield _gauge("ledger_up", "whether the ledger answers", value=True)
        yield from _of_unfinished(unfinished, now)
        yield _gauge("limits_refusing", "spending limits that refused a call in the last 24 hours", refusing)
        yield _gauge("calls_open", "model calls under way", open_calls)
        yield from _of_reviews(totals)
        yield from _of_calls(totals)


def _of_unfinished(unfinished: Unfinished, now: datetime) -> Iterator[Metric]:
    by_state = GaugeMetricFamily(PREFIX + "reviews_unfinished", "reviews under way", labels=("state",))
    for state, count in unfinished.by_state:
        by_state.add_metric((state,), count)
    yield by_state
    age = max(0.0, (now - unfinished.oldest).total_seconds()) if unfinished.oldest else 0.0
    yield _gauge("reviews_waiting", "reviews that are due and in nobody's hands", unfinished.waiting)
    yield _gauge("reviews_waiting_oldest_seconds", "seconds since the oldest waiting review was asked for", age)
    yield _gauge("leases_expired", "leases that ran out and that nobody has taken over yet", unfinished.expired)


def _of_reviews(totals: Totals) -> Iterator[Metric]:
    seconds = SummaryMetricFamily(
        PREFIX + "review_seconds", "seconds from a delivery to the end of its review", labels=("state",)
    )
    for labels, count in totals.reviews.items():
        seconds.add_metric(labels, count_value=count, sum_value=totals.review_seconds[labels])
    yield seconds
    yield _counter("retries", "tries beyond the first: of reviews, waits, model calls", ("kind",), totals.retries)


def _of_calls(totals: Totals) -> Iterator[Metric]:
    yield _counter("calls", "model calls", (*MODEL_LABELS, "stage", "outcome"), totals.calls)
    seconds = SummaryMetricFamily(PREFIX + "stage_seconds", "seconds of model calls by stage", labels=("stage",))
    for labels, count in totals.stage_calls.items():
        seconds.add_metric(labels, count_value=count, sum_value=totals.stage_seconds[labels])
    yield seconds
    yield _counter("tokens", "tokens as the provider counts them", (*MODEL_LABELS, "kind"), totals.tokens)
    yield _counter("dollars", "US dollars of bills that were seen", MODEL_LABELS, _floats(totals.dollars))
    text = "US dollars that calls cost at most whose bill nobody saw"
    yield _counter("unconfirmed_dollars", text, MODEL_LABELS, _floats(totals.unconfirmed))
    yield _counter("unpriced_calls", "calls of models without a known price", MODEL_LABELS, totals.unpriced)
    text = "answers that failed a quality check, refusals by the model among them"
    yield _counter("failed_checks", text, (*MODEL_LABELS, "check"), totals.failed_checks)
    yield _counter("escalations", "calls of a dearer tier after a failed check", (), {(): escalations(totals)})


def escalations(totals: Totals) -> int:
    """Return how many calls were escalations."""
    return totals.stage_calls["escalation",]


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, text, value=float(value))


def _counter(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> CounterMetricFamily:
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, float(value))
    return family


def _floats(amounts: Mapping[tuple[str, ...], object]) -> dict[tuple[str, ...], float]:
    # Prometheus knows floats only; the ledger keeps the exact amounts.
    return {key: float(str(amount)) for key, amount in amounts.items()}
