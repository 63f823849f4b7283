"""Faults of GitHub and of the models in the middle of a review: nothing is lost, nothing is said twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from policies.budgets import Account
from policies.load import load_policy
from policies.words import Tier
from reviewer.demo.simulator import Fault
from reviewer.ledger.keys import ReviewState
from reviewer.ledger.terms import Terms
from reviewer.models.catalogue import catalogue
from reviewer.models.meter import CallIntent
from reviewer.models.model import Candidate, Stage
from tests.demo.world import commit, git
from tests.service.rig import ORDERS, REPOSITORY, TAX, Rig, answer
from tests.simulators.behaviour import Behaviour, Cut, ErrorInStream, Flood, Raw, Say, Status

FOUND = [("shop/orders.py", 5), ("shop/orders.py", 9), ("shop/report.py", 5)]
LATER = timedelta(hours=1)
REVIEWS = r"/pulls/\d+/reviews$"
LINE_COMMENTS = r"/pulls/\d+/comments$"
SUMMARY = r"/issues/\d+/comments$"
CHECKS = r"/check-runs$"
CHECK = r"/check-runs/\d+$"


def once(service: Rig, number: int) -> None:
    """The review is there, whole, and once."""
    assert service.row(number).state is ReviewState.PUBLISHED
    shown = service.shown(number)
    assert (shown.lines, shown.reviews, len(shown.summaries), len(shown.checks)) == (FOUND, 1, 1, 1)
    assert (shown.check.status, shown.check.conclusion) == ("completed", "failure")


# T10, pushes


def test_a_push_while_the_model_answers_leaves_no_word_on_the_old_head(service: Rig) -> None:
    number = service.open()
    old = service.simulator.pull(REPOSITORY, number).head_sha
    new: list[str] = []

    def push(body: object) -> Behaviour:
        new.append(service.push(number, {"shop/tax.py": TAX}))
        return Say(answer(body))

    service.reviewer.next = [push]
    service.work()
    assert service.rows(number)[0].state is ReviewState.SUPERSEDED
    assert service.shown(number).inline == []
    stale = service.shown(number, old).check
    assert (stale.status, stale.conclusion) == ("completed", "cancelled")
    service.work()
    shown = service.shown(number)
    assert shown.lines == sorted([*FOUND, ("shop/tax.py", 5)])
    assert {row.original_commit_id for row in shown.inline} == set(new)
    assert f"head={new[0]}" in shown.summary


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("POST", r"/check-runs$", id="at the check run"),
        pytest.param("POST", r"git-upload-pack$", id="at the fetch", marks=pytest.mark.campaign),
        pytest.param("POST", r"/graphql$", id="at the threads", marks=pytest.mark.campaign),
    ],
)
def test_a_push_at_any_step_is_noticed_before_anything_is_posted(service: Rig, method: str, path: str) -> None:
    number = service.open()
    old = service.simulator.pull(REPOSITORY, number).head_sha
    sha = push_at(service, number, method, path)
    assert service.shown(number).inline == []
    service.work(after=LATER)
    assert [row.state for row in service.rows(number)] == [ReviewState.SUPERSEDED, ReviewState.PUBLISHED]
    shown = service.shown(number)
    assert shown.lines == sorted([*FOUND, ("shop/tax.py", 5)])
    assert {row.original_commit_id for row in shown.inline} == {sha}
    assert [run.status for run in service.shown(number, old).checks] == ["completed"]


@pytest.mark.campaign
def test_a_push_between_the_last_look_and_the_post_says_nothing_twice(service: Rig) -> None:
    # GitHub takes no condition with a review, so this one request cannot be guarded: the comments are of the head
    # that they were written for, and the next review knows them.
    number = service.open()
    sha = push_at(service, number, "GET", LINE_COMMENTS)
    service.work(after=LATER)
    shown = service.shown(number)
    assert shown.lines == sorted([*FOUND, ("shop/tax.py", 5)])
    assert f"head={sha}" in shown.summary
    assert shown.check.status == "completed"


def push_at(service: Rig, number: int, method: str, path: str) -> str:
    """Run the review of a pull request that is pushed to when a request arrives; return the new head."""
    branch = service.simulator.pull(REPOSITORY, number).head_ref
    git(service.source, "checkout", "--quiet", branch)
    sha = commit(service.source, "more", {"shop/tax.py": TAX})

    def push() -> None:
        service.simulator.push(REPOSITORY, branch, source=service.source, revision=sha)

    service.simulator.faults.plan(method, path, Fault(delay=0.001, after=True, hook=push))
    service.work()
    assert service.simulator.faults.left == 0
    assert service.simulator.hooks.wait()
    return sha


def test_a_pull_request_that_was_closed_meanwhile_is_left_in_peace(service: Rig) -> None:
    number = service.open()
    asked = service.calls
    service.simulator.faults.plan("POST", r"/graphql$", Fault.server_error(500))
    service.work()
    assert service.shown(number).check.status == "in_progress"
    service.simulator.act(REPOSITORY, number, "closed")
    service.work(after=LATER)
    assert service.row(number).state is ReviewState.REFUSED
    check = service.shown(number).check
    assert (check.status, check.conclusion) == ("completed", "neutral")
    assert "closed" in (check.summary or "")
    assert (service.shown(number).summaries, service.calls) == ([], asked)


def test_jobs_in_the_wrong_order_end_with_the_newest_head_reviewed(service: Rig) -> None:
    number = service.open()
    old = service.row(number).id
    head = service.push(number, {"shop/tax.py": TAX})
    new = service.row(number).id
    service.again(new)
    asked = service.calls
    service.again(old)
    assert service.calls == asked
    assert [row.state for row in service.rows(number)] == [ReviewState.SUPERSEDED, ReviewState.PUBLISHED]
    assert {row.original_commit_id for row in service.shown(number).inline} == {head}


# T11, a write is stored and its answer does not come


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault.stored_then_502(), id="502"),
        pytest.param(Fault(drop=True, after=True), id="no answer", marks=pytest.mark.campaign),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", CHECKS), ("POST", REVIEWS), ("POST", SUMMARY), ("PATCH", CHECK)],
    ids=["check run", "review", "summary", "conclusion"],
)
def test_what_github_stored_without_saying_so_is_found_and_not_sent_again(
    service: Rig, method: str, path: str, fault: Fault
) -> None:
    number = service.open()
    asked = service.calls
    service.simulator.faults.plan(method, path, fault)
    service.work()
    assert service.simulator.faults.left == 0
    calls = service.calls - asked
    service.work(after=LATER)
    once(service, number)
    if path is not CHECKS:
        assert service.calls - asked == calls


@pytest.mark.parametrize("times", [1, pytest.param(4, marks=pytest.mark.campaign)])
def test_a_write_that_github_did_not_store_is_sent_until_it_is(service: Rig, times: int) -> None:
    number = service.open()
    service.simulator.faults.plan("POST", REVIEWS, Fault.server_error(503), times=times)
    service.work()
    asked = service.calls
    if times > 1:
        row = service.row(number)
        assert row.state is ReviewState.REVIEWED
        assert row.retry_at is not None
        assert "503" in row.error
    service.work(after=LATER)
    service.work(after=2 * LATER)
    once(service, number)
    assert service.calls == asked


# T12, limits


@pytest.mark.parametrize(
    ("fault", "least"),
    [
        pytest.param(lambda: Fault.secondary_limit(120), 120, id="secondary with a time"),
        pytest.param(Fault.secondary_limit, 60, id="secondary without", marks=pytest.mark.campaign),
        pytest.param(lambda: Fault.secondary_limit(30, 429), 30, id="429", marks=pytest.mark.campaign),
        pytest.param(lambda: Fault.primary_limit(900), 890, id="primary", marks=pytest.mark.campaign),
    ],
)
def test_a_limit_is_obeyed_and_the_worker_is_free_at_once(
    service: Rig, fault: Callable[[], Fault], least: int
) -> None:
    number = service.open()
    service.simulator.faults.plan("POST", REVIEWS, fault())
    before = datetime.now(UTC)
    service.work()
    row = service.row(number)
    assert row.state is ReviewState.REVIEWED
    assert row.retry_at is not None
    assert row.retry_at - before >= timedelta(seconds=least)
    sent, asked = len(service.simulator.state.seen), service.calls
    assert service.work(after=timedelta(seconds=least - 25)) == []
    assert len(service.simulator.state.seen) == sent
    service.work(after=LATER)
    once(service, number)
    assert service.calls == asked


# T13, GitHub refuses an anchor


def test_one_refused_comment_loses_no_other(service: Rig) -> None:
    number = service.open()
    refusal = Fault(422, "Unprocessable Entity: line must be part of the diff")
    # The group of three, then its first half: one comment alone.
    service.simulator.faults.plan("POST", REVIEWS, refusal, times=2)
    service.work()
    shown = service.shown(number)
    assert service.row(number).state is ReviewState.PUBLISHED
    assert len(shown.inline) == 2
    everything = shown.summary + "".join(row.body for row in shown.inline)
    for title in ("Division by zero", "Index past the end", "never closed"):
        assert title in everything
    assert shown.check.conclusion == "failure"


def test_when_every_comment_is_refused_the_summary_has_them_all(service: Rig) -> None:
    number = service.open()
    service.simulator.faults.plan("POST", REVIEWS, Fault(422, "Unprocessable Entity"), times=50)
    service.work()
    shown = service.shown(number)
    assert service.row(number).state is ReviewState.PUBLISHED
    assert (shown.inline, shown.reviews) == ([], 0)
    for title in ("Division by zero", "Index past the end", "never closed"):
        assert title in shown.summary
    assert 50 - service.simulator.faults.left <= 8


# T15, models


def rare(behaviour: Behaviour, name: str) -> object:
    return pytest.param(behaviour, id=name, marks=pytest.mark.campaign)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(Status(429, headers={"retry-after": "600"}), id="429"),
        pytest.param(Cut(), id="cut"),
        pytest.param(Say("no JSON at all"), id="no JSON"),
        rare(Status(529), "529"),
        rare(Status(400), "400"),
        rare(ErrorInStream(), "error event"),
        rare(Raw(b"<html>a proxy</html>", "text/html"), "not a stream"),
        rare(Say(""), "empty"),
        rare(Say('{"findings": [{"title": "cut', finish="length"), "length"),
        rare(Say("I cannot help with that.", finish="refusal"), "refusal"),
        rare(Flood(10 * 1024 * 1024), "10 MB"),
    ],
)
def test_a_faulty_model_makes_a_visible_gap_and_never_green(service: Rig, behaviour: Behaviour) -> None:
    number = service.open({"docs/notes.md": f"# Notes\n\nPlain words, {service.branches}.\n"})
    asked = len(service.provider.requests)
    service.reviewer.always = behaviour
    service.work()
    assert service.row(number).state is ReviewState.PUBLISHED
    shown = service.shown(number)
    assert (shown.check.status, shown.check.conclusion) == ("completed", "neutral")
    assert "Incomplete" in (shown.check.title or "")
    assert "no issues" not in shown.summary
    assert "docs/notes.md" in shown.summary
    # Three questions of a unit, each of three attempts at most; every one of them is in the ledger.
    sent = len(service.provider.requests) - asked
    assert 1 <= sent <= 9
    assert len(service.ledger.calls.of_review(service.row(number).id)) == sent


def test_one_unit_that_fails_costs_no_other_unit(service: Rig) -> None:
    # Two units: what is sensitive goes to another tier.
    number = service.open({"shop/login/password.py": ORDERS, "docs/notes.md": f"# {service.branches}\n"})

    def refuse_notes(body: object) -> Behaviour:
        return Status(400) if "### docs/notes.md" in str(body) else Say(answer(body))

    service.reviewer.next = [refuse_notes] * 12
    service.work()
    shown = service.shown(number)
    assert shown.lines == [("shop/login/password.py", 5), ("shop/login/password.py", 9)]
    assert shown.check.conclusion == "failure"
    assert "docs/notes.md" in shown.summary.partition("Not reviewed")[2]


# T18, tokens


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", r"info/refs$"),
        ("GET", LINE_COMMENTS),
        *(
            pytest.param(method, path, marks=pytest.mark.campaign)
            for method, path in [
                ("GET", r"/pulls/\d+$"),
                ("POST", CHECKS),
                ("POST", r"/graphql$"),
                ("POST", REVIEWS),
                ("POST", SUMMARY),
            ]
        ),
    ],
)
def test_tokens_that_are_revoked_in_the_middle_are_made_again(service: Rig, method: str, path: str) -> None:
    number = service.open()
    revoked: list[int] = []

    def revoke() -> None:
        revoked.append(service.simulator.revoke_tokens())

    service.simulator.faults.plan(method, path, Fault(delay=0.001, after=True, hook=revoke))
    before = minted(service)
    service.work()
    assert revoked
    once(service, number)
    # One for reading and one for writing, and each once more at most.
    assert minted(service) - before <= 4


def minted(service: Rig) -> int:
    return sum(seen.path.endswith("/access_tokens") for seen in service.simulator.state.seen)


def test_tokens_that_are_revoked_while_the_model_answers_are_made_again(service: Rig) -> None:
    number = service.open()

    def revoke(body: object) -> Behaviour:
        service.simulator.revoke_tokens()
        return Say(answer(body))

    service.reviewer.next = [revoke]
    service.work()
    once(service, number)


# The lease


def test_a_worker_that_lost_its_review_posts_nothing_and_pays_for_nothing_more(service: Rig) -> None:
    number = service.open()
    review = service.row(number).id

    def taken_over(body: object) -> Behaviour:
        # A second worker, which finds the lease run out.
        later = datetime.now(UTC) + timedelta(minutes=5)
        assert service.ledger.reviews.begin(review, "somebody else", later, timedelta(minutes=1)) is not None
        return Say(answer(body))

    service.reviewer.next = [taken_over]
    service.work()
    assert service.row(number).state is ReviewState.RUNNING
    assert +service.posted(number) == {"checks": 1}
    asked, billed = service.calls, len(service.reviewer.models)
    service.again(review, after=timedelta(minutes=10))
    once(service, number)
    # What was answered was kept: no more than what the first worker did not get is asked again.
    assert service.calls - asked <= 3
    assert service.bill(billed) <= sum(call.cost or 0 for call in service.ledger.calls.of_review(review))


def test_a_call_whose_worker_died_is_on_the_bill_as_unknown(service: Rig) -> None:
    number = service.open()
    review = service.row(number).id
    # What a worker leaves behind that is killed in the middle of a call.
    lease = service.ledger.reviews.begin(review, "dead", datetime.now(UTC), timedelta(seconds=0))
    assert lease is not None
    intent = CallIntent("unit", Stage.REVIEW, Tier.EFFICIENT, candidate(service), 1)
    account = Account(run=str(review), pull_request=service.row(number).key.pull_request)
    terms = Terms(account, review_id=review)
    service.ledger.money.reserve("held", Decimal("0.5"), intent, terms, datetime.now(UTC))
    service.work()
    once(service, number)
    assert "cost of this run unknown" in service.shown(number).summary
    ours = [entry for entry in service.ledger.money.unconfirmed() if entry.reservation == "held"]
    assert [entry.at_most for entry in ours] == [Decimal("0.5")]


def candidate(service: Rig) -> Candidate:
    found = catalogue(service.settings, load_policy().providers, private=False, discover_local=False)
    return next(entry.candidate for entry in found if entry.candidate.model == "gpt-6-luna")


def test_a_ledger_that_is_gone_asks_nobody(service: Rig, tmp_path: object) -> None:
    from dataclasses import replace

    from reviewer.errors import LedgerUnavailable
    from reviewer.jobs import run as subject

    number = service.open()
    asked = service.calls
    nowhere = replace(service.settings, database_url=f"sqlite:///{tmp_path}/no/such/ledger.sqlite")
    with pytest.raises(LedgerUnavailable):
        subject.run(service.row(number).id, nowhere)
    assert service.calls == asked
    service.work()
    once(service, number)


def test_a_command_beside_a_running_review_says_nothing_twice(service: Rig) -> None:
    number = service.open()
    service.command(number, "/kilo review")
    first, second = (row.id for row in service.rows(number))
    # Both would have looked before either has posted.
    service.simulator.faults.plan("GET", LINE_COMMENTS, Fault.slow(1.0), times=2)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(service.again, [first, second]))
    service.simulator.faults.clear()
    service.work(after=timedelta(minutes=2))
    service.work(after=timedelta(minutes=4))
    assert [row.state for row in service.rows(number)] == [ReviewState.PUBLISHED] * 2
    shown = service.shown(number)
    assert (shown.lines, shown.reviews, len(shown.summaries), len(shown.checks)) == (FOUND, 1, 1, 1)
