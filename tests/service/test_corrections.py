"""A command that does not exist: whoever may command is told once what does, and nobody else causes a write."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reviewer.demo.simulator import Fault
from reviewer.demo.simulator.state import IssueComment
from reviewer.ledger.keys import ReviewState
from tests.service.rig import BOT, REPOSITORY, TAX, Rig

LATER = timedelta(hours=2)


@pytest.fixture
def number(service: Rig) -> int:
    """A pull request that is reviewed."""
    made = service.open()
    service.work()
    return made


def conversation(service: Rig, number: int) -> list[IssueComment]:
    return service.simulator.issue_comments(REPOSITORY, number)


def reactions(comment: IssueComment) -> list[tuple[str, str]]:
    return [(row.user.login, row.content) for row in comment.reactions]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("/kilo reveiw", "There is no such command."),
        ("/kilo review --strategy cheap", "`--strategy` takes one of"),
        ("/kilo review --key secret", "There is no such option."),
    ],
)
def test_a_writer_gets_a_reaction_and_one_comment_with_the_usage(
    service: Rig, number: int, text: str, says: str
) -> None:
    asked, before = service.calls, service.posted(number)
    service.command(number, text)
    delivery = service.simulator.deliveries()[-1]
    service.work()
    command, answer = conversation(service, number)[-2:]
    assert reactions(command) == [(BOT, "confused")]
    assert answer.user.login == BOT
    assert says in answer.body
    assert "\n    /kilo review [--strategy" in answer.body
    assert text.rsplit(maxsplit=1)[-1] not in answer.body
    assert service.row(number).state is ReviewState.PUBLISHED
    # Neither our own comment, nor the same delivery, nor the same job again brings another.
    service.simulator.hooks.redeliver(delivery)
    assert service.simulator.hooks.wait()
    service.work()
    service.again(service.row(number).id, after=timedelta(minutes=5))
    assert service.posted(number) - before == {"comments": 2}
    assert len(service.rows(number)) == 2
    assert service.calls == asked


def test_a_stranger_and_a_reader_cause_no_write(service: Rig, number: int) -> None:
    rows, before = len(service.rows(number)), service.posted(number)
    for author in ("rea", "stranger"):
        service.command(number, "/kilo reveiw", author=author)
        assert reactions(conversation(service, number)[-1]) == []
    assert service.work() == []
    assert len(service.rows(number)) == rows
    assert service.posted(number) - before == {"comments": 2}  # theirs


def test_an_answer_that_github_stored_without_saying_so_is_not_sent_again(service: Rig, number: int) -> None:
    before = service.posted(number)
    service.simulator.faults.plan("POST", r"/issues/\d+/comments$", Fault(502, after=True))
    service.command(number, "/kilo reveiw")
    service.work()
    service.work(after=LATER)
    assert service.row(number).state is ReviewState.PUBLISHED
    assert service.posted(number) - before == {"comments": 2}


def test_a_comment_that_is_gone_is_not_answered_and_nothing_is_said_about_it(service: Rig, number: int) -> None:
    before = service.posted(number)
    service.command(number, "/kilo reveiw")
    comment = conversation(service, number)[-1]
    del service.simulator.state.comments[comment.id]
    service.work()
    assert service.row(number).state is ReviewState.REFUSED
    service.announce()
    assert service.posted(number) == before


def test_slips_use_up_no_review_of_the_hour_and_are_answered_as_often_only(service: Rig, number: int) -> None:
    for _ in range(4):
        service.command(number, "/kilo reveiw")
    assert sum(row.payload["verb"] == "correction" for row in service.rows(number)) == 3
    service.work()
    own = [row for row in conversation(service, number) if "There is no such command." in row.body]
    assert len(own) == 3
    for _ in range(4):
        service.command(number, "/kilo review")
    asked = [row for row in service.rows(number) if row.key.trigger != "auto" and row.payload["verb"] == "review"]
    assert len(asked) == 3


def test_answers_are_not_counted_as_reviews_of_the_pull_request(service: Rig, number: int) -> None:
    for text in ("/kilo reveiw", "/kilo estimate"):
        service.command(number, text)
        service.work()
    service.push(number, {"shop/tax.py": TAX})
    service.work()
    assert "2 reviews" in service.shown(number).summary
