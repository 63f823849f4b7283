"""The clock: nothing that was promised stays undone, whoever else looks at the same time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from reviewer.demo.simulator import Fault
from reviewer.demo.simulator.server import GitHubSimulator
from reviewer.errors import ConfigurationError, GitHubUnavailable
from reviewer.github.auth import AppAuth
from reviewer.github.deliveries import hook_deliveries
from reviewer.github.deliveries import redeliver as ask_again
from reviewer.github.records import HookDelivery
from reviewer.ledger.alerts import Alert
from reviewer.ledger.keys import MAX_TRIES, ReviewKey
from reviewer.ledger.ledger import Ledger
from reviewer.processes.alerts import poster, send_alerts
from reviewer.processes.redelivery import LONGEST_PAUSE, RETENTION, Cursor, look_back, plan
from reviewer.processes.scheduler import QUIET, RECONCILE_SECONDS, ROWS, Clock, Duty, announce, reconcile, redeliver
from reviewer.queue.embedded import EmbeddedRedis, find_server
from reviewer.queue.queue import ReviewQueue, connect
from reviewer.settings import Secret

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    ledger.migrate()
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    if find_server() is None:
        pytest.skip("no redis-server, valkey-server, or wheel with one")
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def client(server: EmbeddedRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as connection:
        connection.flushall()
        yield connection


def accept(ledger: Ledger, number: int, now: datetime = NOW) -> int:
    key = ReviewKey(1, 2, number, f"{number:040x}")
    return ledger.requests.accept(key, actor="ann", payload={}, now=now).review_id


def waiting(client: redis.Redis) -> list[int]:
    return sorted(int(job.split(b"-")[1]) for job in client.lrange("rq:queue:reviews", 0, -1))


def test_every_review_that_the_queue_lost_is_queued_again(ledger: Ledger, client: redis.Redis):
    queue = ReviewQueue(client)
    reviews = [accept(ledger, number) for number in range(1, 51)]
    for review in reviews:
        queue.enqueue(review)
    client.flushall()
    assert reconcile(ledger.backlog, queue, LATER) == 50
    assert waiting(client) == reviews


def test_a_backlog_of_any_length_is_queued_again_to_its_end(ledger: Ledger, client: redis.Redis):
    # More than the looks of one quiet time can take: those that wait at the front must not come up again and again.
    looks = int(QUIET.total_seconds() / RECONCILE_SECONDS)
    reviews = [accept(ledger, number) for number in range(1, ROWS * looks + 102)]
    queue = ReviewQueue(client)
    for look in range(looks + 2):
        reconcile(ledger.backlog, queue, LATER + look * timedelta(seconds=RECONCILE_SECONDS))
    assert waiting(client) == reviews


def test_a_fresh_review_is_left_to_the_queue(ledger: Ledger, client: redis.Redis):
    accept(ledger, 1)
    assert reconcile(ledger.backlog, ReviewQueue(client), NOW + timedelta(seconds=5)) == 0
    assert waiting(client) == []


def test_what_waits_in_the_queue_is_not_queued_twice_and_not_looked_at_all_the_time(ledger, client):
    queue = ReviewQueue(client)
    review = accept(ledger, 1)
    queue.enqueue(review)
    assert reconcile(ledger.backlog, queue, LATER) == 0
    assert ledger.backlog.unfinished(LATER + timedelta(seconds=5), quiet=timedelta(seconds=20)) == ()
    assert waiting(client) == [review]


def test_many_clocks_at_once_queue_each_review_once(ledger: Ledger, server: EmbeddedRedis, client: redis.Redis):
    reviews = [accept(ledger, number) for number in range(1, 31)]
    queues = [ReviewQueue(connect(server.url, timeout=10)) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        queued = sum(pool.map(lambda queue: reconcile(ledger.backlog, queue, LATER), queues))
    assert waiting(client) == reviews
    assert queued == len(reviews)


def test_a_review_with_a_live_lease_or_a_later_date_is_left_alone(ledger: Ledger, client: redis.Redis):
    held, due_later = accept(ledger, 1), accept(ledger, 2)
    assert ledger.reviews.begin(held, "w", NOW, timedelta(minutes=10))
    lease = ledger.reviews.begin(due_later, "w", NOW, timedelta(minutes=10))
    assert lease is not None
    ledger.reviews.defer(lease, NOW + timedelta(hours=1), "GitHub asked us to wait", NOW)
    queue = ReviewQueue(client)
    assert reconcile(ledger.backlog, queue, LATER) == 0
    assert reconcile(ledger.backlog, queue, NOW + timedelta(minutes=11)) == 1
    assert waiting(client) == [held]
    assert reconcile(ledger.backlog, queue, NOW + timedelta(hours=1, minutes=1)) == 1


def test_while_the_queue_is_down_nothing_is_marked_as_queued(ledger: Ledger, client: redis.Redis):
    review = accept(ledger, 1)
    assert reconcile(ledger.backlog, ReviewQueue(connect("redis://127.0.0.1:1")), LATER) == 0
    assert reconcile(ledger.backlog, ReviewQueue(client), LATER) == 1
    assert waiting(client) == [review]


def test_a_poison_job_is_parked_and_its_pull_request_is_told(ledger: Ledger, client: redis.Redis):
    review = accept(ledger, 1)
    now = NOW
    for _ in range(MAX_TRIES):
        assert ledger.reviews.begin(review, "dies", now, timedelta(minutes=1))
        now += timedelta(minutes=2)
    queue = ReviewQueue(client)
    assert reconcile(ledger.backlog, queue, now) == 0
    assert waiting(client) == []
    assert announce(ledger.backlog, queue) == 1
    assert client.lrange("rq:queue:reviews", 0, -1) == [b"notice-%d" % review]
    assert announce(ledger.backlog, queue) == 0


# Redelivery


class World:
    """A GitHub whose deliveries go to a server of ours that is up or down."""

    def __init__(self, github: GitHubSimulator) -> None:
        self.github = github
        self.status = 202
        self.seen: list[str] = []
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                if world.status < 300:
                    world.seen.append(self.headers["X-GitHub-Delivery"])
                self.send_response(world.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        github.app.webhook_url = f"http://127.0.0.1:{self.server.server_port}/webhooks/github"
        auth = AppAuth(
            str(github.app.id), Secret(github.app.private_key), github.url, now=lambda: datetime.now(UTC)
        )
        self.api = auth.api

    def send(self, count: int) -> list[str]:
        sent = [
            self.github.hooks.send(self.github.app, "push", "", {"n": n}, installation_id=1).guid
            for n in range(count)
        ]
        assert self.github.hooks.wait()
        return sent

    def attempts(self, since: str):
        return hook_deliveries(self.api, since=since)

    def redeliver(self, attempt_id: int) -> None:
        ask_again(self.api, attempt_id)

    def look(self, ledger: Ledger, now: datetime | None = None, batch: int = 30) -> int:
        asked = redeliver(ledger.cursors, self, now or datetime.now(UTC), batch=batch)
        assert self.github.hooks.wait()
        return asked


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with GitHubSimulator(tmp_path / "github") as github:
        world = World(github)
        yield world
        world.server.shutdown()
        world.server.server_close()


def test_what_was_missed_while_the_server_was_down_arrives_once_it_is_up(world: World, ledger: Ledger):
    arrived = world.send(3)
    world.status = 503
    missed = world.send(6)
    world.status = 202
    arrived += world.send(2)
    assert world.look(ledger) == 6
    assert sorted(world.seen) == sorted(arrived + missed)
    assert world.look(ledger, datetime.now(UTC) + timedelta(hours=2)) == 0


def test_a_wrong_secret_is_made_good_and_a_hopeless_body_is_not_repeated(world: World, ledger: Ledger):
    world.status = 401
    wrong_secret = world.send(2)
    world.status = 400
    world.send(2)
    world.status = 202
    assert world.look(ledger) == 2
    assert sorted(world.seen) == sorted(wrong_secret)


@pytest.mark.parametrize("status", [404, 422])
def test_a_delivery_that_github_does_not_send_again_does_not_hold_the_others_up(
    world: World, ledger: Ledger, status: int
):
    world.status = 503
    missed = world.send(4)
    world.status = 202
    world.github.faults.plan("POST", r"/deliveries/\d+/attempts$", Fault(status, "Gone"))
    assert world.look(ledger) == 3
    assert len(set(world.seen) & set(missed)) == 3


def test_what_is_missing_is_asked_for_in_portions_across_restarts(world: World, ledger: Ledger):
    world.status = 500
    missed = world.send(12)
    world.status = 202
    now = datetime.now(UTC)
    # A new plan each time, as after a restart: only the ledger's cursor is kept.
    assert [world.look(ledger, now, batch=10) for _ in range(4)] == [10, 2, 0, 0]
    assert sorted(world.seen) == sorted(missed)


def attempt(number: int, guid: str, at: datetime, status: int) -> HookDelivery:
    return HookDelivery.from_json(
        {
            "id": number,
            "guid": guid,
            "event": "push",
            "action": None,
            "status_code": status,
            "delivered_at": at.isoformat(),
            "redelivery": False,
            "installation_id": 1,
            "repository_id": 1,
        }
    )


@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.sampled_from([0, 200, 202, 302, 400, 401, 404, 413, 500, 503])),
        max_size=30,
    )
)
def test_a_delivery_is_asked_for_exactly_when_no_attempt_brought_it(rows: list[tuple[str, int]]):
    attempts = [attempt(n, guid, NOW - timedelta(minutes=30 - n), status) for n, (guid, status) in enumerate(rows)]
    home = {guid for guid, status in rows if 200 <= status < 300 or status in {400, 411, 413, 415}}
    latest = {guid: n for n, (guid, _) in enumerate(rows)}
    planned = plan(attempts, Cursor.start(NOW), NOW)
    assert sorted(planned.again) == sorted(number for guid, number in latest.items() if guid not in home)
    # Again at once: nothing, also after the cursor went through JSON.
    kept = Cursor.from_json(planned.cursor.to_json(), NOW)
    assert kept == planned.cursor
    assert plan(attempts, kept, NOW).again == ()
    # And after the longest pause all of them, even when GitHub's list no longer shows them.
    later = plan((), kept, NOW + LONGEST_PAUSE)
    assert sorted(later.again) == sorted(planned.again)


def test_while_the_server_stays_down_the_pauses_grow():
    cursor, asked = Cursor.start(NOW), []
    rows = [attempt(0, "a", NOW, 0)]
    for minute in range(200):
        planned = plan(rows, cursor, NOW + timedelta(minutes=minute))
        cursor = planned.cursor
        if planned.again:
            asked.append(minute)
            rows.append(attempt(minute + 1, "a", NOW + timedelta(minutes=minute), 502))
    assert asked == [0, 1, 3, 7, 15, 31, 63, 123, 183]


def test_what_github_no_longer_keeps_is_given_up():
    planned = plan([attempt(1, "a", NOW, 500)], Cursor.start(NOW), NOW)
    assert plan((), planned.cursor, NOW + RETENTION + timedelta(seconds=1)).cursor.missing == {}


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"since": 1, "missing": {}}', '{"since": "x"}'])
def test_a_cursor_that_cannot_be_read_starts_again(text: str):
    cursor = Cursor.from_json(text, NOW)
    assert cursor == Cursor.start(NOW)
    assert look_back(cursor, NOW) == "2026-11-18T12:00:00Z"


# The loop and the alerts


def test_a_duty_that_fails_does_not_stop_the_others_and_is_tried_again(caplog: pytest.LogCaptureFixture):
    moment = [0.0]
    done: list[str] = []

    def bad() -> int:
        done.append("bad")
        raise ValueError("a bug")

    def refused() -> int:
        done.append("refused")
        raise GitHubUnavailable("no answer")

    def good() -> int:
        done.append("good")
        return 1

    duties = [Duty("bad", 10, bad), Duty("refused", 10, refused), Duty("good", 5, good)]
    clock = Clock(duties, threading.Event(), monotonic=lambda: moment[0])
    clock.tick()
    clock.tick()
    assert done == ["bad", "refused", "good"]
    moment[0] = 5
    clock.tick()
    assert done[3:] == ["good"]
    moment[0] = 10
    clock.tick()
    assert done[4:] == ["bad", "refused", "good"]
    assert "a bug" in caplog.text
    assert "no answer" in caplog.text


def test_a_stopped_clock_ends_without_another_duty():
    stop = threading.Event()
    done: list[int] = []

    def once() -> int:
        done.append(1)
        stop.set()
        return 0

    Clock([Duty("a", 0, once), Duty("b", 0, once)], stop).run()
    assert done == [1]


class AlertBook:
    """Alerts as the ledger hands them out; its own tests hold it to that."""

    def __init__(self, *alerts: Alert) -> None:
        self.waiting = list(alerts)
        self.taken: list[int] = []

    def due(self, now: datetime, limit: int = 50) -> tuple[Alert, ...]:
        return tuple(self.waiting)

    def claim(self, alert: Alert, now: datetime, again_at: datetime) -> bool:
        if alert not in self.waiting:
            return False
        self.waiting.remove(alert)
        return True

    def sent(self, alert_id: int, now: datetime) -> None:
        self.taken.append(alert_id)


def test_an_alert_is_posted_as_json_and_a_refusal_leaves_it_due(world: World):
    from decimal import Decimal

    from policies.budgets import Scope

    alert = Alert(4, Scope.ORGANISATION_MONTH, "octo", "2026-11", 80, Decimal(100), Decimal(81), False, NOW)
    post = poster(world.github.app.webhook_url)
    world.status = 500
    book = AlertBook(alert)
    assert send_alerts(book, post, NOW) == 0
    assert book.taken == []
    received: list[dict[str, object]] = []
    assert send_alerts(AlertBook(alert), lambda payload: bool(received.append(dict(payload)) or True), NOW) == 1
    assert "80 %" in str(json.loads(json.dumps(received[0]))["text"])


def test_an_alert_follows_no_redirect_and_only_http(world: World):
    world.status = 302
    assert not poster(world.github.app.webhook_url)({"text": "x"})
    for url in ("file:///etc/passwd", "ftp://x/", "gopher://x"):
        with pytest.raises(ConfigurationError, match="KILO_REVIEW_ALERT_WEBHOOK"):
            poster(url)
