"""What the metrics are told of reviews and calls, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event

from policies.budgets import Limit, Scope
from policies.words import Check
from reviewer.errors import BudgetRefused
from reviewer.ledger.keys import ReviewState
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.terms import Terms
from tests.ledger.make import ACCOUNT, KEY, MINUTE, NOW, accept, call, intent


def reserve(ledger: Ledger, name: str, amount: str | None, *limits: Limit, review_id: int | None = None) -> None:
    terms = Terms(ACCOUNT, limits, review_id=review_id)
    ledger.money.reserve(name, None if amount is None else Decimal(amount), intent(), terms, NOW)


def test_an_empty_ledger_counts_nothing(ledger: Ledger):
    assert ledger.statistics.unfinished(NOW).waiting == 0
    assert ledger.statistics.last_settled_review() == 0
    assert ledger.statistics.ended(0) == []
    assert ledger.statistics.calls(NOW) == []
    assert (ledger.statistics.open_calls(), ledger.statistics.refusing(NOW, MINUTE)) == (0, 0)


def test_reviews_wait_are_worked_on_and_end(ledger: Ledger):
    ids = [accept(ledger, replace(KEY, number=number), NOW + number * MINUTE) for number in range(1, 5)]
    held = ledger.reviews.begin(ids[0], "one", NOW + 5 * MINUTE, MINUTE)
    dead = ledger.reviews.begin(ids[1], "two", NOW, MINUTE)
    assert held is not None
    assert dead is not None
    seen = ledger.statistics.unfinished(NOW + 5 * MINUTE)
    assert dict(seen.by_state) == {"accepted": 2, "running": 2}
    # The lease of the second ran out: it waits for a worker as the last two do.
    assert (seen.waiting, seen.expired, seen.oldest) == (3, 1, NOW + 2 * MINUTE)
    assert ledger.statistics.last_settled_review() == ids[0] - 1
    ledger.reviews.defer(held, NOW + 9 * MINUTE, "wait", NOW + 5 * MINUTE)
    assert ledger.statistics.unfinished(NOW + 6 * MINUTE).waiting == 3
    again = ledger.reviews.begin(ids[0], "one", NOW + 10 * MINUTE, MINUTE)
    assert again is not None
    ledger.reviews.finish(again, ReviewState.PUBLISHED, NOW + 11 * MINUTE)
    assert ledger.statistics.last_settled_review() == ids[0]
    (ended,) = ledger.statistics.ended(ids[0] - 1)
    assert (ended.state, ended.reviews, ended.seconds, ended.deferrals) == ("published", 1, 600.0, 1)
    assert ledger.statistics.ended(ids[0]) == []
    assert ledger.statistics.ended(0, ids[0] - 1) == []


def test_calls_are_added_up_by_model_stage_and_outcome(ledger: Ledger):
    for name in ("a", "b", "c", "d", "e"):
        reserve(ledger, name, "0.5")
    ledger.money.settle("a", call("0.1"), NOW)
    ledger.money.settle("b", replace(call("0.2"), attempt=2), NOW)
    ledger.money.settle("c", call(None, ok=False, error="cut"), NOW)
    failed = replace(call("0.3"), failed_check=Check.REFUSED)
    ledger.money.settle("d", failed, NOW)
    groups = {(group.outcome, group.check): group for group in ledger.statistics.calls(NOW)}
    assert set(groups) == {("answered", ""), ("unconfirmed", ""), ("answered", "refused")}
    answered = groups["answered", ""]
    assert (answered.provider, answered.model, answered.stage) == ("kilo", "vendor/model", "review")
    assert (answered.calls, answered.cost, answered.usage.input, answered.usage.cache_read) == (
        2, Decimal("0.3"), 2000, 800,
    )  # fmt: skip
    assert answered.seconds == pytest.approx(0.024)
    assert groups["unconfirmed", ""].unconfirmed == Decimal("0.5")
    assert ledger.statistics.open_calls() == 1
    assert ledger.statistics.calls(NOW + timedelta(microseconds=1)) == []
    assert ledger.statistics.calls(NOW, NOW) == []


def test_a_limit_that_refused_a_call_is_counted_for_a_day(ledger: Ledger):
    limit = Limit(Scope.USER_DAY, Decimal("0.10"))
    reserve(ledger, "a", "0.08", limit)
    with pytest.raises(BudgetRefused):
        reserve(ledger, "b", "0.08", limit)
    day = timedelta(days=1)
    assert ledger.statistics.refusing(NOW + MINUTE, day) >= 1
    assert ledger.statistics.refusing(NOW + 2 * day, day) == 0


def test_a_look_reads_no_table_from_end_to_end(ledger: Ledger):
    if not ledger.db.is_sqlite:
        pytest.skip("PostgreSQL plans by what a table holds: an empty one is read from end to end")
    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            rows = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            plans.extend(f"{row[3]} <- {statement}" for row in rows)

    event.listen(ledger.db.engine, "before_cursor_execute", explain)
    try:
        ledger.statistics.unfinished(NOW)
        ledger.statistics.last_settled_review()
        ledger.statistics.ended(5)
        ledger.statistics.ended(5, 9)
        ledger.statistics.calls(NOW)
        ledger.statistics.calls(NOW, NOW + MINUTE)
        ledger.statistics.open_calls()
    finally:
        event.remove(ledger.db.engine, "before_cursor_execute", explain)
    assert len(plans) >= 7
    # A scan of the index of unfinished rows reads those only; the largest id is the last one of its table.
    whole = [plan for plan in plans if plan.startswith("SCAN") and "USING" not in plan and "max(" not in plan]
    assert whole == []
