"""The heartbeat that keeps a lease: one that fails is not the last, unless the lease is gone."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from reviewer.errors import LeaseLost, LedgerUnavailable
from reviewer.jobs.lease import Heartbeat

EVERY = timedelta(milliseconds=2)


@pytest.mark.parametrize("fault", [LedgerUnavailable("away"), OSError("no"), RuntimeError("a bug")])
def test_a_beat_that_fails_is_followed_by_others(fault: Exception) -> None:
    enough = threading.Event()
    beats = []

    def beat() -> None:
        beats.append(len(beats))
        if len(beats) < 4:
            raise fault
        enough.set()

    with Heartbeat(beat, every=EVERY):
        assert enough.wait(20)


def test_a_lost_lease_is_not_prolonged_any_more() -> None:
    lost = threading.Event()
    beats = []

    def beat() -> None:
        beats.append(1)
        lost.set()
        raise LeaseLost("gone")

    with Heartbeat(beat, every=EVERY) as heart:
        assert lost.wait(20)
        heart._thread.join(20)
        assert not heart._thread.is_alive()
    assert len(beats) == 1
