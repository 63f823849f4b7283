"""Jobs that workers of the tests run in place of reviews: real functions in real workers."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from datetime import UTC, datetime, timedelta

from reviewer.ledger.keys import ReviewState
from reviewer.ledger.ledger import Ledger
from reviewer.processes import jobs


def _note(review_id: int, word: str) -> int:
    """Write down what happened and return how often this review was started before."""
    path = jobs.current_settings().state_dir / f"runs-{review_id}"
    before = path.read_text().count("start") if path.exists() else 0
    with path.open("a") as file:
        file.write(f"{word} {os.getpid()} {time.time()}\n")
    return before


def succeed(review_id: int) -> None:
    _note(review_id, "start")


def fail(review_id: int) -> None:
    _note(review_id, "start")
    raise RuntimeError("this job fails")


def die_once(review_id: int) -> None:
    if _note(review_id, "start") == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    _note(review_id, "end")


def take_three_seconds(review_id: int) -> None:
    _note(review_id, "start")
    time.sleep(3)
    _note(review_id, "end")


def take_a_minute(review_id: int) -> None:
    _note(review_id, "start")
    time.sleep(60)
    _note(review_id, "end")


def wait_for_the_word(review_id: int) -> None:
    _note(review_id, "start")
    while not (jobs.current_settings().state_dir / "go").exists():
        time.sleep(0.02)
    _note(review_id, "end")


def hang_once(review_id: int) -> None:
    if _note(review_id, "start") == 0:
        # In one call into the system, where no exception reaches the thread.
        time.sleep(3600)
    _note(review_id, "end")


def hold_the_interpreter_once(review_id: int) -> None:
    if _note(review_id, "start") == 0:
        # A C function that never lets go of the interpreter: no other thread runs.
        ctypes.PyDLL(None).sleep(3600)
    _note(review_id, "end")


def review_in_the_ledger(review_id: int) -> None:
    """Do what a review does with the ledger; die once while holding the lease."""
    ledger = Ledger.open(jobs.current_settings().database_url)
    now = datetime.now(UTC)
    lease = ledger.reviews.begin(review_id, jobs.lease_owner(), now, timedelta(minutes=5))
    if lease is None:
        _note(review_id, "refused")
        return
    if _note(review_id, "start") == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    ledger.reviews.finish(lease, ReviewState.PUBLISHED, datetime.now(UTC))
    _note(review_id, f"end-fence-{lease.fence}")
    ledger.close()


def always_die_in_the_ledger(review_id: int) -> None:
    ledger = Ledger.open(jobs.current_settings().database_url)
    if ledger.reviews.begin(review_id, jobs.lease_owner(), datetime.now(UTC), timedelta(minutes=5)) is not None:
        _note(review_id, "start")
        os.kill(os.getpid(), signal.SIGKILL)
