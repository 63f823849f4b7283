from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest

from reviewer.errors import LeaseLost
from reviewer.ledger.keys import MAX_TRIES, Lease, Publication, ReviewKey, ReviewRow, ReviewState
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.publications import Shown
from tests.ledger.make import KEY, MINUTE, NOW, accept


def begin(ledger: Ledger, review_id: int, now=NOW, owner: str = "worker-1") -> Lease:
    lease = ledger.reviews.begin(review_id, owner, now, MINUTE)
    assert lease is not None
    return lease


def state(ledger: Ledger, review_id: int) -> ReviewState:
    row = ledger.reviews.get(review_id)
    assert row is not None
    return row.state


def test_a_key_is_accepted_once(ledger: Ledger) -> None:
    first = ledger.requests.accept(KEY, actor="bob", payload={"title": "x"}, now=NOW)
    again = ledger.requests.accept(KEY, actor="eve", payload={}, now=NOW + MINUTE)
    assert (first.created, again.created) == (True, False)
    assert again.review_id == first.review_id
    row = ledger.reviews.get(first.review_id)
    assert row is not None
    assert (row.key, row.actor, row.payload, row.accepted_at) == (KEY, "bob", {"title": "x"}, NOW)


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, installation_id=9),
        replace(KEY, repo_id=9),
        replace(KEY, number=9),
        replace(KEY, head_sha="b" * 40),
        replace(KEY, trigger="comment:1"),
    ],
    ids=lambda key: str(key.trigger),
)
def test_every_part_of_the_key_is_identity(ledger: Ledger, other) -> None:
    assert accept(ledger, other) != accept(ledger)


def test_a_hundred_deliveries_at_once_are_one_row(ledger: Ledger) -> None:
    ready = threading.Barrier(20)

    def deliver(number: int) -> bool:
        if number < 20:
            ready.wait()
        return ledger.requests.accept(KEY, actor=f"user-{number}", payload={}, now=NOW).created

    with ThreadPoolExecutor(20) as pool:
        created = list(pool.map(deliver, range(100)))
    assert created.count(True) == 1
    assert len(ledger.reviews.recent()) == 1


def test_hostile_text_is_stored(ledger: Ledger) -> None:
    lease = begin(ledger, accept(ledger, replace(KEY, trigger="comment:1")))
    ledger.reviews.fail(lease, NOW, "boom \0 \ud800 \n\n next line", NOW)
    row = ledger.reviews.get(lease.review_id)
    assert row is not None
    assert row.error.startswith("boom \ufffd")
    assert row.error.endswith("next line")


def test_one_worker_at_a_time_holds_the_lease(ledger: Ledger) -> None:
    review_id = accept(ledger)
    lease = begin(ledger, review_id)
    assert (lease.fence, lease.attempt, lease.state) == (1, 1, ReviewState.RUNNING)
    assert ledger.reviews.begin(review_id, "worker-2", NOW, MINUTE) is None
    assert ledger.reviews.begin(404, "worker-2", NOW, MINUTE) is None


def test_twenty_workers_at_once_get_one_lease(ledger: Ledger) -> None:
    review_id = accept(ledger)
    with ThreadPoolExecutor(20) as pool:
        leases = list(pool.map(lambda n: ledger.reviews.begin(review_id, f"worker-{n}", NOW, MINUTE), range(20)))
    assert sum(lease is not None for lease in leases) == 1


def test_a_stale_fence_writes_nothing(ledger: Ledger) -> None:
    review_id = accept(ledger)
    stale = begin(ledger, review_id)
    later = NOW + 2 * MINUTE
    taken = begin(ledger, review_id, later, "worker-2")
    assert taken.fence > stale.fence
    for write in (
        lambda: ledger.reviews.renew(stale, later, MINUTE),
        lambda: ledger.reviews.save_result(stale, "{}", later),
        lambda: ledger.reviews.finish(stale, ReviewState.PUBLISHED, later),
        lambda: ledger.reviews.fail(stale, None, "x", later),
        lambda: ledger.reviews.defer(stale, later, "x", later),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert ledger.reviews.result(review_id) is None
    assert state(ledger, review_id) is ReviewState.RUNNING
    ledger.reviews.finish(taken, ReviewState.PUBLISHED, later)


def test_what_a_process_held_is_given_back_when_it_has_ended(ledger: Ledger) -> None:
    ids = [accept(ledger, replace(KEY, number=number)) for number in (1, 2, 3)]
    for review_id, owner in zip(ids, ("worker-1", "worker-1", "worker-2"), strict=True):
        begin(ledger, review_id, owner=owner)
    assert ledger.reviews.abandon_all("worker-1", NOW) == 2
    assert [ledger.reviews.begin(it, "worker-3", NOW, MINUTE) is not None for it in ids] == [True, True, False]


def test_a_lease_is_overdue_for_its_owner_alone_and_until_it_is_renewed(ledger: Ledger) -> None:
    review_id = accept(ledger)
    lease = begin(ledger, review_id)
    assert not ledger.reviews.ran_out(review_id, "worker-1", NOW + MINUTE)
    assert ledger.reviews.ran_out(review_id, "worker-1", NOW + 2 * MINUTE)
    assert not ledger.reviews.ran_out(review_id, "worker-2", NOW + 2 * MINUTE)
    ledger.reviews.renew(lease, NOW + MINUTE, 2 * MINUTE)
    assert not ledger.reviews.ran_out(review_id, "worker-1", NOW + 2 * MINUTE)


def test_an_expired_lease_that_nobody_took_is_still_good(ledger: Ledger) -> None:
    lease = begin(ledger, accept(ledger))
    renewed = ledger.reviews.renew(lease, NOW + 5 * MINUTE, MINUTE)
    assert renewed.until == NOW + 6 * MINUTE
    assert ledger.reviews.begin(lease.review_id, "worker-2", NOW + 5 * MINUTE, MINUTE) is None


def test_the_result_is_stored_before_publication_and_is_never_thrown_away(ledger: Ledger) -> None:
    review_id = accept(ledger)
    lease = ledger.reviews.save_result(begin(ledger, review_id), '{"findings":[]}', NOW)
    assert lease.state is ReviewState.REVIEWED
    assert ledger.reviews.result(review_id) == '{"findings":[]}'
    assert ledger.reviews.fail(lease, NOW + MINUTE, "GitHub said 502", NOW) is ReviewState.REVIEWED
    assert ledger.reviews.begin(review_id, "worker-2", NOW, MINUTE) is None
    again = begin(ledger, review_id, NOW + MINUTE)
    assert again.state is ReviewState.REVIEWED
    assert ledger.reviews.defer(again, NOW + 2 * MINUTE, "rate limit", NOW + MINUTE) is ReviewState.REVIEWED
    last = begin(ledger, review_id, NOW + 2 * MINUTE)
    ledger.reviews.finish(last, ReviewState.PUBLISHED, NOW + 2 * MINUTE)
    assert state(ledger, review_id) is ReviewState.PUBLISHED
    assert ledger.reviews.begin(review_id, "worker-1", NOW + 9 * MINUTE, MINUTE) is None


def test_a_failure_is_due_again_at_its_time(ledger: Ledger) -> None:
    review_id = accept(ledger)
    assert ledger.reviews.fail(begin(ledger, review_id), NOW + 5 * MINUTE, "crash", NOW) is ReviewState.ACCEPTED
    assert [row.id for row in ledger.backlog.unfinished(NOW + 4 * MINUTE)] == []
    assert [row.id for row in ledger.backlog.unfinished(NOW + 5 * MINUTE)] == [review_id]
    assert begin(ledger, review_id, NOW + 5 * MINUTE).attempt == 2


def test_a_permanent_failure_is_final_and_is_told_once(ledger: Ledger) -> None:
    review_id = accept(ledger)
    assert ledger.reviews.fail(begin(ledger, review_id), None, "no such commit", NOW) is ReviewState.FAILED
    assert [row.id for row in ledger.backlog.unnoticed()] == [review_id]
    ledger.backlog.noticed(review_id, NOW)
    assert ledger.backlog.unnoticed() == ()
    assert ledger.backlog.unfinished(NOW + 60 * MINUTE) == ()


def test_a_job_that_fails_three_times_is_parked_visibly(ledger: Ledger) -> None:
    review_id = accept(ledger)
    for attempt in range(1, MAX_TRIES + 1):
        now = NOW + attempt * MINUTE
        after = ledger.reviews.fail(begin(ledger, review_id, now), now, "boom", now)
        assert after is (ReviewState.PARKED if attempt == MAX_TRIES else ReviewState.ACCEPTED)
    assert [row.state for row in ledger.backlog.unnoticed()] == [ReviewState.PARKED]


@pytest.mark.parametrize("by_clock", [True, False])
def test_a_job_that_kills_three_workers_is_parked(ledger: Ledger, *, by_clock: bool) -> None:
    review_id = accept(ledger)
    now = NOW
    for _ in range(MAX_TRIES):
        begin(ledger, review_id, now)
        now += 2 * MINUTE
    if by_clock:
        assert ledger.backlog.park(now) == (review_id,)
    assert ledger.reviews.begin(review_id, "worker-4", now, MINUTE) is None
    row = ledger.reviews.get(review_id)
    assert row is not None
    assert row.state is ReviewState.PARKED
    assert "parked after 3 tries" in row.error


def test_a_third_try_that_is_alive_is_not_parked(ledger: Ledger) -> None:
    review_id = accept(ledger)
    for attempt in range(MAX_TRIES):
        lease = begin(ledger, review_id, NOW + attempt * 2 * MINUTE)
    assert ledger.backlog.park(NOW + 4 * MINUTE) == ()
    ledger.reviews.finish(lease, ReviewState.PUBLISHED, NOW + 4 * MINUTE)


def test_publishing_has_tries_of_its_own(ledger: Ledger) -> None:
    review_id = accept(ledger)
    for attempt in range(2):
        begin(ledger, review_id, NOW + attempt * 2 * MINUTE)
    lease = ledger.reviews.save_result(begin(ledger, review_id, NOW + 4 * MINUTE), "{}", NOW + 4 * MINUTE)
    assert lease.attempt == 1
    assert ledger.reviews.fail(lease, NOW + 5 * MINUTE, "x", NOW + 4 * MINUTE) is ReviewState.REVIEWED


def test_waiting_for_others_uses_no_try_but_ends(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reviewer.ledger.reviews.MAX_DEFERRALS", 5)
    review_id = accept(ledger)
    for _ in range(5):
        assert ledger.reviews.defer(begin(ledger, review_id), NOW, "rate limit", NOW) is ReviewState.ACCEPTED
    assert ledger.reviews.defer(begin(ledger, review_id), NOW, "rate limit", NOW) is ReviewState.FAILED


def row_of(ledger: Ledger, review_id: int) -> ReviewRow:
    row = ledger.reviews.get(review_id)
    assert row is not None
    return row


def test_a_new_head_supersedes_the_older_ones_and_stops_their_workers(ledger: Ledger) -> None:
    done = accept(ledger, replace(KEY, head_sha="c" * 40))
    ledger.reviews.finish(begin(ledger, done), ReviewState.PUBLISHED, NOW)
    old = accept(ledger)
    lease = begin(ledger, old)
    new = accept(ledger, replace(KEY, head_sha="b" * 40))
    elsewhere = accept(ledger, replace(KEY, number=4))
    assert ledger.reviews.supersede_older(row_of(ledger, new), NOW) == (old,)
    with pytest.raises(LeaseLost):
        ledger.reviews.save_result(lease, "{}", NOW)
    assert state(ledger, old) is ReviewState.SUPERSEDED
    assert state(ledger, done) is ReviewState.PUBLISHED
    assert {row.id for row in ledger.backlog.unfinished(NOW + 2 * MINUTE)} == {new, elsewhere}


def test_only_an_end_can_finish_a_review(ledger: Ledger) -> None:
    lease = begin(ledger, accept(ledger))
    with pytest.raises(ValueError, match="not an end"):
        ledger.reviews.finish(lease, ReviewState.REVIEWED, NOW)


def test_the_queue_can_be_rebuilt(ledger: Ledger) -> None:
    waiting = accept(ledger)
    running = accept(ledger, replace(KEY, number=4))
    begin(ledger, running)
    late = NOW + 2 * MINUTE
    assert [row.id for row in ledger.backlog.unfinished(NOW)] == []
    assert [row.id for row in ledger.backlog.unfinished(late)] == [waiting, running]
    assert [row.id for row in ledger.backlog.unfinished(late, limit=1)] == [waiting]
    ledger.backlog.enqueued([waiting, running], late)
    assert ledger.backlog.unfinished(late) == ()
    assert [row.id for row in ledger.backlog.unfinished(late + 2 * MINUTE)] == [waiting, running]
    assert [row.id for row in ledger.backlog.unfinished(late, quiet=0 * MINUTE)] == [waiting, running]


def asked(ledger: Ledger, verb: str, trigger: str, now=NOW, **other: int) -> None:
    payload = {"verb": verb} if verb else {}
    ledger.requests.accept(replace(KEY, trigger=trigger, **other), actor="bob", payload=payload, now=now)


def test_a_pull_requests_rows_are_counted_by_verb_from_a_moment(ledger: Ledger) -> None:
    asked(ledger, "review", "auto", NOW - 90 * MINUTE)
    asked(ledger, "review", "comment:1")
    asked(ledger, "estimate", "comment:2")
    asked(ledger, "", "comment:3")
    asked(ledger, "review", "comment:4", number=4)
    asked(ledger, "review", "comment:5", installation_id=9)
    pull_request = (KEY.repo_id, KEY.number)
    assert ledger.requests.verbs(*pull_request) == {"review": 3, "estimate": 1, "": 1}
    assert ledger.requests.verbs(*pull_request, installation_id=9) == {"review": 1}
    recent = {"since": NOW - 60 * MINUTE, "installation_id": KEY.installation_id}
    assert ledger.requests.verbs(*pull_request, **recent) == {"review": 1, "estimate": 1, "": 1}
    assert ledger.requests.verbs(*pull_request, **recent, besides=("auto", "comment:1")) == {"estimate": 1, "": 1}


def test_no_number_of_pushes_hides_a_command_from_the_count(ledger: Ledger) -> None:
    for number in range(150):
        asked(ledger, "review", "auto", head_sha=f"{number:040x}")
    asked(ledger, "review", "comment:1")
    assert ledger.requests.verbs(KEY.repo_id, KEY.number, since=NOW, besides=("auto",)) == {"review": 1}


def test_a_dead_owners_lease_is_given_back_and_nobody_elses(ledger: Ledger) -> None:
    review_id = accept(ledger)
    begin(ledger, review_id, owner="dead")
    assert not ledger.reviews.abandon(review_id, "alive", NOW)
    assert ledger.reviews.begin(review_id, "worker-2", NOW, MINUTE) is None
    assert ledger.reviews.abandon(review_id, "dead", NOW)
    assert begin(ledger, review_id, owner="worker-2").attempt == 2


def test_what_a_comment_or_a_merge_queue_asked_for_is_superseded_by_no_push(ledger: Ledger) -> None:
    command = accept(ledger, replace(KEY, head_sha="", trigger="comment:1"))
    group = accept(ledger, replace(KEY, head_sha="d" * 40, trigger="merge:1"))
    new = accept(ledger, replace(KEY, head_sha="b" * 40))
    assert ledger.reviews.supersede_older(row_of(ledger, new), NOW) == ()
    assert [state(ledger, each) for each in (command, group)] == [ReviewState.ACCEPTED] * 2


def test_a_head_that_was_asked_for_later_is_not_superseded(ledger: Ledger) -> None:
    new = accept(ledger, replace(KEY, head_sha="b" * 40))
    late = accept(ledger)
    assert ledger.reviews.supersede_older(row_of(ledger, new), NOW) == ()
    assert ledger.reviews.has_newer(row_of(ledger, new), KEY.head_sha)
    assert not ledger.reviews.has_newer(row_of(ledger, late), "b" * 40)


def test_a_review_that_starts_again_asks_anew(ledger: Ledger) -> None:
    review_id = accept(ledger)
    ledger.reviews.restart(ledger.reviews.save_result(begin(ledger, review_id), "{}", NOW), NOW)
    lease = begin(ledger, review_id)
    assert (lease.state, lease.attempt) == (ReviewState.RUNNING, 1)


# A head that comes back


def delivered(ledger: Ledger, delivery: str, key: ReviewKey = KEY) -> tuple[int, bool]:
    accepted = ledger.requests.accept(key, actor="ann", payload={"delivery": delivery}, now=NOW)
    return accepted.review_id, accepted.created


def publish(ledger: Ledger, review_id: int, at: datetime = NOW) -> None:
    row = row_of(ledger, review_id)
    lease = begin(ledger, review_id)
    saved = Publication(head_sha=row.key.head_sha, base_sha=row.key.base_sha)
    ledger.publications.save(lease, saved, at)
    ledger.reviews.finish(lease, ReviewState.PUBLISHED, at)


def test_a_head_that_comes_back_to_a_superseded_review_is_new_work_once(ledger: Ledger) -> None:
    first, _ = delivered(ledger, "opened")
    ledger.reviews.finish(begin(ledger, first), ReviewState.SUPERSEDED, NOW)
    again, created = delivered(ledger, "back")
    assert created
    assert again != first
    assert delivered(ledger, "back") == (again, False)
    # What was sent again of the first delivery is still the first review.
    assert delivered(ledger, "opened") == (first, False)
    # And while the new one is at work, any other event of this head joins it.
    assert delivered(ledger, "reopened") == (again, False)


def test_a_published_review_is_final_as_long_as_the_pull_request_shows_it(ledger: Ledger) -> None:
    first, _ = delivered(ledger, "opened")
    publish(ledger, first)
    assert delivered(ledger, "reopened") == (first, False)
    other, _ = delivered(ledger, "pushed", replace(KEY, head_sha="b" * 40))
    publish(ledger, other, NOW + MINUTE)
    assert ledger.publications.newest(KEY.repo_id, KEY.number) == Shown(other, "b" * 40, KEY.base_sha)
    back, created = delivered(ledger, "back")
    assert created
    assert row_of(ledger, back).key.automatic


def test_another_base_of_the_same_head_is_new_work(ledger: Ledger) -> None:
    key = replace(KEY, base_sha="1" * 40)
    first, _ = delivered(ledger, "opened", key)
    publish(ledger, first)
    moved = replace(KEY, base_sha="2" * 40)
    second, created = delivered(ledger, "edited", moved)
    assert created
    assert row_of(ledger, second).key.base_sha == "2" * 40
    assert ledger.reviews.has_newer(row_of(ledger, first), KEY.head_sha)
    assert delivered(ledger, "edited again", moved) == (second, False)


def test_reviews_of_a_head_that_came_back_are_no_commands_of_the_hour(ledger: Ledger) -> None:
    first, _ = delivered(ledger, "opened")
    ledger.reviews.finish(begin(ledger, first), ReviewState.SUPERSEDED, NOW)
    delivered(ledger, "back")
    assert ledger.requests.verbs(KEY.repo_id, KEY.number, besides=("auto",)) == {}
    assert ledger.requests.pull_requests(KEY.repo_id, KEY.head_sha) == (KEY.number,)


def test_a_review_that_was_handed_back_is_due_at_once_and_no_try_is_used_up(ledger: Ledger) -> None:
    review_id = accept(ledger)
    for _ in range(2 * MAX_TRIES):
        lease = ledger.reviews.begin(review_id, "worker", NOW, MINUTE)
        assert lease is not None
        assert lease.attempt == 1
        assert ledger.reviews.hand_back(lease, NOW) is ReviewState.ACCEPTED
        assert [row.id for row in ledger.backlog.unfinished(NOW + MINUTE)] == [review_id]
        with pytest.raises(LeaseLost):
            ledger.reviews.renew(replace(lease, fence=lease.fence - 1), NOW, MINUTE)
    assert ledger.backlog.park(NOW) == ()


def test_a_stored_review_that_is_handed_back_waits_to_be_published(ledger: Ledger) -> None:
    lease = ledger.reviews.begin(accept(ledger), "worker", NOW, MINUTE)
    assert lease is not None
    stored = ledger.reviews.save_result(lease, "{}", NOW)
    assert ledger.reviews.hand_back(stored, NOW) is ReviewState.REVIEWED
    again = ledger.reviews.begin(lease.review_id, "worker", NOW, MINUTE)
    assert again is not None
    assert (again.state, again.attempt) == (ReviewState.REVIEWED, 1)


def test_a_worker_that_was_stopped_on_purpose_uses_up_no_try_and_one_that_died_does(ledger: Ledger) -> None:
    review_id = accept(ledger)
    for tried, attempt in ((False, 1), (False, 1), (True, 1), (False, 2), (True, 2), (True, 3)):
        lease = ledger.reviews.begin(review_id, "worker", NOW, MINUTE)
        assert lease is not None
        assert lease.attempt == attempt
        if attempt == 1:
            assert ledger.reviews.abandon_all("worker", NOW, tried=tried) == 1
        else:
            assert ledger.reviews.abandon(review_id, "worker", NOW, tried=tried)
    assert ledger.reviews.begin(review_id, "worker", NOW, MINUTE) is None
    assert ledger.backlog.park(NOW) in ((), (review_id,))
    row = ledger.reviews.get(review_id)
    assert row is not None
    assert row.state is ReviewState.PARKED
