"""The rows of the fault table that need a whole service: what is done to it, how often, and what must hold.

Each row has cases; a trial is one case on one running service. Rows that single tests hold are in `SUITE`.
"""

from __future__ import annotations

import contextlib
import copy
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.webhook import PLAIN, SECRET
from reviewer.demo.processes import free_port
from reviewer.demo.simulator import Fault
from reviewer.demo.simulator.hooks import signed_headers
from reviewer.demo.simulator.state import Delivery
from tests.campaigns.served import POINTS, UNDISTURBED_CALLS, Killed, Served, judge, kill_at, measured
from tests.campaigns.test_outages import be_down, load, lose_redis, poison, skewed
from tests.campaigns.test_stops import PLACES, orphan, stop_all, stop_and_go_on
from tests.process_tree import wait_for
from tests.service.rig import REPOSITORY, answer
from tests.simulators.behaviour import Behaviour, Say


@dataclass(frozen=True)
class Row:
    """One fault: its cases, how often each is tried in full and in short, and the target of its recovery.

    `target` is seconds at the 95th percentile until somebody goes on with the work, 0 where the row has none.
    `short` names the cases of the short run.
    """

    name: str
    fault: str
    cases: Sequence[str]
    repeats: int
    trial: Callable[[Served, str], Killed]
    target: float = 0.0
    short: Sequence[str] = ()


def _acks(service: Served, case: str) -> Killed:
    acks = int(case.partition(" ")[0])
    took, problems = lose_redis(service, acks, kills=2)
    return Killed(case, took, 0.0, 0, problems, count=acks, lost=any("lost" in it for it in problems))


def _down(service: Served, case: str) -> Killed:
    events = int(case.partition(" ")[0])
    pulls = max(1, events // 5)
    took = be_down(service, pulls, events // pulls - 1, bound=1500)
    return Killed(case, took, 0.0, 0, [], count=events)


def without_redis(service: Served, case: str) -> Killed:
    """Open pull requests while Redis hangs: each is answered and kept, and reviewed when Redis is back."""
    reviews = int(case.partition(" ")[0])
    began, asked = time.monotonic(), service.rig.calls
    with redis_hangs(service):
        numbers = [service.rig.open() for _ in range(reviews)]
        deliveries = [delivery_of(service, number) for number in numbers]
        durable = {row[0] for row in service.rows("select number from reviews")}
        opened = time.monotonic() - began
    back = time.monotonic()
    problems = [f"answered {it.status_code}" for it in deliveries if it.status_code not in (202, 503)]
    problems += [
        f"#{number} was answered 202 without a row"
        for number, delivery in zip(numbers, deliveries, strict=True)
        if delivery.status_code == 202 and number not in durable
    ]
    slow = [it.duration for it in deliveries if (it.duration or 0) > 2]
    if slow:
        problems.append(f"{len(slow)} answers took longer than 2 s, the slowest {max(slow):.1f} s")
    for number in numbers:
        service.wait_until_published(number, 120 + 20 * reviews)
    done = time.monotonic() - back
    killed = measured(service, case, 0.0, done, asked)
    killed.extra -= UNDISTURBED_CALLS * (reviews - 1)
    killed.count, killed.note = reviews, f"opened within {opened:.0f} s"
    for number in numbers:
        judge(service, number, service.review(number)[1], killed)
    killed.problems += problems
    return killed


def same_delivery(service: Served, case: str) -> Killed:
    """Post a delivery a hundred times at once, half of them under a second id: one review, one bill."""
    asked, began = service.rig.calls, time.monotonic()
    number = service.rig.open()
    delivery = delivery_of(service, number)
    # Not a delivery of the simulator: it has an id of its own.
    second = Delivery(
        id=0,
        guid=f"{delivery.guid[:-4]}beef",
        app=delivery.app,
        event=delivery.event,
        action=delivery.action,
        payload=delivery.payload,
        installation_id=delivery.installation_id,
        repository_id=delivery.repository_id,
        redelivery=False,
    )
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda turn: post(service, (delivery, second)[turn % 2]), range(100)))
    service.wait_until_published(number, 150)
    published = time.monotonic() - began
    # Whatever was queued a second time has its turn.
    time.sleep(2)
    killed = measured(service, case, 0.0, published, asked)
    killed.number = number
    judge(service, number, "published", killed)
    rows = service.rows("select count(*) from reviews where number = ?", number)[0][0]
    if rows != 1:
        killed.problems.append(f"{rows} rows")
    if set(statuses) - {200, 202}:
        killed.problems.append(f"answers: {sorted(set(statuses))}")
    if killed.extra:
        killed.problems.append(f"{killed.extra} model requests more than one review needs")
    return killed


def enqueue_fails(service: Served, case: str) -> Killed:
    """Let Redis hang at the webhook, then send the same delivery again: the review runs, once."""
    asked = service.rig.calls
    with redis_hangs(service):
        number = service.rig.open()
    delivery = delivery_of(service, number)
    began = time.monotonic()
    service.rig.simulator.hooks.redeliver(delivery)
    service.wait_until_published(number, 150)
    killed = measured(service, case, 0.0, time.monotonic() - began, asked)
    killed.number = number
    judge(service, number, "published", killed)
    if delivery.status_code not in (202, 503):
        killed.problems.append(f"the first was answered {delivery.status_code}")
    return killed


def disorder(service: Served, case: str) -> Killed:
    """Open a pull request and push, with the deliveries out of order or in the middle of the review."""
    rig = service.rig
    asked, began = rig.calls, time.monotonic()
    number = _opened_in_disorder(service) if case == "shuffled" else _pushed_meanwhile(service)
    head = rig.simulator.pull(REPOSITORY, number).head_sha
    query = "select count(*) from reviews where number = ? and head_sha = ? and state = 'published'"
    wait_for(lambda: service.rows(query, number, head)[0][0], 150, f"the review of the newest head of #{number}")
    # What is still queued for an older head has its turn.
    time.sleep(2)
    killed = measured(service, case, 0.0, time.monotonic() - began, asked)
    killed.extra = 0
    killed.number = number
    judge(service, number, "published", killed)
    stale = {row.original_commit_id for row in rig.shown(number).inline} - {head}
    if stale:
        killed.problems.append(f"comments on a stale head: {sorted(stale)}")
    return killed


def _opened_in_disorder(service: Served) -> int:
    rig = service.rig
    seen, url = {it.id for it in rig.simulator.deliveries()}, rig.simulator.app.webhook_url
    rig.simulator.app.webhook_url = "http://127.0.0.1:1/nobody"
    try:
        number = rig.open()
        for turn in range(2):
            rig.push(number, {f"docs/note-{turn}.md": f"# Note {turn}\n"})
    finally:
        rig.simulator.app.webhook_url = url
    missed = [it for it in rig.simulator.deliveries() if it.id not in seen]
    random.shuffle(missed)
    for delivery in missed:
        rig.simulator.hooks.redeliver(delivery)
        time.sleep(random.choice((0.0, 0.3, 1.0)))
    return number


def _pushed_meanwhile(service: Served) -> int:
    rig = service.rig
    opened, pushed = threading.Event(), threading.Event()
    numbers: list[int] = []

    def push() -> None:
        opened.wait(30)
        rig.push(numbers[0], {"docs/note.md": "# Note\n"})
        pushed.set()

    def say(body: object) -> Behaviour:
        threading.Thread(target=push, daemon=True).start()
        return Say(answer(body), piece=4, pause=0.02)

    rig.reviewer.next = [say]
    numbers.append(rig.open())
    opened.set()
    wait_for(pushed.is_set, 60, "the push")
    return numbers[0]


def stored_without_saying_so(service: Served, case: str) -> Killed:
    """Store what is posted and answer 502, or not at all, one to four times: it is there once."""
    kind, times = case.split()
    fault = Fault.stored_then_502() if kind == "502" else Fault(delay=0.001, after=True, drop=True)
    path = (r"/pulls/\d+/reviews$", r"/issues/\d+/comments$", r"/check-runs$")[random.randrange(3)]
    asked, began = service.rig.calls, time.monotonic()
    service.rig.simulator.faults.plan("POST", path, fault, times=int(times))
    number = service.rig.open()
    service.wait_until_published(number, 300)
    killed = measured(service, case, 0.0, time.monotonic() - began, asked)
    killed.number, killed.note = number, path
    judge(service, number, "published", killed)
    return killed


def _skewed(service: Served, case: str) -> Killed:
    point, seconds = case.split()
    with skewed(service, int(seconds)):
        return kill_at(service, point)


def _stops(service: Served, case: str) -> Killed:
    return orphan(service) if case == "orphan" else stop_and_go_on(service, case)


def _stop_all(service: Served, case: str) -> Killed:
    killed, took = stop_all(service, second_after=float(case.partition(" ")[0]))
    if took > 25:
        killed.problems.append(f"the exit took {took:.1f} s")
    killed.note = f"exit {took:.1f} s"
    return killed


def _storm(service: Served, case: str) -> Killed:
    """Post deliveries at a rate, to a bare Flask route under the same server first, then to the service."""
    rate, seconds = (int(word) for word in case.split("/"))
    number = service.rig.open()
    service.wait_until_published(number, 120)
    with bare_route(service) as bare:
        plain, plain_waits = load(bare, rate, seconds, 2_000_000)
    before = service.rows("select count(*) from reviews")[0][0]
    statuses, waits = load(service, rate, seconds, 2_000_000)
    rows = service.rows("select count(*) from reviews")[0][0] - before
    service.write("update reviews set state = 'refused' where state = 'queued'")
    lost = statuses[202] - rows
    killed = Killed(case, 0.0, 0.0, 0, count=rate * seconds, lost=lost > 0)
    ours, theirs = _quantiles(waits), _quantiles(plain_waits)
    killed.note = (
        f"acknowledged after {ours[0]:.0f} / {ours[1]:.0f} / {ours[2]:.0f} ms (median, p99, slowest), a bare Flask "
        f"route under the same server after {theirs[0]:.0f} / {theirs[1]:.0f} / {theirs[2]:.0f} ms (p99 "
        f"{ours[1] / theirs[1]:.1f} times that); load average {os.getloadavg()[0]:.1f}"
    )
    if set(plain) != {202}:
        killed.note += f"; the bare route answered {dict(plain)}"
    if set(statuses) != {202}:
        killed.problems.append(f"answers: {dict(statuses)}")
    if lost > 0:
        killed.problems.append(f"{lost} acknowledged deliveries have no row")
    return killed


def _quantiles(waits: Sequence[float]) -> tuple[float, float, float]:
    """Return median, p99 and the longest in milliseconds."""
    return waits[len(waits) // 2] * 1000, waits[int(len(waits) * 0.99)] * 1000, waits[-1] * 1000


@contextlib.contextmanager
def bare_route(service: Served) -> Iterator[Served]:
    """A Flask view that verifies the signature and keeps nothing, under the same HTTP server."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", PLAIN, f"127.0.0.1:{port}"], env={"PATH": os.environ["PATH"]})
    bare = copy.copy(service)
    bare.environ = {**service.environ, "PORT": str(port), "GITHUB_WEBHOOK_SECRET": SECRET}
    try:
        wait_for(lambda: _answers(port), 60, "the bare route")
        yield bare
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _load(service: Served, case: str) -> Killed:
    return poison(service) if case == "poison" else _storm(service, case)


@contextlib.contextmanager
def redis_hangs(service: Served) -> Iterator[None]:
    """Stop Redis, so that nobody is answered and nobody starts it again."""
    with service.redis() as client:
        server = int(client.info("server")["process_id"])
    os.kill(server, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(server, signal.SIGCONT)


def delivery_of(service: Served, number: int) -> Delivery:
    """Return the first delivery about a pull request."""
    return next(
        delivery
        for delivery in service.rig.simulator.deliveries()
        if delivery.event == "pull_request" and delivery.payload["pull_request"]["number"] == number
    )


def post(service: Served, delivery: Delivery) -> int:
    """Post a delivery past the simulator's own order; return the status, 0 where there was no answer."""
    body = json.dumps(delivery.payload, separators=(",", ":")).encode()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    try:
        connection.request("POST", "/webhooks/github", body=body, headers=signed_headers(delivery, body))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


CLOCKS = [f"{point} {seconds:+}" for point in POINTS[1:] for seconds in (-60, 60)]
STORED = [f"{kind} {times}" for kind in ("502", "timeout") for times in (1, 2, 3, 4)]
ROWS = {
    row.name: row
    for row in (
        Row(
            "T1",
            "worker kill -9 (K1: web process and Redis)",
            POINTS,
            20,
            kill_at,
            target=5,
            short=("K2", "K7", "K10", "K11", "K12"),
        ),
        Row(
            "T2",
            "worker and supervisor kill -9",
            POINTS[1:],
            20,
            lambda service, case: kill_at(service, case, supervisor_too=True),
            target=120,
            short=("K2",),
        ),
        Row(
            "T3",
            "SIGSTOP of the worker until another took over; supervisor killed",
            [*PLACES, "orphan"],
            20,
            _stops,
            short=("comments, not stored", "orphan"),
        ),
        Row("T4", "SIGTERM to every process, twice", ["0.1 s between", "2.0 s between"], 25, _stop_all),
        Row("T5", "Redis kill -9 among acknowledged deliveries", ["1000 deliveries"], 1, _acks, target=600),
        Row("T6", "Redis hangs at the webhook", ["100 deliveries"], 1, without_redis, short=("5 deliveries",)),
        Row("T7", "one delivery 100 times at once, two ids", ["copies"], 20, same_delivery, short=("copies",)),
        Row("T8", "enqueue fails, redelivered", ["redelivered"], 20, enqueue_fails, short=("redelivered",)),
        Row("T9", "every event missed, service back", ["200 events"], 1, _down, target=600),
        Row(
            "T10",
            "disorder, pushes during the review",
            ["shuffled", "pushed meanwhile"],
            100,
            disorder,
            short=("shuffled", "pushed meanwhile"),
        ),
        Row(
            "T11",
            "stored, then 502 or no answer",
            STORED,
            7,
            stored_without_saying_so,
            short=("502 2", "timeout 1"),
        ),
        Row("T18", "GitHub's clock 60 s off, worker kill -9", CLOCKS, 1, _skewed, short=("K9 -60", "K9 +60")),
        Row("T19", "a poison job; 100 deliveries a second", ["poison", "100/60"], 1, _load, short=("50/4",)),
    )
}
# Rows that single tests hold: the paths and the expression that pytest is given, long campaigns among them.
SUITE = {
    "T12": ("403, 429, primary reset, no headers", "tests/service/test_faults.py tests/github", "limit"),
    "T13": ("422 for one comment, for all", "tests/service/test_faults.py tests/publish", "refused or anchor"),
    "T14": (
        "huge and odd changes",
        "tests/service/test_bad_input.py tests/change",
        "git_names or truncated or row or more_files or mirror or several or outside or without_text",
    ),
    "T15": (
        "faulty models",
        "tests/service/test_faults.py tests/models",
        "faulty_model or one_unit or runaway or cut or hang or fault_that",
    ),
    "T16": (
        "budget race, ledger unreachable",
        "tests/ledger tests/service/test_faults.py tests/campaigns/test_outages.py",
        "race or overspend or ledger_that",
    ),
    "T20": (
        "signature and body corpus",
        "tests/webhooks/test_signature.py tests/webhooks/test_body.py tests/webhooks/test_http_server.py "
        "tests/webhooks/test_delivery.py tests/webhooks/test_app.py",
        "signature or body or bodies or 26_mb or 4xx or secret or header or trickles or half_set_up",
    ),
    "T21": (
        "triggers of the unentitled",
        "tests/webhooks/test_triggers.py tests/webhooks/test_commands.py tests/webhooks/test_app.py",
        "ignored or association or bot or nobodys or may_command or stranger or entitled or hour or cap or loop",
    ),
}
