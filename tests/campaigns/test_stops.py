"""Processes that stop and go on, are told to end, or lose their worker: nothing is lost, nothing is doubled."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reviewer.demo.simulator import Fault
from reviewer.queue.embedded import find_server
from tests.campaigns.served import Killed, Served, audit, judge, measured, served, table
from tests.campaigns.test_kills import REPEATS
from tests.process_tree import descendants, is_running, start_python, wait_for
from tests.service.rig import answer
from tests.simulators.behaviour import Behaviour, Say

pytestmark = pytest.mark.skipif(find_server() is None, reason="no redis-server, valkey-server, or wheel with one")

WORKER = "import sys; from kilo_review import main; sys.exit(main(['worker']))"
# Where a worker is stopped: the request that has arrived, and whether it takes effect.
PLACES = {
    "model": None,
    "the last look before the comments": ("GET", r"/pulls/\d+/comments$", True),
    "comments, not stored": ("POST", r"/pulls/\d+/reviews$", False),
    "comments, stored": ("POST", r"/pulls/\d+/reviews$", True),
    "summary, not stored": ("POST", r"/issues/\d+/comments$", False),
    "check run, not stored": ("PATCH", r"/check-runs/\d+$", False),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("stops")) as running:
        yield running


@contextmanager
def another_worker(service: Served) -> Iterator[subprocess.Popen[bytes]]:
    """A second worker on the same queue and ledger, as on a second machine."""
    log = service.state / "second.log"
    process = start_python(WORKER, service.environ, log)
    try:
        wait_for(lambda: "takes reviews" in log.read_text(errors="replace"), 60, "the second worker")
        yield process
    finally:
        process.terminate()
        process.wait(30)


def arm(service: Served, place: str, strike: threading.Event, then: list[int]) -> None:
    """Stop the worker at a place of the next review; `then` gets its id."""

    def stop() -> None:
        if not strike.is_set():
            then.append(service.child("worker"))
            for pid in then:
                os.kill(pid, signal.SIGSTOP)
            service.killed_at = time.monotonic()
            strike.set()

    spot = PLACES[place]
    if spot is None:

        def say(body: object) -> Behaviour:
            threading.Timer(0.2, stop).start()
            return Say(answer(body), piece=4, pause=0.02)

        service.rig.reviewer.next = [say]
        return
    method, path, takes_effect = spot
    fault = Fault(delay=0.001, after=True, hook=stop) if takes_effect else Fault(500, drop=True, hook=stop)
    service.rig.simulator.faults.plan(method, path, fault)


def grow_old(service: Served, number: int) -> None:
    """Let the lease and the mark of a running job have run out, as they do after 65 s without a sign of life."""
    service.write("update reviews set lease_until = 1, enqueued_at = 1, accepted_at = 1 where number = ?", number)
    with service.redis() as client:
        for member in client.zrange("rq:wip:reviews", 0, -1):
            client.zadd("rq:wip:reviews", {member: time.time() - 1})


def stop_and_go_on(service: Served, place: str, *, wait: bool = False) -> Killed:
    """Stop the worker, let another one take the review over, and let the first go on.

    With `wait` the lease runs out by itself; else the test makes it old.
    """
    struck, stopped = threading.Event(), []
    billed, asked = len(service.rig.reviewer.models), service.rig.calls
    wait_for(lambda: service.child("worker") and service.child("clock"), 60, "the worker")
    arm(service, place, struck, stopped)
    number = service.rig.open()
    try:
        wait_for(struck.is_set, 40, place)
        fence = service.review(number)[2]
        with another_worker(service):
            if not wait:
                grow_old(service, number)
            wait_for(lambda: service.review(number)[2] > fence, 150, "the second worker's turn")
            resumed = time.monotonic() - service.killed_at
            service.wait_until_published(number, 60)
            published = time.monotonic() - service.killed_at
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
            first = stopped.pop()
            wait_for(lambda: _has_given_up(service, number, first), 60, "the first worker's word that it lost it")
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    killed = measured(service, place, resumed, published, asked)
    killed.number = number
    judge(service, number, "published", killed)
    if not killed.problems:
        audit(service, number, service.rig.bill(billed), killed)
    return killed


def _has_given_up(service: Served, number: int, worker: int) -> bool:
    """Return whether a worker has said that the review is in other hands, or has ended."""
    review = service.review(number)[0]
    return f"review {review} went to another worker" in service.log or not is_running(worker)


def test_a_worker_that_was_stopped_and_lost_its_review_says_nothing_when_it_goes_on(service: Served) -> None:
    killed = stop_and_go_on(service, "comments, not stored")
    assert killed.problems == [], service.log[-3000:]
    assert killed.extra <= 1


def test_a_worker_whose_supervisor_is_killed_gives_its_review_back(service: Served) -> None:
    killed = orphan(service)
    assert killed.problems == [], service.log[-3000:]
    assert killed.extra <= 1


def orphan(service: Served) -> Killed:
    """Kill the supervisor alone, in the middle of an answer, and start it again."""
    struck = threading.Event()
    billed, asked = len(service.rig.reviewer.models), service.rig.calls
    wait_for(lambda: service.child("worker") and service.child("clock"), 60, "the worker")

    def strike() -> None:
        service.process.kill()
        service.killed_at = time.monotonic()
        struck.set()

    def say(body: object) -> Behaviour:
        threading.Timer(0.2, strike).start()
        return Say(answer(body), piece=4, pause=0.02)

    service.rig.reviewer.next = [say]
    number = service.rig.open()
    wait_for(struck.is_set, 40, "the kill")
    below = descendants(service.process.pid)
    service.process.wait()
    wait_for(lambda: not any(is_running(pid) for pid in below), 25, "the end of every process")
    service.start()
    service.wait_until_published(number, 150)
    published = time.monotonic() - service.killed_at
    # Longer than the clock leaves a job alone: nobody may run it again.
    killed = measured(service, "orphan", 0.0, published, asked)
    killed.number = number
    judge(service, number, "published", killed)
    if not killed.problems:
        audit(service, number, service.rig.bill(billed), killed)
    return killed


def stop_all(service: Served, *, second_after: float) -> tuple[Killed, float]:
    """Send SIGTERM to every process, twice, in the middle of an answer, and start again; return the seconds."""
    struck = threading.Event()
    billed, asked = len(service.rig.reviewer.models), service.rig.calls

    def say(body: object) -> Behaviour:
        threading.Timer(0.2, struck.set).start()
        # Longer than a worker gets to finish.
        return Say(answer(body), piece=2, pause=0.1)

    service.rig.reviewer.next = [say]
    number = service.rig.open()
    wait_for(struck.is_set, 40, "the answer")
    before = [service.process.pid, *descendants(service.process.pid)]
    # What was killed on purpose before is in the log too.
    said = len(service.log)
    service.killed_at = time.monotonic()
    for moment in (0.0, second_after):
        time.sleep(moment)
        for pid in before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
    service.process.wait(40)
    took = time.monotonic() - service.killed_at
    problems = [
        f"killed: {line}" for line in service.log[said:].splitlines() if "did not stop" in line or "SIGKILL" in line
    ]
    problems += [f"process {pid} is left" for pid in before if is_running(pid)]
    service.start()
    service.wait_until_published(number, 150)
    killed = measured(service, "SIGTERM", took, time.monotonic() - service.killed_at, asked)
    killed.number = number
    judge(service, number, "published", killed)
    if not killed.problems:
        audit(service, number, service.rig.bill(billed), killed)
    return replace(killed, problems=killed.problems + problems), took


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_workers_that_are_stopped_everywhere_and_go_on(service: Served) -> None:
    stops = [stop_and_go_on(service, place) for _ in range(REPEATS) for place in PLACES]
    print(f"\nT3: stopped, taken over (the lease made old), gone on\n{table(stops)}")
    assert [(stop.point, stop.problems) for stop in stops if stop.problems] == []
    assert max(stop.extra for stop in stops) <= 1


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_workers_that_are_stopped_until_their_lease_runs_out_by_itself(service: Served) -> None:
    stops = [stop_and_go_on(service, place, wait=True) for place in ("model", "comments, not stored")]
    print(f"\nT3: stopped until the lease ran out\n{table(stops)}")
    assert [(stop.point, stop.problems) for stop in stops if stop.problems] == []
    assert max(stop.resumed for stop in stops) <= 120


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_supervisors_killed_above_a_worker(service: Served) -> None:
    kills = [orphan(service) for _ in range(REPEATS)]
    print(f"\nT3: the supervisor killed, its worker not\n{table(kills)}")
    assert [(kill.point, kill.problems) for kill in kills if kill.problems] == []
    assert max(kill.extra for kill in kills) <= 1


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_everything_told_to_stop_twice_in_the_middle_of_a_review(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        stops = [stop_all(running, second_after=(0.1, 2.0)[turn % 2]) for turn in range(max(2, REPEATS))]
    slowest = max(took for _, took in stops)
    print(f"\nT4: SIGTERM to all, twice (resumed = all ended; slowest {slowest:.1f} s)")
    print(table([stop for stop, _ in stops]))
    assert [stop.problems for stop, _ in stops if stop.problems] == []
    assert slowest <= 25
