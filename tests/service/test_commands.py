"""Every `/kilo` command as people see it: the whole way from their comment to the answer."""

from __future__ import annotations

from typing import Any

import pytest

from reviewer.demo.simulator import review_routes
from reviewer.demo.simulator.spots import Spot
from reviewer.demo.simulator.state import ReviewComment
from reviewer.ledger.keys import ReviewState
from tests.service.rig import BOT, REPOSITORY, TAX, Rig


@pytest.fixture
def number(service: Rig) -> int:
    made = service.open()
    service.work()
    return made


def said(service: Rig, number: int, text: str) -> str:
    """Command, work, and return the last comment of ours that came of it."""
    service.command(number, text)
    service.work()
    asked, answer = service.simulator.issue_comments(REPOSITORY, number)[-2:]
    assert [(row.user.login, row.content) for row in asked.reactions] == [(BOT, "eyes")]
    assert answer.user.login == BOT
    return answer.body


def reply(service: Rig, root: ReviewComment, text: str, author: str = "octocat") -> list[ReviewComment]:
    """Write in a thread as a person, and return the thread's comments once that was answered."""
    simulator = service.simulator
    with simulator.state.lock:
        spot = Spot(
            path=root.path,
            side=root.side,
            line=root.original_line,
            start_side=None,
            start_line=None,
            position=root.original_position,
            hunk=root.diff_hunk,
        )
        review_routes.add_comment(
            simulator.hub, root.review, simulator.state.user(author), spot, text, reply_to=root
        )
    assert simulator.hooks.wait()
    service.work()
    everything = simulator.review_comments(REPOSITORY, root.pull.number)
    return [row for row in everything if row.root is root]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("/kilo HELP", ("What there is:", "/kilo dismiss [ID] [reason]")),
        ("/kilo usage", ("This pull request had 1 review: ", "tokens", "limit per pull request: $", "left")),
        ("/kilo config", ("strategy = ", "# shipped", "# organisation")),
        ("/kilo explain", ("Which finding?", "Division by zero")),
        ("/kilo dismiss nonsense", ("Which finding?", "Nothing was done.")),
        ("/kilo cancel", ("nothing was cancelled",)),
        ("/kilo resume", ("Nothing was paused", "was reviewed already")),
    ],
)
def test_a_question_is_answered_without_a_model(
    service: Rig, number: int, text: str, says: tuple[str, ...]
) -> None:
    asked = service.calls
    answer = said(service, number, text)
    assert [part for part in says if part not in answer] == [], answer
    assert service.calls == asked
    service.again(service.row(number).id)
    assert service.simulator.issue_comments(REPOSITORY, number)[-1].body == answer


def test_explain_in_a_thread_says_what_stands_behind_the_finding_there(service: Rig, number: int) -> None:
    asked = service.calls
    root = service.shown(number).inline[0]
    question, answer = reply(service, root, "/kilo explain")[-2:]
    assert [row.content for row in question.reactions] == ["eyes"]
    for part in ("Evidence: ", "Route: ", "Cost of reading this part: $", "Confidence: 95%"):
        assert part in answer.body, answer.body
    assert service.calls == asked


def test_a_dismissed_finding_leaves_the_check_and_never_comes_back(service: Rig, number: int) -> None:
    shown = service.shown(number)
    assert shown.check.conclusion == "failure"
    high = [row for row in shown.inline if "high" in row.body.lower()]
    assert len(high) == 2
    answer = reply(service, high[0], "/kilo dismiss we never divide\n\nby zero")[-1]
    assert "Dismissed in this pull request by octocat" in answer.body
    assert "Reason: we never divide" in answer.body
    assert service.shown(number).check.conclusion == "failure"
    [finding] = [
        known
        for known in service.ledger.findings.of_pull_request(high[1].pull.repository.id, number)
        if known.comment_id == high[1].id
    ]
    # The summary follows at once: its count is the list's.
    assert "2 findings (1 high, 1 medium)" in service.shown(number).summary
    assert "Set aside: 1 suppressed" in service.shown(number).summary
    assert "Dismissed" in said(service, number, f"/kilo dismiss {finding.fingerprint[:12]} by design")
    assert service.shown(number).check.conclusion != "failure"
    comments = len(service.shown(number).inline)
    service.push(number, {"shop/more.py": "MORE = 1\n"})
    service.work()
    assert len(service.shown(number).inline) == comments
    assert service.shown(number).check.conclusion != "failure"


def test_a_paused_pull_request_is_not_reviewed_until_it_is_resumed(service: Rig, number: int) -> None:
    assert "Paused: pushes to this pull request are not reviewed" in said(service, number, "/kilo pause")
    assert "are paused by octocat" in service.shown(number).summary
    asked = service.calls
    service.push(number, {"shop/tax.py": TAX})
    service.work()
    check = service.shown(number).check
    assert (check.conclusion, check.title) == ("neutral", "Not reviewed: paused")
    assert service.calls == asked
    assert "starts within a minute" in said(service, number, "/kilo resume")
    assert "are paused by" not in service.shown(number).summary
    service.work()
    assert service.calls > asked
    assert service.shown(number).check.conclusion == "failure"


def test_a_running_review_that_is_cancelled_pays_for_nothing_more(service: Rig) -> None:
    number = service.open()

    def cancel(body: Any) -> Any:
        # The first call is under way when the command arrives.
        service.simulator.comment(REPOSITORY, number, "/kilo cancel", author="octocat")
        assert service.simulator.hooks.wait()
        return service.reviewer.__call__(body)

    service.reviewer.next.append(cancel)
    before = service.calls
    service.work()
    assert service.rows(number)[0].state is ReviewState.CANCELLED
    spent = service.calls
    assert spent - before <= 2  # what was under way
    service.work()
    assert service.calls == spent
    shown = service.shown(number)
    assert (shown.check.conclusion, shown.inline, shown.summaries) == ("cancelled", [], [])
    assert "Cancelled 1 review" in service.simulator.issue_comments(REPOSITORY, number)[-1].body


def test_a_review_of_some_paths_says_so_and_is_never_green(service: Rig) -> None:
    number = service.open({"shop/a.py": "A = 1\n", "shop/b.py": "B = 1\n", "docs/c.py": "C = 1\n"}, draft=True)
    service.work()
    service.command(number, "/kilo review shop/__init__.py `docs/` nothing/*.py")
    service.work()
    shown = service.shown(number)
    assert shown.check.conclusion == "neutral"
    assert "33 % reviewed" in (shown.check.title or "")
    assert "Only shop/\\_\\_init\\_\\_.py, docs/, nothing/\\*.py reviewed, as octocat asked" in shown.summary
    assert "No file of this change matches shop/" in shown.summary
    assert "only 33 % reviewed (1 of 3 parts)" in shown.summary.lower()
    assert "not among the paths that this review was asked for (2)" in shown.summary


def test_paths_that_match_nothing_are_answered_and_cost_nothing(service: Rig, number: int) -> None:
    asked, before = service.calls, service.shown(number)
    answer = said(service, number, "/kilo review no/such.py")
    assert "No file of this change matches no/such.py" in answer
    assert service.calls == asked
    assert (service.shown(number).check.conclusion, service.shown(number).summary) == (
        before.check.conclusion,
        before.summary,
    )


@pytest.mark.parametrize("verb", ["explain", "dismiss", "pause", "resume", "cancel", "usage", "config", "help"])
def test_a_stranger_gets_no_answer_and_changes_nothing(service: Rig, number: int, verb: str) -> None:
    rows = len(service.rows(number))
    service.command(number, f"/kilo {verb}", author="stranger")
    assert service.work() == []
    assert len(service.rows(number)) == rows
    last = service.simulator.issue_comments(REPOSITORY, number)[-1]
    assert (last.user.login, last.reactions) == ("stranger", [])


def test_questions_use_up_no_review_and_the_first_one_over_the_cap_is_told_so(service: Rig, number: int) -> None:
    for _ in range(33):
        service.command(number, "/kilo help")
    service.work()
    service.announce()
    bodies = [row.body for row in service.simulator.issue_comments(REPOSITORY, number) if row.user.login == BOT]
    assert sum("What there is:" in body for body in bodies) == 30
    assert sum("Not answered: this pull request had 30 commands" in body for body in bodies) == 1
    service.command(number, "/kilo review")
    assert service.row(number).state is ReviewState.ACCEPTED
