"""What the service needs is gone, or too much comes: accepted work survives, and what was missed is asked for."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from reviewer.demo.simulator import Fault
from reviewer.ledger.keys import MAX_TRIES
from reviewer.queue.embedded import find_server
from tests.campaigns.served import MANY, Killed, Served, kill_at, served, table
from tests.campaigns.test_kills import REPEATS
from tests.process_tree import wait_for
from tests.service.rig import POLICY, REPOSITORY
from tests.simulators.behaviour import Behaviour, Status
from webhooks.signature import sign

pytestmark = pytest.mark.skipif(find_server() is None, reason="no redis-server, valkey-server, or wheel with one")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("outages")) as running:
        yield running


class Sender:
    """Posts signed deliveries of pull requests that nobody has, over one kept connection per thread."""

    def __init__(self, service: Served) -> None:
        self.service = service
        self.local = threading.local()
        self.open: list[http.client.HTTPConnection] = []
        repository = service.rig.simulator.repository(REPOSITORY)
        (installation,) = service.rig.simulator.state.installations.values()
        self.ids = (repository.id, installation.id)

    def post(self, number: int) -> tuple[int, dict[str, object]]:
        """Return status and JSON of the answer; 0 where there was none."""
        repository, installation = self.ids
        user = {"login": "octocat", "id": 7, "type": "User"}
        payload = {
            "action": "synchronize",
            "number": number,
            "installation": {"id": installation},
            "sender": user,
            "repository": {"id": repository, "full_name": REPOSITORY, "private": True},
            "pull_request": {
                "number": number,
                "state": "open",
                "draft": False,
                "user": user,
                "head": {"sha": f"{random.getrandbits(160):040x}", "repo": {"id": repository}},
                "base": {"sha": "b" * 40, "repo": {"id": repository}},
                "body": "x" * 20_000,
            },
        }
        body = json.dumps(payload).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "pull_request",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": sign(body, self.service.environ["GITHUB_WEBHOOK_SECRET"]),
        }
        try:
            connection = self._connection()
            connection.request("POST", "/webhooks/github", body=body, headers=headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            self._connection().close()
            self.local.connection = None
            return 0, {}

    def close(self) -> None:
        for connection in self.open:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self.local, "connection", None)
        if found is None:
            found = self.local.connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=10)
            self.open.append(found)
        return found


# T5


def lose_redis(service: Served, acks: int, kills: int) -> tuple[float, list[str]]:
    """Kill Redis while deliveries are accepted; return the seconds until the queue was whole, and problems."""
    wait_for(lambda: service.child("worker") and service.child("clock"), 60, "the worker")
    sender = Sender(service)
    when = sorted(random.sample(range(acks // 4, acks), kills))
    accepted: list[int] = []
    refused = 0
    with hold_worker(service):
        for number in range(acks):
            if number in when:
                kill_redis(service)
            status, said = sender.post(1_000_000 + number)
            if status == 202:
                accepted.append(int(str(said["review"])))
            else:
                refused += 1
        sender.close()
        began = time.monotonic()
        missing = set(accepted)
        while missing and time.monotonic() - began < 600:
            time.sleep(0.5)
            # The supervisor may be starting it again just now.
            with contextlib.suppress(OSError, redis_errors()), service.redis() as client:
                waiting = client.lrange("rq:queue:reviews", 0, -1)
                missing = set(accepted) - {int(job.decode().partition("-")[2]) for job in waiting}
        took = time.monotonic() - began
        with service.redis() as client:
            twice = [job for job, count in Counter(client.lrange("rq:queue:reviews", 0, -1)).items() if count > 1]
            client.delete("rq:queue:reviews")
        service.write("update reviews set state = 'refused' where number >= 1000000")
    print(
        f"\nT5: {len(accepted)} accepted, {refused} refused, {kills} kills of Redis, whole again after {took:.1f} s"
    )
    return took, [f"lost: {len(missing)}"] * bool(missing) + [f"queued twice: {twice[:3]}"] * bool(twice)


def redis_errors() -> type[Exception]:
    import redis

    return redis.RedisError


@contextlib.contextmanager
def hold_worker(service: Served) -> Iterator[None]:
    """Stop the worker, so that what is accepted stays in the queue."""
    worker = service.child("worker")
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGCONT)


def kill_redis(service: Served) -> None:
    with contextlib.suppress(OSError, redis_errors()), service.redis() as client:
        os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_what_was_accepted_is_in_the_queue_again_after_redis_was_killed(service: Served) -> None:
    for _ in range(REPEATS):
        took, problems = lose_redis(service, 1000, kills=2)
        assert problems == [], service.log[-3000:]
        assert took <= 600
    number = service.rig.open()
    service.wait_until_published(number, 120)
    assert service.problems(number) == []


# T9


def be_down(service: Served, pulls: int, pushes: int, *, bound: float) -> float:
    """Miss every event of some pull requests, come back, restart on the way; return the seconds to the last one."""
    rig = service.rig
    service.stop()
    seen = {delivery.guid for delivery in rig.simulator.deliveries()}
    numbers = [rig.open() for _ in range(pulls)]
    for turn in range(pushes):
        for number in numbers:
            rig.push(number, {f"docs/note-{turn}.md": f"# Note {turn}\n"})
    assert rig.simulator.hooks.wait()
    missed = [item for item in rig.simulator.deliveries() if item.guid not in seen]
    assert len(missed) == pulls * (1 + pushes)
    assert all(item.status_code == 502 for item in missed)
    guids = {item.guid for item in missed}
    service.start()
    began = time.monotonic()

    def home() -> int:
        return len(
            {item.guid for item in rig.simulator.deliveries() if item.guid in guids and item.status_code == 202}
        )

    if pushes > 1:
        wait_for(lambda: home() > len(guids) // 3, bound, "a third of the deliveries")
        service.stop()
        service.start()
    wait_for(lambda: home() == len(guids), bound, "every delivery")
    took = time.monotonic() - began
    for number in numbers:
        service.wait_until_published(number, bound)
        assert service.problems(number) == []
        assert {row.original_commit_id for row in rig.shown(number).inline} == {
            rig.simulator.pull(REPOSITORY, number).head_sha
        }
    attempts = Counter(item.guid for item in rig.simulator.deliveries() if item.guid in guids)
    print(
        f"\nT9: {len(guids)} events missed, the last one taken {took:.0f} s after the start, every newest head "
        f"reviewed after {time.monotonic() - began:.0f} s, at most {max(attempts.values())} attempts at one"
    )
    # The attempt that failed, one that was asked for, and one that was on its way when the service was stopped.
    assert max(attempts.values()) <= 3
    return took


@pytest.mark.campaign
def test_events_that_were_missed_are_asked_for_when_the_service_is_back(service: Served) -> None:
    be_down(service, 2, 0, bound=150)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_two_hundred_events_without_a_server(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        assert be_down(running, 40, 4, bound=1500) <= 600


# T16


def test_a_ledger_that_cannot_be_written_stops_every_call_until_it_can(service: Served) -> None:
    asked = service.rig.calls
    locked = sqlite3.connect(service.state / "ledger.sqlite", isolation_level=None, check_same_thread=False)
    held = threading.Event()

    def lock() -> None:
        locked.execute("BEGIN IMMEDIATE")
        held.set()

    # After the threads are read context is gathered and the first call reserved.
    service.rig.simulator.faults.plan("POST", r"/graphql$", Fault(delay=0.001, after=True, hook=lock))
    number = service.rig.open()
    wait_for(held.is_set, 60, "the lock")
    time.sleep(3)
    assert service.rig.calls == asked
    locked.execute("ROLLBACK")
    locked.close()
    service.wait_until_published(number, 150)
    assert service.problems(number) == []


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_reviews_that_race_for_a_budget_never_overspend_it(tmp_path: Path) -> None:
    # A review costs $0.0002 here, and reserves thirty times as much for a call: there is room for about fifteen.
    reviews, room = 60, Decimal("0.010")
    policy = POLICY + MANY + f'\n[[limits]]\nscope = "organisation-month"\namount = "{room}"\n'
    with served(tmp_path, policy=policy) as running, contextlib.ExitStack() as stack:
        from tests.campaigns.test_stops import another_worker

        stack.enter_context(another_worker(running))
        numbers = [running.rig.open() for _ in range(reviews)]
        for number in numbers:
            wait_for(lambda it=number: running.review(it)[1] == "published", 900, f"the end of #{number}")
        bill = running.rig.bill()
        green = [it for it in numbers if running.rig.shown(it).check.conclusion == "success"]
        whole = sum(running.problems(it) == [] for it in numbers)
    print(f"\nT16: {reviews} reviews, a limit of ${room}: ${bill} billed, {whole} whole, none green of the rest")
    assert bill <= room
    assert 0 < whole < reviews
    assert green == []


# T18


@pytest.mark.parametrize("seconds", [-60, 60])
def test_a_clock_that_differs_from_github_s_loses_nothing_to_a_kill(service: Served, seconds: int) -> None:
    with skewed(service, seconds):
        killed = kill_at(service, "K9")
    assert killed.problems == [], service.log[-3000:]


@contextlib.contextmanager
def skewed(service: Served, seconds: int) -> Iterator[None]:
    """Put GitHub's clock ahead of ours, or behind it."""
    service.rig.clock.ahead = timedelta(seconds=seconds)
    try:
        yield
    finally:
        service.rig.clock.ahead = timedelta(0)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_clocks_that_differ_at_every_point(service: Served) -> None:
    kills: list[Killed] = []
    for _ in range(REPEATS):
        for seconds in (-60, 60, -600, 600):
            with skewed(service, seconds):
                kills += [kill_at(service, point) for point in ("K3", "K5", "K6", "K9", "K10", "K12")]
    print(f"\nT18: clocks 60 s and 600 s apart, kill -9 of the worker\n{table(kills)}")
    assert [(kill.point, kill.problems) for kill in kills if kill.problems] == []


# T19


def poison(service: Served) -> Killed:
    """Open a pull request whose every model request kills the worker; it is parked, told, and harms nobody."""
    deaths: list[float] = []

    def refuse(body: object) -> Behaviour:
        service.kill()
        deaths.append(time.monotonic())
        return Status(503)

    wait_for(lambda: service.child("worker"), 60, "the worker")
    service.rig.reviewer.always, service.rig.reviewer.next = None, [refuse] * 20
    number = service.rig.open()
    try:
        wait_for(lambda: service.review(number)[1] == "parked", 200, "the parking")
        wait_for(lambda: service.rig.shown(number).checks[-1:] and service.rig.shown(number).check.conclusion, 120)
    finally:
        service.rig.reviewer.next = []
        service.killed_at = 0.0
    noted = time.monotonic() - deaths[-1]
    shown = service.rig.shown(number)
    other = service.rig.open()
    service.wait_until_published(other, 60)
    problems = [f"the next review: {problem}" for problem in service.problems(other)]
    if len(deaths) != MAX_TRIES:
        problems.append(f"{len(deaths)} tries")
    if (shown.check.conclusion, shown.inline, shown.reviews) != ("neutral", [], 0):
        problems.append(f"shown: {shown.check.conclusion}, {len(shown.inline)} comments, {shown.reviews} reviews")
    if "/kilo review" not in shown.check.summary:
        problems.append("the note does not say what to do")
    return Killed("poison", 0.0, noted, 0, problems)


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_a_review_that_kills_every_worker_is_parked_and_says_so(service: Served) -> None:
    parked = poison(service)
    print(f"\nT19: parked, noted {parked.published:.0f} s after the last death")
    assert parked.problems == []


def load(service: Served, rate: int, seconds: int, number: int) -> tuple[Counter[int], list[float]]:
    """Post so many deliveries a second about ten pull requests from `number` on, however slow the answers.

    A policy may let no pull request have more than 1,000 reviews an hour. Return the statuses, and after how
    many seconds, from when it was due, each was answered, shortest first.
    """
    sender = Sender(service)
    began = time.monotonic() + 0.5
    statuses: Counter[int] = Counter()
    waits: list[float] = []
    lock = threading.Lock()

    def one(turn: int) -> None:
        due = began + turn / rate
        time.sleep(max(0.0, due - time.monotonic()))
        status, _ = sender.post(number + turn % 10)
        with lock:
            statuses[status] += 1
            waits.append(time.monotonic() - due)

    # More senders than the server has threads: a slow answer holds up nobody else's delivery here.
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(one, range(rate * seconds)))
    sender.close()
    return statuses, sorted(waits)


def test_deliveries_of_a_storm_are_all_accepted(service: Served) -> None:
    statuses, _ = load(service, 50, 2, 1_000_000)
    assert statuses == {202: 100}


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_a_hundred_deliveries_a_second_for_a_minute(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        statuses, waits = load(running, 100, 60, 1_000_000)
        rows = running.rows("select count(*) from reviews")[0][0]
    p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    print(
        f"\nT19: {sum(statuses.values())} deliveries in 60 s: {dict(statuses)}, median {p50 * 1000:.0f} ms, "
        f"p99 {p99 * 1000:.0f} ms, slowest {waits[-1] * 1000:.0f} ms, load average {os.getloadavg()[0]:.1f}"
    )
    # How fast depends on the machine; that each is answered and kept does not.
    assert statuses == {202: 6000}
    assert rows == 6000
