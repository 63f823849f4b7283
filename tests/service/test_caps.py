"""At a cap the pull request is told once, and what a review found stays as it was."""

from __future__ import annotations

from dataclasses import replace

from reviewer.ledger.keys import ReviewState
from tests.service.rig import BOT, REPOSITORY, Rig


def test_a_push_above_the_cap_shows_why_on_its_commit_and_the_next_one_says_nothing(service: Rig) -> None:
    number = service.open()
    service.work()
    for step in range(4):
        service.push(number, {"docs/notes.md": f"# Notes\n\nStep {step}.\n"})
        service.work()
    rows = [row for row in service.ledger.reviews.recent(20) if row.key.number == number]
    assert sorted(row.state for row in rows) == [ReviewState.CAPPED] + [ReviewState.PUBLISHED] * 3
    service.announce()
    (capped,) = [row for row in rows if row.state is ReviewState.CAPPED]
    (check,) = service.simulator.check_runs(REPOSITORY, capped.key.head_sha)
    assert (check.conclusion, check.title) == ("neutral", "Not reviewed: a limit of reviews is reached")
    assert "triggers.max_reviews_per_hour" in (check.summary or "")
    assert service.ledger.backlog.unnoticed() == ()


def test_a_command_above_the_cap_is_answered_by_one_comment_and_changes_no_check(service: Rig) -> None:
    number = service.open()
    service.work()
    before = replace(service.shown(number).check)
    for _ in range(5):
        service.command(number, "/kilo review")
        service.work()
    service.announce()
    service.announce()
    told = [
        comment.body
        for comment in service.simulator.issue_comments(REPOSITORY, number)
        if comment.user.login == BOT and "Not reviewed: this pull request had 3 reviews" in comment.body
    ]
    assert len(told) == 1
    after = service.shown(number).check
    assert (after.head_sha, after.conclusion) == (before.head_sha, before.conclusion)
