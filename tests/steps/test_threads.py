"""The threads of a review, and how they end."""

from __future__ import annotations

import threading

import pytest

from reviewer.errors import LedgerUnavailable
from reviewer.steps.threads import review_threads
from tests.steps.parts import ScriptedModels


def test_a_review_that_ends_well_waits_for_its_threads_and_stops_no_model() -> None:
    models, done = ScriptedModels(), threading.Event()
    go_on = threading.Event()
    with review_threads(2, models) as threads:
        threads.submit(lambda: (go_on.wait(5), done.set()))
        go_on.set()
    assert done.is_set()
    assert models.stopped == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, LedgerUnavailable("the ledger is away")])
def test_a_review_that_ends_early_stops_the_models_and_begins_nothing_more(error: BaseException) -> None:
    stopped = threading.Event()

    class Stoppable(ScriptedModels):
        def stop(self) -> None:
            super().stop()
            stopped.set()

    models, jobs, begun = Stoppable(), [], []

    def end_early() -> None:
        with review_threads(1, models) as threads:
            # A call under way ends when the models are stopped, and not before.
            jobs.append(threads.submit(stopped.wait, 5))
            threads.submit(begun.append, "after the end")
            raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        end_early()
    assert models.stopped == 1
    assert jobs[0].result() is True
    assert begun == []


def test_there_are_as_many_threads_as_were_asked_for() -> None:
    both = threading.Barrier(2, timeout=5)
    with review_threads(2, ScriptedModels()) as threads:
        assert sorted(job.result() for job in [threads.submit(both.wait), threads.submit(both.wait)]) == [0, 1]
