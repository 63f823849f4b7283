from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from policies.budgets import Limit, Scope
from policies.credits import CreditKind
from policies.words import Payment
from reviewer.errors import BudgetRefused
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.prepaid import Balance, NewCredit, ReferenceReused
from reviewer.ledger.terms import Terms
from tests.ledger.make import ACCOUNT, MINUTE, NOW, call, intent

D = Decimal
PREPAID = (Limit(Scope.PREPAID, D(0)),)
DAY = timedelta(days=1)


def buy(ledger: Ledger, amount: str, reference: str, *, days: int | None = None, bonus: bool = False) -> int:
    return ledger.prepaid.add(
        "Acme",
        NewCredit(
            D(amount),
            CreditKind.BONUS if bonus else CreditKind.PURCHASE,
            reference,
            expires_at=None if days is None else NOW + days * DAY,
        ),
        NOW,
    )


def reserve(
    ledger: Ledger, reservation: str, amount: str, limits=PREPAID, now=NOW, payment=Payment.GATEWAY
) -> None:
    ledger.money.reserve(reservation, D(amount), intent(payment), Terms(ACCOUNT, limits), now)


def left(ledger: Ledger, now=NOW) -> Decimal:
    return ledger.prepaid.balance("acme", now).left


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
    assert ledger.prepaid.balance("acme", NOW) == Balance(free=D(0), debt=D("0.25"))
    (credit,) = ledger.prepaid.credits("acme")
    assert credit.remaining == 0


def test_the_next_credit_pays_what_is_owed_first(ledger: Ledger) -> None:
    buy(ledger, "1", "a")
    reserve(ledger, "r1", "1")
    ledger.money.settle("r1", call("1.25"), NOW)
    with pytest.raises(BudgetRefused, match=r"\$0.25 is owed"):
        reserve(ledger, "r2", "0.1")
    buy(ledger, "0.2", "b")
    assert ledger.prepaid.balance("acme", NOW) == Balance(free=D(0), debt=D("0.05"))
    buy(ledger, "1", "c")
    assert ledger.prepaid.balance("acme", NOW) == Balance(free=D("0.95"), debt=D(0))


def test_a_bill_is_taken_from_a_bonus_first_whichever_was_booked_first(ledger: Ledger) -> None:
    purchase, bonus = buy(ledger, "5", "a"), buy(ledger, "1", "b", bonus=True)
    reserve(ledger, "r1", "1.5")
    ledger.money.settle("r1", call("0.8"), NOW)
    assert {credit.id: credit.remaining for credit in ledger.prepaid.credits("acme")} == {
        purchase: D(5),
        bonus: D("0.2"),
    }


def test_a_bill_above_the_hold_is_taken_from_what_is_free_before_anything_is_owed(ledger: Ledger) -> None:
    buy(ledger, "1", "a", bonus=True)
    buy(ledger, "1", "b")
    reserve(ledger, "r1", "0.5")
    ledger.money.settle("r1", call("1.7"), NOW)
    assert ledger.prepaid.balance("acme", NOW) == Balance(free=D("0.3"), debt=D(0))


def test_a_bonus_that_another_call_gave_back_is_spent_before_a_purchase(ledger: Ledger) -> None:
    purchase, bonus = buy(ledger, "5", "a"), buy(ledger, "1", "b", bonus=True)
    reserve(ledger, "r1", "1")
    reserve(ledger, "r2", "1")
    ledger.money.settle("r1", call("0.1"), NOW)
    ledger.money.settle("r2", call("0.5"), NOW)
    assert {credit.id: credit.remaining for credit in ledger.prepaid.credits("acme")} == {
        purchase: D(5),
        bonus: D("0.4"),
    }


def test_a_gateway_call_of_unknown_price_is_refused_by_an_empty_balance_and_paid_from_a_full_one(
    ledger: Ledger,
) -> None:
    terms = Terms(ACCOUNT, PREPAID, allow_unknown_price=True)
    with pytest.raises(BudgetRefused, match="the price of this call is unknown") as refused:
        ledger.money.reserve("r1", None, intent(), terms, NOW)
    assert refused.value.rule == "prepaid"
    buy(ledger, "1", "a")
    ledger.money.reserve("r2", None, intent(), terms, NOW)
    ledger.money.settle("r2", call("1.5"), NOW)
    assert ledger.prepaid.balance("acme", NOW) == Balance(free=D(0), debt=D("0.5"))
    with pytest.raises(BudgetRefused, match="is owed"):
        ledger.money.reserve("r3", None, intent(), terms, NOW)
    ledger.money.reserve("r4", None, intent(Payment.OWN_KEY), terms, NOW)


def test_two_organisations_may_have_a_receipt_of_the_same_number(ledger: Ledger) -> None:
    buy(ledger, "5", "receipt-1")
    ledger.prepaid.add("other", NewCredit(D(7), CreditKind.PURCHASE, "receipt-1"), NOW)
    assert (left(ledger), ledger.prepaid.balance("other", NOW).left) == (D(5), D(7))


def test_a_receipt_that_is_booked_for_another_sum_is_refused(ledger: Ledger) -> None:
    buy(ledger, "5", "receipt-1")
    with pytest.raises(ReferenceReused, match=r"receipt-1 is booked already, as a purchase of 5"):
        buy(ledger, "6", "receipt-1")
    with pytest.raises(ReferenceReused):
        buy(ledger, "5", "receipt-1", bonus=True)
    assert left(ledger) == D(5)


def test_credit_follows_a_renamed_organisation_and_is_booked_by_its_present_name(ledger: Ledger) -> None:
    buy(ledger, "5", "a")
    known = replace(ACCOUNT, organisation_id=9)
    ledger.money.reserve("r1", D(1), intent(), Terms(known, PREPAID), NOW)
    assert left(ledger) == D(4)
    renamed = replace(known, organisation="Acme-Inc")
    ledger.prepaid.add("acme-inc", NewCredit(D(2), CreditKind.BONUS, "a"), NOW)
    ledger.money.reserve("r2", D("5.5"), intent(), Terms(renamed, PREPAID), NOW)
    ledger.money.settle("r1", call("1"), NOW)
    ledger.money.settle("r2", call("1.5"), NOW)
    assert ledger.prepaid.balance("acme-inc", NOW).left == D("4.5")
    assert ledger.prepaid.balance("acme", NOW) == Balance(free=D(0), debt=D(0))


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


def test_a_balance_reports_itself_again_after_each_purchase(ledger: Ledger) -> None:
    for number in range(3):
        buy(ledger, "1", f"receipt-{number}")
        reserve(ledger, f"r{number}", "1")
        ledger.money.settle(f"r{number}", call("1"), NOW)
        reports = ledger.alerts.due(NOW)
        assert [(report.percent, report.subject) for report in reports] == [
            (percent, "acme") for percent in (50, 80, 100)
        ]
        for report in reports:
            ledger.alerts.sent(report.id, NOW)


def test_a_refusal_with_most_of_the_balance_left_does_not_say_that_it_is_used_up(ledger: Ledger) -> None:
    buy(ledger, "10", "a")
    with pytest.raises(BudgetRefused):
        reserve(ledger, "r1", "11")
    (report,) = ledger.alerts.due(NOW)
    assert report.text == (
        "kilo-review: calls are being refused: the prepaid balance of acme leaves too little ($0.00 of $10.00)"
    )


def test_a_purchase_ends_what_was_not_reported_yet(ledger: Ledger) -> None:
    buy(ledger, "1", "a")
    reserve(ledger, "r1", "0.9")
    ledger.money.settle("r1", call("0.9"), NOW)
    assert ledger.alerts.due(NOW)
    buy(ledger, "100", "b")
    assert ledger.alerts.due(NOW) == ()


def test_the_prepaid_limit_says_at_which_percents_it_reports(ledger: Ledger) -> None:
    buy(ledger, "1", "a")
    reserve(ledger, "r1", "0.9", (Limit(Scope.PREPAID, D(0), alerts=(30,)),))
    ledger.money.settle("r1", call("0.4"), NOW)
    assert [report.percent for report in ledger.alerts.due(NOW)] == [30]


def test_nothing_is_no_credit(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="nothing"):
        buy(ledger, "0", "a")
