"""A service that is told to stop, as at every deploy, uses up no try of a review, however its worker ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from reviewer.ledger.keys import MAX_TRIES
from reviewer.queue.embedded import find_server
from tests.campaigns.served import Served, served
from tests.process_tree import wait_for
from tests.simulators.behaviour import Hang

pytestmark = pytest.mark.skipif(find_server() is None, reason="no redis-server, valkey-server, or wheel with one")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("graceful")) as running:
        yield running


@pytest.mark.parametrize("stops", [1, pytest.param(MAX_TRIES + 1, marks=pytest.mark.campaign)])
def test_graceful_stops_use_up_no_try_of_a_review(service: Served, stops: int):
    service.rig.reviewer.always = Hang(30)
    number = service.rig.open()
    fence = 0
    for stop in range(stops):
        fence = next_try(service, number, fence, f"try {stop + 1}")
        worker = service.child("worker")
        service.process.terminate()
        # A host that is in a hurry: the worker has no time to hand its review back.
        wait_for(lambda: not service.child("clock"), 10, "the stop")
        os.kill(worker, signal.SIGKILL)
        service.process.wait(25)
        service.start()
    next_try(service, number, fence, "the last try")
    assert service.rows("select attempts, state from reviews where number = ?", number) == [(1, "running")]
    os.kill(service.child("worker"), signal.SIGKILL)
    service.rig.reviewer.always = None
    service.wait_until_published(number, 90)
    assert service.problems(number) == []


def next_try(service: Served, number: int, fence: int, what: str) -> int:
    """Wait until a worker has begun the review again; return its fence."""
    wait_for(lambda: service.review(number)[2] > fence and service.child("worker"), 60, what)
    return service.review(number)[2]
