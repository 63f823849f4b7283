from __future__ import annotations

import time

import pytest
import requests

from reviewer.demo.simulator import Fault
from tests.demo.world import FULL_NAME, World

COMMENTS = f"/repos/{FULL_NAME}/issues/1/comments"


def stored(world: World) -> int:
    return len(world.simulator.issue_comments(FULL_NAME, world.number))


def test_a_comment_can_be_stored_and_still_be_answered_502(world: World) -> None:
    world.simulator.faults.plan("POST", r"/comments$", Fault.stored_then_502())
    before = stored(world)
    assert world.call("POST", COMMENTS, {"body": "once"}).status_code == 502
    assert stored(world) == before + 1
    assert world.call("POST", COMMENTS, {"body": "twice"}).status_code == 201


def test_a_server_error_stores_nothing(world: World) -> None:
    world.simulator.faults.plan("POST", r"/comments$", Fault.server_error(503), times=3)
    before = stored(world)
    assert [world.call("POST", COMMENTS, {"body": "x"}).status_code for _ in range(4)] == [503, 503, 503, 201]
    assert stored(world) == before + 1


@pytest.mark.parametrize(("retry_after", "status"), [(7, 403), (None, 403), (None, 429)])
def test_a_secondary_limit_says_how_long_or_does_not(world: World, retry_after: int | None, status: int) -> None:
    world.simulator.faults.plan("*", r"/comments", Fault.secondary_limit(retry_after, status))
    answer = world.call("GET", COMMENTS)
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == (str(retry_after) if retry_after else None)
    assert "secondary rate limit" in answer.json()["message"]


def test_a_primary_limit_gives_the_reset(world: World) -> None:
    world.simulator.faults.plan("GET", r"/comments", Fault.primary_limit(120))
    answer = world.call("GET", COMMENTS)
    assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert 110 < int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 120


def test_a_slow_answer_is_right_but_late_and_a_dropped_one_never_comes(world: World) -> None:
    world.simulator.faults.plan("POST", r"/comments$", Fault.slow(0.3), Fault(drop=True, after=True))
    before = stored(world)
    started = time.monotonic()
    assert world.call("POST", COMMENTS, {"body": "slow"}).status_code == 201
    assert time.monotonic() - started >= 0.3
    token = world.token()
    with pytest.raises(requests.ConnectionError):
        world.call("POST", COMMENTS, {"body": "dropped"}, token=token)
    assert stored(world) == before + 2
    assert world.simulator.faults.left == 0


def test_a_hook_runs_before_the_answer_and_after_the_effect(world: World) -> None:
    seen: list[int] = []
    before = stored(world)
    world.simulator.faults.plan("POST", r"/comments$", Fault(after=True, hook=lambda: seen.append(stored(world))))
    assert world.call("POST", COMMENTS, {"body": "hooked"}).status_code == 201
    assert seen == [before + 1]


def test_requests_are_recorded_without_their_token(world: World) -> None:
    token = world.token()
    world.call("POST", COMMENTS, {"body": "seen"}, token=token)
    last = world.simulator.state.seen[-1]
    assert (last.method, last.path, last.status) == ("POST", COMMENTS, 201)
    assert '"seen"' in last.body
    assert token not in repr(world.simulator.state.seen)
