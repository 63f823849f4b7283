"""A worker that is told to stop, as at every deploy, uses up no try of its review, however its work-horse ends."""

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
        worker, horse = service.horse()
        os.kill(worker, signal.SIGTERM)
        # A host ends the whole group at once: the work-horse has no time to hand its review back.
        os.kill(horse, signal.SIGKILL)
        wait_for(lambda before=worker: service.child("worker") not in (0, before), 60, "the next worker")
    next_try(service, number, fence, "the last try")
    assert service.rows("select attempts, state from reviews where number = ?", number) == [(1, "running")]
    os.kill(service.horse()[1], signal.SIGKILL)
    service.rig.reviewer.always = None
    service.wait_until_published(number, 90)
    assert service.problems(number) == []


def next_try(service: Served, number: int, fence: int, what: str) -> int:
    """Wait until a work-horse has begun the review again; return its fence."""
    wait_for(lambda: service.review(number)[2] > fence and service.horse()[1], 60, what)
    return service.review(number)[2]
