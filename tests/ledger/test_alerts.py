from __future__ import annotations

import json
from decimal import Decimal

import pytest

from policies.budgets import Limit, Scope
from reviewer.errors import BudgetRefused
from reviewer.ledger.alerts import MAX_ATTEMPTS
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.terms import Terms
from tests.ledger.make import ACCOUNT, MINUTE, NOW, call, intent

D = Decimal
MONTH = (Limit(Scope.ORGANISATION_MONTH, D(1)),)


def spend(ledger: Ledger, reservation: str, cost: str, limits=MONTH, now=NOW) -> None:
    ledger.money.reserve(reservation, D(cost), intent(), Terms(ACCOUNT, limits), now)
    ledger.money.settle(reservation, call(cost), now)


def due(ledger: Ledger, now=NOW) -> list[int]:
    return [alert.percent for alert in ledger.alerts.due(now)]


def test_each_share_is_reported_once(ledger: Ledger) -> None:
    spend(ledger, "r1", "0.49")
    assert due(ledger) == []
    spend(ledger, "r2", "0.01")
    assert due(ledger) == [50]
    spend(ledger, "r3", "0.1")
    assert due(ledger) == [50]
    spend(ledger, "r4", "0.4")
    assert due(ledger) == [50, 80, 100]
    for alert in ledger.alerts.due(NOW):
        ledger.alerts.sent(alert.id, NOW)
    assert due(ledger) == []


def test_a_refusal_reaches_a_hundred_percent(ledger: Ledger) -> None:
    spend(ledger, "r1", "0.97")
    for _ in range(2):
        with pytest.raises(BudgetRefused):
            spend(ledger, "r2", "0.05")
    alerts = {alert.percent: alert for alert in ledger.alerts.due(NOW)}
    assert sorted(alerts) == [50, 80, 100]
    assert [alerts[percent].refused for percent in (50, 80, 100)] == [False, False, True]
    assert "calls are being refused" in alerts[100].text


def test_money_that_is_only_held_reports_nothing_and_unconfirmed_money_does(ledger: Ledger) -> None:
    ledger.money.reserve("r1", D("0.9"), intent(), Terms(ACCOUNT, MONTH), NOW)
    assert due(ledger) == []
    ledger.money.expire(NOW + 60 * MINUTE)
    assert due(ledger, NOW + 60 * MINUTE) == [50, 80]


def test_a_raised_limit_starts_anew(ledger: Ledger) -> None:
    spend(ledger, "r1", "0.6")
    spend(ledger, "r2", "0.6", (Limit(Scope.ORGANISATION_MONTH, D(2)),))
    assert [(str(alert.limit.normalize()), alert.percent) for alert in ledger.alerts.due(NOW)] == [
        ("1", 50),
        ("2", 50),
    ]


def test_runs_report_nothing_unless_a_limit_says_so(ledger: Ledger) -> None:
    spend(ledger, "r1", "0.9", (Limit(Scope.RUN, D(1)), Limit(Scope.PULL_REQUEST, D(1))))
    assert due(ledger) == []
    spend(ledger, "r2", "0.05", (Limit(Scope.RUN, D(1), alerts=(90,)),))
    assert due(ledger) == [90]


def test_one_clock_sends_an_alert_and_tries_again_later(ledger: Ledger) -> None:
    spend(ledger, "r1", "0.5")
    (alert,) = ledger.alerts.due(NOW)
    assert ledger.alerts.claim(alert, NOW, NOW + MINUTE)
    assert not ledger.alerts.claim(alert, NOW, NOW + MINUTE)
    assert due(ledger) == []
    (again,) = ledger.alerts.due(NOW + MINUTE)
    assert again.attempts == 1
    ledger.alerts.sent(again.id, NOW + MINUTE)
    assert not ledger.alerts.claim(again, NOW + MINUTE, NOW + 2 * MINUTE)


def test_a_receiver_that_never_answers_is_left_alone(ledger: Ledger) -> None:
    spend(ledger, "r1", "0.5")
    for attempt in range(MAX_ATTEMPTS):
        now = NOW + attempt * MINUTE
        assert ledger.alerts.claim(ledger.alerts.due(now)[0], now, now + MINUTE)
    assert due(ledger, NOW + 99 * MINUTE) == []


def test_the_payload_is_json_with_exact_amounts(ledger: Ledger) -> None:
    spend(ledger, "r1", "0.500000000001")
    (alert,) = ledger.alerts.due(NOW)
    payload = json.loads(json.dumps(alert.payload()))
    assert payload["text"] == (
        "kilo-review: 50 % of the organisation-month limit of acme in 2026-11 is used ($0.5000 of $1.00)"
    )
    assert D(payload["spent_usd"]) == D("0.500000000001")
    assert payload["resets_at"] == "2026-12-01T00:00:00+00:00"


def test_a_share_that_a_bill_took_back_is_reported_when_it_is_reached_again(ledger: Ledger) -> None:
    ledger.money.reserve("r1", D("0.9"), intent(), Terms(ACCOUNT, MONTH), NOW)
    ledger.money.expire(NOW + 60 * MINUTE)
    later = NOW + 60 * MINUTE
    for alert in ledger.alerts.due(later):
        ledger.alerts.sent(alert.id, later)
    ledger.money.confirm("r1", D("0.1"), later)
    assert due(ledger, later) == []
    spend(ledger, "r2", "0.5", now=later)
    assert due(ledger, later) == [50]


def test_a_refusal_is_reported_although_all_is_spent_already(ledger: Ledger) -> None:
    spend(ledger, "r1", "1")
    with pytest.raises(BudgetRefused):
        spend(ledger, "r2", "0.01")
    assert [(alert.percent, alert.refused) for alert in ledger.alerts.due(NOW)] == [
        (50, False),
        (80, False),
        (100, False),
        (100, True),
    ]


def test_a_refusal_of_one_large_call_does_not_say_that_the_limit_is_used_up(ledger: Ledger) -> None:
    spend(ledger, "r1", "0.1")
    with pytest.raises(BudgetRefused):
        spend(ledger, "r2", "0.95")
    (alert,) = ledger.alerts.due(NOW)
    assert alert.text == (
        "kilo-review: calls are being refused: the organisation-month limit of acme in 2026-11 leaves too little "
        "($0.10 of $1.00)"
    )


def test_a_limit_may_report_at_every_percent(ledger: Ledger) -> None:
    spend(ledger, "r1", "1", (Limit(Scope.ORGANISATION_MONTH, D(1), alerts=tuple(range(1, 101))),))
    assert len(ledger.alerts.due(NOW, limit=200)) == 100
