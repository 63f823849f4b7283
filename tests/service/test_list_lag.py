"""GitHub's lists lag behind its writes: an attempt after a death waits, looks, and says nothing twice."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from reviewer.demo.simulator import Fault
from reviewer.jobs.job import ANNOUNCED, Job, Pace
from reviewer.jobs.lease import HeldLease
from reviewer.jobs.payload import JobPayload
from reviewer.jobs.shared import Shared
from reviewer.ledger.keys import Publication, ReviewState
from reviewer.publish.settle import LIST_LAG
from tests.service.rig import REPOSITORY, TAX, Rig

FOUND = [("shop/orders.py", 5), ("shop/orders.py", 9), ("shop/report.py", 5)]
REVIEWS = r"/pulls/\d+/reviews$"
SUMMARY = r"/issues/\d+/comments$"
CHECKS = r"/check-runs$"
LAG = 0.6


class Killed(BaseException):
    """The process dies: nothing of it runs after this."""


@pytest.fixture
def lagging(service: Rig) -> Rig:
    """A service whose lists lag, and whose jobs wait a little longer than that."""
    service.list_lag = LAG + 0.3
    return service


@pytest.fixture(autouse=True)
def lists_of_today(service: Rig):
    yield
    service.list_lag = service.simulator.state.list_lag = 0.0


def once(service: Rig, number: int) -> None:
    assert service.row(number).state is ReviewState.PUBLISHED
    shown = service.shown(number)
    assert (shown.lines, shown.reviews, len(shown.summaries), len(shown.checks)) == (FOUND, 1, 1, 1)
    assert shown.check.conclusion == "failure"


def die_at(service: Rig, number: int, method: str, path: str) -> None:
    """Run a review whose process is killed when GitHub has stored a write, before its answer is read."""
    from reviewer.github.api import Api

    asked = Api.send

    def send(api: Api, verb: str, address: str, *rest: object, **more: object) -> object:
        import re

        answer = asked(api, verb, address, *rest, **more)  # type: ignore[arg-type]
        if verb == method and re.search(path, address):
            raise Killed
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Api, "send", send)
        # A killed process gives nothing back: its lease runs out, or its worker does it.
        patch.setattr("reviewer.jobs.lease.HeldLease.hand_back", lambda _held: None)
        with pytest.raises(Killed):
            service.work(only=number)
    service.ledger.reviews.abandon_all(_owner(), service.ledger.reviews.recent(1)[0].updated_at)


def _owner() -> str:
    from reviewer.jobs.owner import lease_owner

    return lease_owner()


@pytest.mark.parametrize("path", [REVIEWS, SUMMARY, CHECKS], ids=["the comments", "the summary", "the check run"])
def test_a_death_between_a_write_and_its_answer_doubles_nothing(lagging: Rig, path: str) -> None:
    lagging.simulator.state.list_lag = LAG
    number = lagging.open()
    die_at(lagging, number, "POST", path)
    assert lagging.row(number).state is not ReviewState.PUBLISHED
    # At once, as the supervisor does whose worker was killed.
    lagging.work()
    once(lagging, number)


def test_a_review_right_after_another_one_doubles_nothing(lagging: Rig) -> None:
    lagging.simulator.state.list_lag = LAG
    number = lagging.open()
    lagging.work()
    lagging.command(number, "/kilo review")
    lagging.work()
    once(lagging, number)
    lagging.push(number, {"shop/tax.py": TAX})
    lagging.work()
    shown = lagging.shown(number)
    assert shown.lines == sorted([*FOUND, ("shop/tax.py", 5)])
    assert (len(shown.summaries), len(shown.checks)) == (1, 1)


def test_a_reply_whose_process_died_is_not_sent_again(lagging: Rig) -> None:
    lagging.simulator.state.list_lag = LAG
    number = lagging.open()
    lagging.work()
    lagging.command(number, "/kilo estimate")
    before = len(lagging.simulator.issue_comments(REPOSITORY, number))
    die_at(lagging, number, "POST", SUMMARY)
    lagging.work()
    assert lagging.row(number).state is ReviewState.PUBLISHED
    assert len(lagging.simulator.issue_comments(REPOSITORY, number)) == before + 1


def test_only_writes_of_late_to_this_pull_request_are_waited_for(service: Rig) -> None:
    slept: list[float] = []

    def wait(number: int, later: timedelta) -> list[float]:
        slept.clear()
        row = service.row(number)
        pace = Pace(lambda: datetime.now(UTC) + later, 0, LIST_LAG, slept.append)
        held = cast("HeldLease", None)
        with closing(Shared(service.settings)) as shared:
            Job(shared, row, JobPayload("a/b"), held, pace).wait_out_lag()
        return list(slept)

    number, other = service.open(), service.open({"docs/x.md": f"# {service.branches}\n"})
    service.work(only=number)
    assert wait(other, timedelta(0)) == []
    (left,) = wait(number, timedelta(0))
    assert 0 < left <= LIST_LAG
    assert wait(number, timedelta(seconds=LIST_LAG)) == []
    # Announced, and its answer never came: waited for in full whatever the clocks of two machines say.
    lease = service.ledger.reviews.begin(service.row(other).id, "w", datetime.now(UTC), timedelta(minutes=1))
    assert lease is not None
    service.ledger.publications.save(lease, Publication(writing="review"), datetime.now(UTC))
    assert wait(other, timedelta(minutes=1)) == [LIST_LAG]
    assert wait(other, ANNOUNCED) == []
    service.ledger.reviews.hand_back(lease, datetime.now(UTC))


@pytest.mark.campaign
@pytest.mark.parametrize("lag", [0.0, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("path", [REVIEWS, SUMMARY, CHECKS])
def test_no_lag_up_to_three_seconds_doubles_anything(service: Rig, lag: float, path: str) -> None:
    service.list_lag = LIST_LAG
    service.simulator.state.list_lag = lag
    for _ in range(5):
        number = service.open()
        die_at(service, number, "POST", path)
        service.work()
        service.work(after=timedelta(minutes=30))
        once(service, number)
        # And where the process lives on, but the answer does not come.
        number = service.open()
        service.simulator.faults.plan("POST", path, Fault.stored_then_502())
        service.work()
        service.work(after=timedelta(minutes=30))
        once(service, number)
