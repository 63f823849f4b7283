"""Kill -9 in the middle of a review: it is published all the same, once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Lock

import pytest

from reviewer.queue.embedded import find_server
from tests.campaigns.served import POINTS, Killed, Served, kill_at, served, table

pytestmark = pytest.mark.skipif(find_server() is None, reason="no redis-server, valkey-server, or wheel with one")

REPEATS = int(os.environ.get("KILO_REVIEW_CAMPAIGN_REPEATS", "3"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("kills")) as running:
        yield running


@pytest.mark.parametrize("point", ["K2", "K7", "K10", "K11"])
def test_a_killed_worker_loses_and_doubles_nothing(service: Served, point: str) -> None:
    killed = kill_at(service, point)
    assert killed.problems == [], service.log[-3000:]
    # What was paid for before the kill is not paid for again, the call in flight excepted.
    assert killed.extra <= 2


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_workers_killed_at_every_point(service: Served) -> None:
    kills: list[Killed] = []
    try:
        kills.extend(kill_at(service, point) for _ in range(REPEATS) for point in POINTS)
    finally:
        # Also where one of them got stuck: an hour of kills is not to be thrown away.
        print(f"\nT1: kill -9 of the worker (K1: of the web process)\n{table(kills) if kills else 'none'}")
    assert [(kill.point, kill.problems) for kill in kills if kill.problems] == []
    workers = sorted(kill.resumed for kill in kills if kill.point != "K1")
    assert workers[int(len(workers) * 0.95) - 1] <= 5


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_workers_killed_with_their_supervisor_at_every_point(tmp_path: Path) -> None:
    starting = Lock()

    def campaign(lane: int) -> list[Killed]:
        with ExitStack() as stack:
            # One after the other: a process migrates one ledger at a time.
            with starting:
                running = stack.enter_context(served(tmp_path / str(lane)))
            return [kill_at(running, point, supervisor_too=True) for point in POINTS[1 + lane :: 4]]

    with ThreadPoolExecutor(4) as pool:
        kills = [kill for lane in pool.map(campaign, range(4)) for kill in lane]
    print(f"\nT2: kill -9 of the worker and its supervisor\n{table(kills)}")
    assert [(kill.point, kill.problems) for kill in kills if kill.problems] == []
    assert max(kill.resumed for kill in kills) <= 120
