"""A push while a review is at work: the review stops at its next call and its check says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reviewer.ledger.keys import ReviewState
from tests.demo.world import commit, git
from tests.service.rig import REPOSITORY, TAX, Rig, answer
from tests.simulators.behaviour import Behaviour, Say


def several_parts(service: Rig) -> dict[str, str | bytes | None]:
    """A change that one call does not hold, with three defects."""
    lines = "".join(f"VALUE_{number} = {number}  # {service.branches}\n" for number in range(900))
    parts = {f"{folder}/big.py": lines.replace("VALUE", folder.upper()) for folder in ("one", "two", "three")}
    return {**parts, **service.head()}


@contextmanager
def one_call_at_a_time(service: Rig) -> Iterator[None]:
    policy = service.settings.policy_file
    assert policy is not None
    text = policy.read_text()
    policy.write_text(f"{text}\n[caps]\nconcurrency = 1\n")
    try:
        yield
    finally:
        policy.write_text(text)


def test_a_review_that_a_push_overtakes_asks_nothing_more_and_its_check_is_cancelled(service: Rig) -> None:
    number = service.open(several_parts(service))
    row, asked = service.row(number), service.calls

    def push(body: object) -> Behaviour:
        service.push(number, {"shop/tax.py": TAX})
        return Say(answer(body))

    with one_call_at_a_time(service):
        service.reviewer.next = [push]
        # No other worker is there: the review itself notices.
        service.again(row.id)
    assert service.calls == asked + 1
    assert [each.state for each in service.rows(number)] == [ReviewState.SUPERSEDED, ReviewState.ACCEPTED]
    (check,) = service.simulator.check_runs(REPOSITORY, row.key.head_sha)
    assert (check.status, check.conclusion) == ("completed", "cancelled")
    assert service.shown(number).inline == []
    service.work(only=number)
    assert service.shown(number).check.conclusion == "failure"
    assert [path for path, _line in service.shown(number).lines].count("shop/tax.py") == 1


def test_a_review_whose_base_moves_gives_way_and_leaves_the_check_to_the_next_one(service: Rig) -> None:
    number = service.open(several_parts(service))
    git(service.source, "checkout", "--quiet", "-B", "elsewhere", "main")
    tip = commit(service.source, "elsewhere", {"NOTES.md": "x\n"})
    service.simulator.push(REPOSITORY, "elsewhere", source=service.source, revision=tip)
    asked = service.calls

    def retarget(body: object) -> Behaviour:
        service.simulator.retarget(REPOSITORY, number, "elsewhere")
        assert service.simulator.hooks.wait()
        return Say(answer(body))

    with one_call_at_a_time(service):
        service.reviewer.next = [retarget]
        service.again(service.row(number).id)
    assert service.calls == asked + 1
    service.work(only=number)
    assert service.shown(number).check.conclusion == "failure"


def test_another_base_with_the_same_tip_is_the_same_diff_and_its_review_is_published(service: Rig) -> None:
    number = service.open()
    service.simulator.push(REPOSITORY, "same", source=service.source, revision="main")

    def retarget(body: object) -> Behaviour:
        service.simulator.retarget(REPOSITORY, number, "same")
        assert service.simulator.hooks.wait()
        return Say(answer(body))

    service.reviewer.next = [retarget]
    service.again(service.row(number).id)
    assert service.row(number).state is ReviewState.PUBLISHED
    assert service.shown(number).check.conclusion == "failure"


def test_a_delivery_that_github_does_not_bear_out_stops_nothing(service: Rig) -> None:
    number = service.open(several_parts(service))

    def rumour(body: object) -> Behaviour:
        # A late delivery of a head that the pull request has left again.
        branch, head = service.simulator.pull(REPOSITORY, number).head_ref, service.row(number).key.head_sha
        service.push(number, {"shop/tax.py": TAX})
        service.simulator.push(REPOSITORY, branch, source=service.source, revision=head)
        assert service.simulator.hooks.wait()
        return Say(answer(body))

    with one_call_at_a_time(service):
        service.reviewer.next = [rumour]
        first = service.row(number).id
        service.again(first)
    row = service.ledger.reviews.get(first)
    assert row is not None
    assert row.state is ReviewState.PUBLISHED
