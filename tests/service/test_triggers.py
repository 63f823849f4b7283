"""A repository's own `[triggers]` on the whole service: what they refuse is not reviewed, and who asked is told."""

from __future__ import annotations

import pytest

from reviewer.ledger.keys import ReviewState
from tests.service.rig import BASE, REPOSITORY, Rig

REFUSING = [
    ('on = ["synchronize", "command"]', "triggers.on"),
    ('ignore_authors = ["Octocat"]', "triggers.ignore_authors"),
]


def base(triggers: str) -> dict[str, str | bytes | None]:
    return {**BASE, ".kilo-review.toml": f"[triggers]\n{triggers}\n"}


@pytest.mark.parametrize(("triggers", "key"), REFUSING)
def test_what_the_repository_refuses_is_not_reviewed_and_the_check_says_why(
    service: Rig, triggers: str, key: str
) -> None:
    number = service.open(base=base(triggers))
    asked = service.calls
    service.work()
    assert service.calls == asked
    assert service.row(number).state is ReviewState.REFUSED
    check = service.shown(number).check
    assert (check.conclusion, key in (check.summary or "")) == ("neutral", True)


def test_a_command_starts_what_the_repository_leaves_to_commands(service: Rig) -> None:
    number = service.open(base=base('ignore_authors = ["octocat"]'))
    service.work()
    service.command(number, "/kilo review")
    service.work()
    assert service.row(number).state is ReviewState.PUBLISHED


def test_a_repository_may_want_more_than_write_permission_and_the_answer_says_so(service: Rig) -> None:
    number = service.open(base=base('command_permission = "admin"'))
    service.work()
    asked = service.calls
    service.command(number, "/kilo review")
    service.work()
    assert service.calls == asked
    assert service.row(number).state is ReviewState.REFUSED
    comments = service.simulator.issue_comments(REPOSITORY, number)
    assert any("triggers.command_permission" in comment.body for comment in comments)


def test_a_repository_may_lower_the_reviews_of_an_hour(service: Rig) -> None:
    number = service.open(base=base("max_reviews_per_hour = 1"))
    service.work()
    for _ in range(2):
        service.command(number, "/kilo review")
        service.work()
    states = [row.state for row in service.rows(number)]
    assert states == [ReviewState.PUBLISHED, ReviewState.PUBLISHED, ReviewState.REFUSED]


def test_a_draft_is_reviewed_where_the_repository_says_so_and_else_when_it_is_ready(
    service: Rig,
) -> None:
    wanted = service.open(base=base("drafts = true"), draft=True)
    plain = service.open(draft=True)
    asked = service.calls
    service.work(only=wanted)
    assert service.row(wanted).state is ReviewState.PUBLISHED
    assert service.calls > asked
    asked = service.calls
    service.work(only=plain)
    assert service.calls == asked
    assert service.row(plain).state is ReviewState.REFUSED
    (skipped,) = service.shown(plain).checks
    assert (skipped.conclusion, skipped.title) == ("neutral", "Skipped by policy")
    assert "triggers.drafts" in (skipped.summary or "")
    service.simulator.act(REPOSITORY, plain, "ready_for_review")
    assert service.simulator.hooks.wait()
    service.work(only=plain)
    assert service.row(plain).state is ReviewState.PUBLISHED


def test_a_bots_pull_request_costs_nothing_until_somebody_asks(service: Rig) -> None:
    service.simulator.state.user("dependabot[bot]", "Bot")
    number = service.open({"shop/bumped.py": "VERSION = 2\n", "uv.lock": "a = 2\n"}, author="dependabot[bot]")
    asked = service.calls
    service.work()
    assert service.calls == asked
    check = service.shown(number).check
    assert check.conclusion == "neutral"
    (summary,) = service.shown(number).summaries
    assert "is a bot, so no model was asked" in summary.body
    assert "uv.lock" in summary.body
    service.command(number, "/kilo review")
    service.work()
    assert service.calls > asked
    assert service.row(number).state is ReviewState.PUBLISHED


def test_a_skipped_pull_request_says_so_and_a_label_of_somebody_entitled_has_it_reviewed(service: Rig) -> None:
    number = service.open(base=base('skip_titles = ["No such title*"]'))
    service.simulator.act(REPOSITORY, number, "labeled", label="kilo:skip")
    service.work()
    check = service.shown(number).check
    assert (check.conclusion, check.title) == ("neutral", "Skipped by policy")
    assert "kilo:skip" in (check.summary or "")
    assert "triggers.skip_labels" in (check.summary or "")
    assert service.shown(number).summaries == []
    service.simulator.act(REPOSITORY, number, "labeled", label="kilo")
    assert service.simulator.hooks.wait()
    service.work()
    assert service.row(number).state is ReviewState.PUBLISHED


def test_a_policy_on_the_head_branch_has_no_effect(service: Rig) -> None:
    skip_all = '[triggers]\nskip_labels = ["bug"]\nignore_authors = ["octocat"]\n[paths]\nexclude = ["**"]\n'
    names = (".kilo/review.toml", ".kilo-review.toml", ".github/kilo-review.toml", "REVIEW.md")
    number = service.open({**service.head(), **dict.fromkeys(names, skip_all)})
    service.work()
    assert service.row(number).state is ReviewState.PUBLISHED
    assert service.shown(number).lines
