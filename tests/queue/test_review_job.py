"""Jobs that somebody else wrote into Redis, met by a real worker on a real Redis."""

from __future__ import annotations

import json
import os
import pickle
import zlib
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from rq import Callback, Queue
from rq.job import Job

from reviewer.errors import JobRefused
from reviewer.queue.review_job import FIELDS, JOB_SECONDS, JOBS, ReviewJob
from tests.process_tree import wait_for
from tests.queue.test_queue import client, queue_of, runs, server, start, state, workers

__all__ = ["client", "server", "state", "workers"]

OURS = "tests.worker_jobs.succeed"


def job_with(data: object, **fields: str) -> ReviewJob:
    job = ReviewJob("review-1", connection=redis.Redis(), serializer="json")
    raw = {"data": zlib.compress(json.dumps(data).encode()), "status": "queued", "origin": "reviews", **fields}
    job.restore(
        {name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in raw.items()}
    )
    return job


def rq_queue(client: redis.Redis) -> Queue:
    """The queue as a stranger with access to Redis uses it: RQ without our checks."""
    return Queue("reviews", connection=client, serializer="json")


@pytest.fixture
def sentinel(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


def served_after(client: redis.Redis, state, workers) -> str:
    """Queue a job of ours behind what is there, wait until it ran, and return the worker's log."""
    queue_of(client, "succeed").enqueue(12)
    start(workers, state)
    wait_for(lambda: runs(state, 12) == ["start"])
    wait_for(lambda: client.llen("rq:queue:reviews") == 0)
    return (Path(state["KILO_REVIEW_STATE_DIR"]) / "worker-0.log").read_text()


def test_a_job_that_names_any_other_function_is_dropped(client, state, workers, sentinel):
    stranger = rq_queue(client)
    stranger.enqueue("os.system", f"touch {sentinel}", job_id="evil-1")
    stranger.enqueue("subprocess.check_call", ["touch", str(sentinel)], job_id="evil-2")
    log = served_after(client, state, workers)
    assert not sentinel.exists()
    assert log.count("dropped a job that this program did not write") == 2
    assert str(sentinel) not in log
    assert client.exists("rq:job:evil-1", "rq:job:evil-2") == 0
    assert client.llen("rq:queue:reviews:intermediate") == 0


def test_a_callback_that_a_job_names_is_not_called(client, state, workers, sentinel):
    call = Callback("pathlib.Path.touch")
    rq_queue(client).enqueue_call(
        OURS, args=(3,), job_id="review-3", on_success=call, on_failure=call, on_stopped=call
    )
    log = served_after(client, state, workers)
    assert runs(state, 3) == ["start"]
    assert "callback" not in log


def test_the_callbacks_of_an_abandoned_job_are_not_called_by_the_maintenance():
    names = {f"{kind}_callback_name": "os.abort" for kind in ("success", "failure", "stopped")}
    job = job_with([OURS, None, [1], {}], **names)
    assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None, None, None)


def test_a_pickled_job_is_dropped_without_being_opened(client, state, workers, sentinel):
    class Bomb:
        def __reduce__(self):
            return (os.system, (f"touch {sentinel}",))

    created = "2026-01-01T00:00:00.000000Z"
    record = {"data": zlib.compress(pickle.dumps(Bomb())), "status": "queued", "origin": "reviews"}
    client.hset("rq:job:evil", mapping={**record, "created_at": created})
    client.rpush("rq:queue:reviews", "evil")
    served_after(client, state, workers)
    assert not sentinel.exists()


@pytest.mark.parametrize(
    "data",
    [
        ["os.system", None, ["true"], {}],
        [JOBS["review"] + " ", None, [1], {}],
        [JOBS["review"], "os", [1], {}],
        [JOBS["review"], None, [1], {"settings": 1}],
        [JOBS["review"], None, [], {}],
        [JOBS["review"], None, [1, 2], {}],
        [JOBS["review"], None, ["1"], {}],
        [JOBS["review"], None, [True], {}],
        [JOBS["review"], None, [0], {}],
        [JOBS["review"], None, [-7], {}],
        [JOBS["review"], None, [1.5], {}],
        [JOBS["review"], None, 1, {}],
        [JOBS["review"]],
        {"a": 1},
        None,
    ],
)
def test_a_record_that_is_not_ours_is_refused_before_anything_is_imported(data):
    job = job_with(data)
    with pytest.raises(JobRefused):
        _ = job.func
    with pytest.raises(JobRefused):
        job.perform()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_of_any_json_only_our_own_calls_are_let_through(data):
    job = job_with(data)
    with pytest.raises(JobRefused):
        _ = job.func


@pytest.mark.parametrize("name", JOBS.values())
def test_our_own_jobs_are_let_through(name):
    job = job_with([name, None, [2**40], {}])
    assert job.review_id == 2**40
    assert f"{job.func.__module__}.{job.func.__name__}" == name


def test_a_job_cannot_ask_for_more_time_than_ours_get():
    assert job_with([OURS, None, [1], {}], timeout="86400").timeout == JOB_SECONDS
    assert job_with([OURS, None, [1], {}]).timeout == JOB_SECONDS


def test_every_field_that_rq_writes_for_a_job_of_ours_is_read(client):
    queue_of(client, "succeed").enqueue(20)
    written = {name.decode() for name in client.hgetall("rq:job:review-20")}
    # What RQ writes empty, for features that we do not use.
    unused = {"group_id", "retry_intervals", "enqueue_at_front_on_retry"}
    assert {name for name in written if "callback" not in name} - unused <= FIELDS
    fetched = Job.fetch("review-20", connection=client, serializer="json")
    assert (fetched.func_name, fetched.args) == (OURS, [20])
