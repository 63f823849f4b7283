"""Money under a crowd of processes that are killed with SIGKILL at any moment."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import text

from policies.budgets import Limit, Scope, Standing
from reviewer.errors import BudgetRefused
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.terms import Terms
from tests.ledger.crowd import account
from tests.ledger.make import intent

D = Decimal
CENT_OF_A_CENT = D("0.000001")


class Provider(ThreadingHTTPServer):
    """Bills what it is asked, the moment that it reads the request, and keeps its own books."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Till)
        self.books: dict[str, Decimal] = {}
        self.slowest = 0.05
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address) -> None:
        """A client that was killed is no error of the provider's."""


class _Till(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        bill = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.books[self.headers["X-Client-Request-Id"]] = D(bill.decode())  # type: ignore[attr-defined]
        # Long enough for a worker to be killed while its call is under way.
        time.sleep(random.uniform(0, self.server.slowest))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(bill)))
        self.end_headers()
        self.wfile.write(bill)

    def log_message(self, *_args) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    yield server
    server.shutdown()
    server.server_close()


def crowd(url: str, provider: Provider, **plan) -> dict[str, int]:
    plan = {"ledger": url, "provider": provider.server_address[1], "replace": False, **plan}
    ran = subprocess.run(
        [sys.executable, "-m", "tests.ledger.crowd", json.dumps(plan)],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    counts = json.loads(ran.stdout)
    assert counts["failed"] == 0, ran.stderr
    return counts


def at_once(ledger: Ledger, jobs: int) -> int:
    """As many workers at a time as a third of the server's connections, since others use it too."""
    if ledger.db.is_sqlite:
        return jobs
    shown = ledger.db.read(lambda connection: connection.execute(text("SHOW max_connections")).scalar_one())
    return min(jobs, int(shown) // 3)


def overspend_trial(
    url: str, ledger: Ledger, provider: Provider, jobs: int, room: int, kills: int, seed: int
) -> None:
    worst = D("0.05")
    provider.slowest = 0.5
    limit = Limit(Scope.ORGANISATION_MONTH, worst * room)
    began = datetime.now(UTC)
    counts = crowd(
        url,
        provider,
        scope=limit.scope.value,
        limit=str(limit.amount),
        worst=str(worst),
        full=True,
        calls=1,
        workers=jobs,
        at_once=at_once(ledger, jobs),
        kills=kills,
        kill_every=(0.0, 0.2),
        seed=seed,
    )
    assert sum(counts.values()) == jobs
    billed = sum(provider.books.values(), D(0))
    assert billed <= limit.amount, f"overspent by {billed - limit.amount}: {counts}"
    assert counts["done"] <= room
    # Where nobody was killed between promise and bill, all the room was used: the limit is exact, not cautious.
    now = datetime.now(UTC) + timedelta(hours=1)
    ledger.money.expire(now)
    run = account("after")
    after = ledger.money.standing(limit.scope, run, began)
    assert after.held == 0
    assert after.spent <= billed <= after.committed <= limit.amount
    assert after.committed == limit.amount or counts["killed"] > jobs - room
    for unseen in ledger.money.unconfirmed():
        ledger.money.confirm(unseen.reservation, provider.books.get(unseen.reservation, D(0)), now)
    assert ledger.money.standing(limit.scope, run, began) == Standing(spent=billed)
    free = limit.amount - billed
    for number, fits in ((1, True), (2, False)):
        try:
            ledger.money.reserve(f"last-{number}", free or CENT_OF_A_CENT, intent(), Terms(run, [limit]), began)
            assert fits
            assert free > 0
        except BudgetRefused:
            assert not fits or free == 0


def books_trial(url: str, ledger: Ledger, provider: Provider, calls: int, kills: int, seed: int) -> None:
    workers, each = 12, calls // 12
    began = datetime.now(UTC)
    counts = crowd(
        url,
        provider,
        scope="organisation-month",
        limit="100000",
        worst="0.25",
        full=False,
        calls=each,
        workers=workers,
        at_once=workers,
        kills=kills,
        kill_every=(0.02, 0.25),
        replace=True,
        seed=seed,
    )
    assert counts["done"] == workers
    assert counts["killed"] > 0
    assert len(provider.books) >= workers * each
    billed = sum(provider.books.values(), D(0))
    until = datetime.now(UTC) + timedelta(hours=1)
    ledger.money.expire(until, limit=10_000)
    spend = ledger.calls.spent(since=began, until=until)
    assert spend.open == 0
    assert spend.known <= billed <= spend.known + spend.unconfirmed
    unseen = ledger.money.unconfirmed(10_000)
    assert len(unseen) <= counts["killed"], "a call without a kill must have been settled"
    for call in unseen:
        ledger.money.confirm(call.reservation, provider.books.get(call.reservation, D(0)), until)
    spend = ledger.calls.spent(since=began, until=until)
    assert spend.cost is not None
    assert abs(spend.cost - billed) <= CENT_OF_A_CENT
    assert ledger.money.standing(Scope.ORGANISATION_MONTH, account("x"), began) == Standing(spent=spend.cost)


def test_a_crowd_that_is_killed_at_random_overspends_nothing(url: str, ledger: Ledger, provider: Provider) -> None:
    overspend_trial(url, ledger, provider, jobs=40, room=12, kills=8, seed=1)


def test_the_ledger_agrees_with_the_providers_books(url: str, ledger: Ledger, provider: Provider) -> None:
    books_trial(url, ledger, provider, calls=96, kills=6, seed=1)


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(20))
def test_two_hundred_jobs_with_room_for_twenty(url: str, ledger: Ledger, provider: Provider, seed: int) -> None:
    overspend_trial(url, ledger, provider, jobs=200, room=20, kills=40, seed=seed)


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_calls_with_crashes(url: str, ledger: Ledger, provider: Provider, seed: int) -> None:
    books_trial(url, ledger, provider, calls=1008, kills=60, seed=seed)
