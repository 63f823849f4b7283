"""Jobs: what a process knows, and what its supervisor knows of it."""

from __future__ import annotations

import os
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reviewer.ledger.keys import MAX_TRIES, ReviewKey, ReviewState
from reviewer.ledger.ledger import Ledger
from reviewer.processes import jobs
from reviewer.queue.review_job import JOBS
from reviewer.settings import Settings

NOW = datetime.now(UTC)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = Settings.from_environ({"KILO_REVIEW_STATE_DIR": str(tmp_path)})
    # Undone at the end: the settings of a process are one of the few things that it has only once.
    monkeypatch.setattr(jobs, "_configured", None)
    jobs.configure(settings)
    return settings


@pytest.fixture
def review(settings: Settings) -> int:
    ledger = Ledger.open(settings.database_url)
    ledger.migrate()
    accepted = ledger.requests.accept(ReviewKey(1, 2, 3, "a" * 40), actor="ann", payload={}, now=NOW)
    ledger.close()
    return accepted.review_id


def test_the_functions_that_the_queue_names_exist():
    assert {name.rpartition(".")[0] for name in JOBS.values()} == {jobs.__name__}
    for name in JOBS.values():
        assert callable(getattr(jobs, name.rpartition(".")[2]))


def test_an_owner_names_the_machine_and_the_process():
    assert jobs.lease_owner() == f"{socket.gethostname()}:{os.getpid()}"
    assert jobs.lease_owner(7).endswith(":7")


def test_a_process_has_the_settings_that_it_was_given(settings: Settings):
    assert jobs.current_settings() is settings


def test_the_lease_of_a_dead_process_is_free_at_once(settings: Settings, review: int):
    ledger = Ledger.open(settings.database_url)
    assert ledger.reviews.begin(review, jobs.lease_owner(4321), NOW, timedelta(hours=1))
    jobs.release(review, 4322, tried=True)
    assert ledger.reviews.begin(review, "somebody", NOW, timedelta(hours=1)) is None
    jobs.release(review, 4321, tried=True)
    lease = ledger.reviews.begin(review, "somebody", NOW, timedelta(hours=1))
    assert lease is not None
    assert (lease.fence, lease.attempt) == (2, 2)
    ledger.close()


def test_a_review_that_is_finished_stays_finished(settings: Settings, review: int):
    ledger = Ledger.open(settings.database_url)
    lease = ledger.reviews.begin(review, jobs.lease_owner(4321), NOW, timedelta(hours=1))
    assert lease is not None
    ledger.reviews.finish(lease, ReviewState.PUBLISHED, NOW)
    jobs.release(review, 4321, tried=True)
    row = ledger.reviews.get(review)
    assert row is not None
    assert row.state is ReviewState.PUBLISHED
    ledger.close()


def test_without_a_ledger_a_release_is_left_to_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(
        jobs, "_configured", Settings.from_environ({"KILO_REVIEW_STATE_DIR": str(tmp_path / "file")})
    )
    jobs.release(1, 2, tried=True)


def test_a_review_whose_tries_all_ended_with_their_process_has_the_last_one_beside_no_other(
    settings: Settings, review: int
):
    ledger = Ledger.open(settings.database_url)
    key = ReviewKey(1, 2, 4, "b" * 40)
    innocent = ledger.requests.accept(key, actor="ann", payload={"repository": "a/b"}, now=NOW).review_id
    for _ in range(MAX_TRIES - 1):
        assert ledger.reviews.begin(review, "a dead process", NOW, timedelta(hours=1))
        ledger.reviews.abandon(review, "a dead process", NOW)

    def tries(of: int) -> int:
        row = ledger.reviews.get(of)
        assert row is not None
        return row.attempts

    with jobs.shared().suspects:
        last = threading.Thread(target=jobs.run_review, args=(review,))
        last.start()
        # Another review needs no turn; there is no App here, so it is put off with the reason.
        jobs.run_review(innocent)
        row = ledger.reviews.get(innocent)
        assert row is not None
        assert "GITHUB_APP_ID" in row.error
        assert tries(review) == MAX_TRIES - 1
    last.join(20)
    row = ledger.reviews.get(review)
    assert row is not None
    # Its payload names no repository: it ended, on its last try.
    assert (row.state, row.attempts) == (ReviewState.FAILED, MAX_TRIES)
    ledger.close()
