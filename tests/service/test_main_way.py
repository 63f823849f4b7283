"""The main way: a webhook arrives, and the pull request carries its review, once."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta

import pytest

from reviewer.ledger.findings import Outcome
from reviewer.ledger.keys import ReviewState
from tests.demo.world import git
from tests.ledger.make import outcomes
from tests.service.rig import BASE, REPOSITORY, TAX, Rig

FOUND = [("shop/orders.py", 5), ("shop/orders.py", 9), ("shop/report.py", 5)]


def test_an_opened_pull_request_gets_comments_one_summary_with_its_cost_and_one_check(service: Rig) -> None:
    asked = len(service.reviewer.models)
    number = service.open()
    assert service.row(number).state is ReviewState.ACCEPTED
    service.work()
    assert service.row(number).state is ReviewState.PUBLISHED
    shown = service.shown(number)
    assert shown.lines == FOUND
    assert shown.reviews == 1
    assert (shown.check.status, shown.check.conclusion) == ("completed", "failure")
    assert "Division by zero" in (shown.check.text or "")
    # The bill of the provider, the rows of the ledger and the figure that people read are one.
    bill = service.bill(asked)
    calls = service.ledger.calls.of_review(service.row(number).id)
    assert len(calls) == len(service.reviewer.models) - asked > 0
    assert sum(call.cost or 0 for call in calls) == bill > 0
    total = re.search(r"\*\*Total\*\*.*\*\*\$([0-9.]+)\*\*", shown.summary)
    assert total is not None
    assert float(total[1]) == pytest.approx(float(bill), rel=0.01)


def test_the_same_job_again_and_a_redelivery_post_nothing_twice(service: Rig) -> None:
    number = service.open()
    delivery = service.simulator.deliveries()[-1]
    (review,) = service.work()
    before, asked = service.posted(number), service.calls
    body = service.shown(number).summary
    service.again(review)
    for _ in range(3):
        service.simulator.hooks.redeliver(delivery)
    assert service.simulator.hooks.wait()
    assert [row.status_code for row in service.simulator.deliveries() if row.guid == delivery.guid] == [202] * 4
    assert service.work() == []
    assert service.posted(number) == before
    assert service.shown(number).summary == body
    assert service.calls == asked
    assert len(service.rows(number)) == 1


def test_two_workers_on_one_job_make_one_review(service: Rig) -> None:
    from concurrent.futures import ThreadPoolExecutor

    number = service.open()
    review, asked = service.row(number).id, service.calls
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(service.again, [review] * 4))
    assert service.row(number).state is ReviewState.PUBLISHED
    shown = service.shown(number)
    assert (shown.lines, shown.reviews, len(shown.summaries), len(shown.checks)) == (FOUND, 1, 1, 1)
    assert service.calls - asked == len(service.ledger.calls.of_review(review))


def test_a_push_gets_the_new_head_reviewed_and_earlier_findings_are_not_said_again(service: Rig) -> None:
    number = service.open()
    service.work()
    first = service.shown(number)
    head = service.push(number, {"shop/tax.py": TAX})
    service.work()
    shown = service.shown(number)
    assert service.row(number).key.head_sha == head
    assert shown.lines == sorted([*FOUND, ("shop/tax.py", 5)])
    assert {row.id for row in first.inline} < {row.id for row in shown.inline}
    assert shown.summaries[0].id == first.summaries[0].id
    assert f"head={head}" in shown.summary
    assert shown.check.conclusion == "failure"
    # Three threads that are open still, one new comment.
    assert len(service.simulator.reviews(REPOSITORY, number)) == 2


def test_a_push_of_what_was_answered_before_pays_only_for_what_is_new(service: Rig) -> None:
    number = service.open()
    service.work()
    asked = len(service.reviewer.models)
    service.push(number, {"docs/tax.md": "# Tax\n\nTwenty per cent.\n"})
    service.work()
    reviews = [
        call for call in service.ledger.calls.of_review(service.row(number).id) if call.stage.value == "review"
    ]
    assert len(reviews) == 1
    assert service.bill(asked) == sum(
        call.cost or 0 for call in service.ledger.calls.of_review(service.row(number).id)
    )


def test_resolved_and_dismissed_threads_stay_that_way(service: Rig) -> None:
    number = service.open()
    service.work()
    by_line = {row.path + str(row.original_line): row for row in service.shown(number).inline}
    service.simulator.resolve_thread(by_line["shop/orders.py5"], author="octocat")
    by_line["shop/report.py5"].minimized = "OUTDATED"
    service.push(number, {"shop/tax.py": TAX})
    service.work()
    shown = service.shown(number)
    assert shown.lines == sorted([*FOUND, ("shop/tax.py", 5)])
    current, _, aside = shown.summary.partition("Set aside")
    for title in ("Division by zero", "never closed"):
        assert title not in current
        assert title in aside
    assert "Index past the end" in current
    repo_id = service.row(number).key.repo_id
    # Resolved without a change of its code is dismissed too.
    assert Counter(outcomes(service.ledger, repo_id, number).values()) == {
        Outcome.DISMISSED: 2,
        Outcome.UNKNOWN: len(FOUND) - 1,
    }


def test_a_writers_command_runs_its_strategy_and_a_readers_does_not(service: Rig) -> None:
    number = service.open({"docs/notes.md": "# Notes\n\nPlain words.\n"})
    service.work()
    asked = len(service.reviewer.models)
    service.command(number, "/kilo review --strategy frontier", author="rea")
    assert service.work() == []
    service.command(number, "/kilo review --strategy frontier")
    assert len(service.work()) == 1
    assert service.row(number).state is ReviewState.PUBLISHED
    assert set(service.reviewer.models[asked:]) == {"gpt-6.1-sol"}
    shown = service.shown(number)
    assert (shown.reviews, shown.check.conclusion) == (0, "success")
    assert "2 reviews" in shown.summary


def test_an_estimate_is_one_comment_and_no_model_call(service: Rig) -> None:
    number = service.open()
    service.work()
    asked, before = service.calls, service.posted(number)
    service.command(number, "/kilo estimate")
    service.work()
    review = service.row(number)
    assert (review.state, review.payload["verb"]) == (ReviewState.PUBLISHED, "estimate")
    assert service.calls == asked
    posted = service.posted(number) - before
    assert posted == {"comments": 2}  # the command, and one answer to it
    text = service.simulator.issue_comments(REPOSITORY, number)[-1].body
    assert "Estimated cost" in text
    assert "gpt-6" in text
    service.again(review.id, after=timedelta(minutes=1))
    assert service.posted(number) - before == posted


def test_a_clean_change_is_green_and_says_so_once(service: Rig) -> None:
    number = service.open({"shop/names.py": "NAMES = ('ann', 'bob')\n"})
    service.work()
    shown = service.shown(number)
    assert (shown.reviews, shown.inline, shown.check.conclusion) == (0, [], "success")
    assert "no issues found" in shown.summary


def test_nothing_of_the_pull_requests_own_policy_file_is_obeyed(service: Rig) -> None:
    number = service.open({**service.head(), ".kilo-review.toml": '[paths]\nexclude = ["**"]\n'})
    service.work()
    assert service.shown(number).lines == FOUND


def test_the_repositorys_policy_file_at_the_base_counts(service: Rig) -> None:
    number = service.open(base={**BASE, ".kilo-review.toml": '[paths]\nexclude = ["shop/orders.py"]\n'})
    git(service.source, "checkout", "--quiet", "main")
    service.work()
    shown = service.shown(number)
    assert shown.lines == [("shop/report.py", 5)]
    assert "shop/orders.py" in shown.summary
