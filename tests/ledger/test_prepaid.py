from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from policies.budgets import CreditKind, Limit, Scope, balance
from policies.words import Payment
from reviewer.errors import BudgetRefused
from reviewer.ledger.ledger import Ledger
from tests.ledger.make import ACCOUNT, MINUTE, NOW, call, intent

D = Decimal
PREPAID = (Limit(Scope.PREPAID, D(0)),)
DAY = timedelta(days=1)


def buy(ledger: Ledger, amount: str, reference: str, *, days: int | None = None, bonus: bool = False) -> int:
    return ledger.prepaid.add(
        "Acme",
        D(amount),
        CreditKind.BONUS if bonus else CreditKind.PURCHASE,
        NOW,
        reference=reference,
        expires_at=None if days is None else NOW + days * DAY,
    )


def reserve(
    ledger: Ledger, reservation: str, amount: str, limits=PREPAID, now=NOW, payment=Payment.GATEWAY
) -> None:
    ledger.money.reserve(
        reservation, amount=D(amount), intent=intent(payment), account=ACCOUNT, limits=limits, now=now
    )


def left(ledger: Ledger, now=NOW) -> Decimal:
    return balance(ledger.prepaid.credits("acme"), now)


def test_without_credit_nothing_is_called(ledger: Ledger) -> None:
    with pytest.raises(BudgetRefused, match=r"prepaid balance of acme is too small: \$0.00 left") as refused:
        reserve(ledger, "r1", "0.01")
    assert refused.value.rule == "prepaid"
    assert ledger.calls.totals("1").run.calls == 0


def test_a_purchase_is_booked_once_per_receipt(ledger: Ledger) -> None:
    assert buy(ledger, "5", "receipt-1") == buy(ledger, "5", "receipt-1")
    assert left(ledger) == D(5)
    buy(ledger, "5", "receipt-2")
    assert left(ledger) == D(10)


def test_what_expires_first_is_spent_first(ledger: Ledger) -> None:
    purchase, late, soon = (
        buy(ledger, "5", "a"),
        buy(ledger, "1", "b", days=9, bonus=True),
        buy(ledger, "1", "c", days=2, bonus=True),
    )
    reserve(ledger, "r1", "1.5")
    held = {credit.id: credit.held for credit in ledger.prepaid.credits("ACME")}
    assert held == {soon: D(1), late: D("0.5"), purchase: D(0)}
    ledger.money.settle("r1", call("1.2"), NOW)
    remaining = {credit.id: credit.remaining for credit in ledger.prepaid.credits("acme")}
    assert sum(remaining.values()) == D("5.8")
    assert remaining[purchase] == D(5)
    assert left(ledger) == D("5.8")


def test_an_expired_bonus_is_gone_but_what_was_promised_from_it_holds(ledger: Ledger) -> None:
    buy(ledger, "1", "a", days=1, bonus=True)
    reserve(ledger, "r1", "0.6")
    tomorrow = NOW + DAY
    assert left(ledger, tomorrow) == 0
    with pytest.raises(BudgetRefused):
        reserve(ledger, "r2", "0.1", now=tomorrow)
    ledger.money.settle("r1", call("0.5"), tomorrow)
    (credit,) = ledger.prepaid.credits("acme")
    assert (credit.remaining, credit.held) == (D("0.5"), D(0))


def test_a_floor_stays_on_the_balance(ledger: Ledger) -> None:
    buy(ledger, "1", "a")
    floor = (Limit(Scope.PREPAID, D("0.4")),)
    reserve(ledger, "r1", "0.6", floor)
    with pytest.raises(BudgetRefused, match=r"of which \$0.40 must stay"):
        reserve(ledger, "r2", "0.01", floor)


def test_only_the_gateway_is_paid_from_the_balance(ledger: Ledger) -> None:
    reserve(ledger, "r1", "0.5", payment=Payment.OWN_KEY)
    reserve(ledger, "r2", "0", payment=Payment.LOCAL)
    ledger.money.settle("r1", call("0.5"), NOW)
    assert ledger.calls.totals("1").run.known == D("0.5")


def test_a_bill_that_nobody_saw_stays_held_until_it_is_known(ledger: Ledger) -> None:
    buy(ledger, "1", "a")
    reserve(ledger, "r1", "0.6")
    ledger.money.expire(NOW + 60 * MINUTE)
    assert left(ledger) == D("0.4")
    ledger.money.confirm("r1", D(0), NOW)
    assert left(ledger) == D(1)


def test_a_bill_above_the_balance_is_owed(ledger: Ledger) -> None:
    buy(ledger, "1", "a")
    reserve(ledger, "r1", "1")
    ledger.money.settle("r1", call("1.25"), NOW)
    assert left(ledger) == 0
    (credit,) = ledger.prepaid.credits("acme")
    assert credit.remaining == D("-0.25")


def test_a_refusal_by_another_limit_holds_no_credit(ledger: Ledger) -> None:
    buy(ledger, "1", "a")
    with pytest.raises(BudgetRefused) as refused:
        reserve(ledger, "r1", "0.5", (*PREPAID, Limit(Scope.RUN, D("0.1"))))
    assert refused.value.rule == "run"
    assert left(ledger) == D(1)
    with pytest.raises(BudgetRefused) as refused:
        reserve(ledger, "r2", "1.5", (*PREPAID, Limit(Scope.RUN, D(9))))
    assert refused.value.rule == "prepaid"
    assert ledger.money.standing(Scope.RUN, ACCOUNT, NOW).held == 0


def test_the_balance_reports_itself_at_half_and_when_it_is_used_up(ledger: Ledger) -> None:
    buy(ledger, "1", "a")
    reserve(ledger, "r1", "0.6")
    ledger.money.settle("r1", call("0.55"), NOW)
    with pytest.raises(BudgetRefused):
        reserve(ledger, "r2", "0.5")
    assert [(alert.scope, alert.percent) for alert in ledger.alerts.due(NOW)] == [
        (Scope.PREPAID, 50),
        (Scope.PREPAID, 100),
    ]


def test_nothing_is_no_credit(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="nothing"):
        buy(ledger, "0", "a")
