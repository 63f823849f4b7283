from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.budgets import SHIPPED, Account, Limit, Scope, Standing
from policies.words import Payment
from reviewer.errors import BudgetRefused, LeaseLost, LedgerUnavailable
from reviewer.ledger.keys import ReviewKey
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.meter import LedgerMeter
from reviewer.ledger.terms import Terms
from tests.ledger.make import ACCOUNT, KEY, MINUTE, NOW, accept, call, intent

D = Decimal
ALL = (
    Limit(Scope.RUN, D("0.50")),
    Limit(Scope.PULL_REQUEST, D("1")),
    Limit(Scope.USER_DAY, D("2")),
    Limit(Scope.REPOSITORY_MONTH, D("3")),
    Limit(Scope.ORGANISATION_MONTH, D("4")),
)


def reserve(
    ledger: Ledger,
    reservation: str,
    amount: str | None,
    limits=ALL,
    account: Account = ACCOUNT,
    now: datetime = NOW,
    **more,
) -> None:
    asked = more.pop("intent", intent())
    terms = Terms(account, limits, **more)
    ledger.money.reserve(reservation, None if amount is None else D(amount), asked, terms, now)


def standing(ledger: Ledger, scope: Scope = Scope.RUN, account: Account = ACCOUNT, now=NOW) -> Standing:
    return ledger.money.standing(scope, account, now)


def test_a_reservation_is_held_by_every_scope_and_settled_by_the_bill(ledger: Ledger) -> None:
    reserve(ledger, "r1", "0.2")
    scopes = [Scope.RUN, Scope.PULL_REQUEST, Scope.USER_DAY, Scope.REPOSITORY_MONTH, Scope.ORGANISATION_MONTH]
    assert [standing(ledger, scope) for scope in scopes] == [Standing(held=D("0.2"))] * 5
    ledger.money.settle("r1", call("0.051234567891"), NOW)
    assert [standing(ledger, scope) for scope in scopes] == [Standing(spent=D("0.051234567891"))] * 5


@pytest.mark.parametrize("scope", [limit.scope for limit in ALL])
def test_each_limit_refuses_by_name_and_holds_nothing(ledger: Ledger, scope: Scope) -> None:
    limits = (Limit(scope, D("0.10")),)
    reserve(ledger, "r1", "0.06", limits)
    with pytest.raises(BudgetRefused) as refused:
        reserve(ledger, "r2", "0.040000000001", limits)
    assert refused.value.rule == scope.value
    assert "$0.10" in str(refused.value)
    assert "$0.06 reserved" in str(refused.value)
    assert standing(ledger, scope).held == D("0.06")
    assert standing(ledger, Scope.RUN).held == D("0.06")
    reserve(ledger, "r3", "0.04", limits)


def test_a_day_and_a_month_end_at_midnight_utc(ledger: Ledger) -> None:
    limits = (Limit(Scope.USER_DAY, D("0.10")), Limit(Scope.ORGANISATION_MONTH, D("0.15")))
    last = datetime(2026, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC)
    reserve(ledger, "r1", "0.10", limits, now=last)
    with pytest.raises(BudgetRefused, match="2026-12-01 00:00 UTC"):
        reserve(ledger, "r2", "0.01", limits, now=last)
    midnight = last + timedelta(microseconds=1)
    reserve(ledger, "r3", "0.10", limits, now=midnight)
    ledger.money.settle("r1", call("0.03"), midnight)
    assert standing(ledger, Scope.USER_DAY, now=last) == Standing(spent=D("0.03"))
    assert standing(ledger, Scope.USER_DAY, now=midnight) == Standing(held=D("0.10"))


def test_spending_before_a_limit_was_set_counts_against_it(ledger: Ledger) -> None:
    reserve(ledger, "r1", "5", ())
    ledger.money.settle("r1", call("5"), NOW)
    with pytest.raises(BudgetRefused, match="monthly limit of the organisation acme"):
        reserve(ledger, "r2", "0.01", (Limit(Scope.ORGANISATION_MONTH, D(5)),))


def test_a_call_that_costs_nothing_passes_a_full_limit(ledger: Ledger) -> None:
    limits = (Limit(Scope.RUN, D(0)),)
    reserve(ledger, "r1", "0", limits, intent=intent(Payment.LOCAL))
    ledger.money.settle("r1", call("0"), NOW)
    with pytest.raises(BudgetRefused):
        reserve(ledger, "r2", "0.000000000001", limits)


def test_an_unknown_price_is_refused_under_a_limit_and_counted_without_one(ledger: Ledger) -> None:
    with pytest.raises(BudgetRefused) as refused:
        reserve(ledger, "r1", None)
    assert refused.value.rule == "unknown-price"
    reserve(ledger, "r2", None, ())
    ledger.money.settle("r2", call(None), NOW)
    reserve(ledger, "r3", None, allow_unknown_price=True)
    ledger.money.settle("r3", call("0.01"), NOW)
    spend = ledger.calls.totals("1").run
    assert (spend.calls, spend.unpriced, spend.known, spend.cost) == (2, 1, D("0.01"), None)


def test_a_shipped_limit_shuts_out_no_model_of_unknown_price(ledger: Ledger) -> None:
    shipped = Limit(Scope.RUN, D(5), layer=SHIPPED)
    reserve(ledger, "r1", None, (shipped,))
    ledger.money.settle("r1", call(None), NOW)
    with pytest.raises(BudgetRefused):
        reserve(ledger, "r2", "5.01", (shipped,))
    with pytest.raises(BudgetRefused) as refused:
        reserve(ledger, "r3", None, (shipped, Limit(Scope.USER_DAY, D(100))))
    assert "daily limit" in str(refused.value)


def test_a_settlement_happens_once(ledger: Ledger) -> None:
    reserve(ledger, "r1", "0.2")
    ledger.money.settle("r1", call("0.05"), NOW)
    ledger.money.settle("r1", call("0.09"), NOW)
    ledger.money.confirm("r1", D("0.07"), NOW)
    assert standing(ledger) == Standing(spent=D("0.05"))
    assert ledger.calls.totals("1").run.calls == 1


def test_a_failed_call_gives_its_reservation_back_and_keeps_its_row(ledger: Ledger) -> None:
    review_id = accept(ledger)
    reserve(ledger, "r1", "0.2", review_id=review_id)
    ledger.money.settle("r1", call("0", ok=False, error="timed out"), NOW)
    assert standing(ledger) == Standing()
    (row,) = ledger.calls.of_review(review_id)
    assert (row.ok, row.error, row.cost) == (False, "timed out", D(0))


@pytest.mark.parametrize(
    ("heard", "spent", "unconfirmed"),
    [
        ({"ok": False, "estimated": True}, "0", "0.2"),
        ({"ok": True, "estimated": True}, "0.01", "0"),
        ({"ok": False, "estimated": False}, "0.01", "0"),
        ({"ok": False, "estimated": True, "computed_cost": D("0.5")}, "0.01", "0"),
        ({"ok": False, "estimated": True, "payment": Payment.LOCAL}, "0.01", "0"),
    ],
    ids=["timed out", "answered without usage", "failed with usage", "failed with a bill", "local"],
)
def test_a_call_that_broke_off_is_unconfirmed_where_only_a_guess_says_what_it_cost(
    ledger: Ledger, heard: dict, spent: str, unconfirmed: str
) -> None:
    reserve(ledger, "r1", "0.2")
    ledger.money.settle("r1", replace(call("0.01"), **{"computed_cost": D("0.01"), **heard}), NOW)
    assert standing(ledger) == Standing(spent=D(spent), unconfirmed=D(unconfirmed))
    assert [entry.at_most for entry in ledger.money.unconfirmed()] == ([D("0.2")] if D(unconfirmed) else [])
    spend = ledger.calls.totals("1").run
    assert (spend.cost is None) == bool(D(unconfirmed))
    assert spend.estimated == (D(spent) if heard["estimated"] else 0)


def test_a_renamed_repository_organisation_or_user_keeps_its_counters(ledger: Ledger) -> None:
    before = replace(ACCOUNT, user_id=7, repository_id=2, organisation_id=5)
    after = replace(before, run="2", user="Robert", repository="Acme-Inc/Site", organisation="Acme-Inc")
    reserve(ledger, "r1", "0.5", account=before)
    ledger.money.settle("r1", call("0.5"), NOW)
    for scope in (Scope.USER_DAY, Scope.REPOSITORY_DAY, Scope.REPOSITORY_MONTH, Scope.ORGANISATION_MONTH):
        assert standing(ledger, scope, after).spent == D("0.5")
        with pytest.raises(BudgetRefused) as refused:
            reserve(ledger, "r2", "0.2", (Limit(scope, D("0.6")),), after)
        assert after.name(scope) in str(refused.value)
    reserve(ledger, "r3", "0.1", (), after)
    ledger.money.settle("r3", call("0.1"), NOW)
    month = ledger.calls.spend_by("repository", since=NOW, until=NOW + MINUTE)
    assert {name: spend.known for name, spend in month.items()} == {"Acme-Inc/Site": D("0.6")}


def test_another_repository_under_a_freed_name_starts_at_zero(ledger: Ledger) -> None:
    reserve(ledger, "r1", "0.5", account=replace(ACCOUNT, repository_id=2))
    new = replace(ACCOUNT, repository_id=3)
    assert standing(ledger, Scope.REPOSITORY_MONTH, new) == Standing()
    reserve(ledger, "r2", "0.1", account=replace(new, run="2", pull_request=""))
    assert standing(ledger, Scope.REPOSITORY_MONTH, new).held == D("0.1")


def test_what_was_counted_by_name_moves_to_the_id_once_that_is_known(ledger: Ledger) -> None:
    reserve(ledger, "r1", "0.4")
    ledger.money.settle("r1", call("0.4"), NOW)
    known = replace(ACCOUNT, user_id=7, repository_id=2, organisation_id=5)
    reserve(ledger, "r2", "0.1", account=known)
    for scope in (Scope.USER_DAY, Scope.REPOSITORY_MONTH, Scope.ORGANISATION_MONTH):
        assert standing(ledger, scope, known) == Standing(spent=D("0.4"), held=D("0.1"))
        assert standing(ledger, scope, ACCOUNT) == Standing()


def test_outsiders_have_limits_of_their_own_beside_everybodys(ledger: Ledger) -> None:
    limits = (Limit(Scope.USER_DAY, D(1)), Limit(Scope.USER_DAY, D("0.2"), outsiders=True))
    reserve(ledger, "r1", "0.3", limits)
    outsider = replace(ACCOUNT, user="eve", outsider=True)
    reserve(ledger, "r2", "0.2", limits, outsider)
    with pytest.raises(BudgetRefused, match=r"daily limit of the user eve of \$0.20"):
        reserve(ledger, "r3", "0.1", limits, outsider)


def test_a_bill_above_the_reservation_is_booked_in_full(ledger: Ledger) -> None:
    reserve(ledger, "r1", "0.2")
    ledger.money.settle("r1", call("0.7"), NOW)
    assert standing(ledger) == Standing(spent=D("0.7"))
    with pytest.raises(BudgetRefused):
        reserve(ledger, "r2", "0.01")


@pytest.mark.parametrize("cost", [None, "-40508", "NaN", "2000000"])
def test_a_bill_that_nobody_saw_stays_counted_at_its_worst(ledger: Ledger, cost: str | None) -> None:
    reserve(ledger, "r1", "0.2")
    ledger.money.settle("r1", call(cost), NOW)
    assert standing(ledger) == Standing(unconfirmed=D("0.2"))
    spend = ledger.calls.totals("1").run
    assert (spend.cost, spend.known, spend.unconfirmed) == (None, D(0), D("0.2"))
    (unseen,) = ledger.money.unconfirmed()
    assert (unseen.reservation, unseen.at_most, unseen.opened_at) == ("r1", D("0.2"), NOW)
    ledger.money.confirm("r1", D("0.07"), NOW)
    assert standing(ledger) == Standing(spent=D("0.07"))
    assert ledger.calls.totals("1").run.cost == D("0.07")


def test_what_a_dead_worker_held_expires_into_the_worst_case(ledger: Ledger) -> None:
    reserve(ledger, "r1", "0.3", hold=5 * MINUTE)
    reserve(ledger, "r2", "0.1", hold=10 * MINUTE)
    assert ledger.money.expire(NOW + 5 * MINUTE) == 1
    assert ledger.money.expire(NOW + 5 * MINUTE) == 0
    assert standing(ledger) == Standing(held=D("0.1"), unconfirmed=D("0.3"))
    with pytest.raises(BudgetRefused, match=r"\$0.40 reserved"):
        reserve(ledger, "r3", "0.2")


def test_a_slow_worker_that_settles_after_expiry_replaces_the_worst_case(ledger: Ledger) -> None:
    reserve(ledger, "r1", "0.3", hold=MINUTE)
    ledger.money.expire(NOW + MINUTE)
    ledger.money.settle("r1", call("0.02"), NOW + 2 * MINUTE)
    assert standing(ledger) == Standing(spent=D("0.02"))
    assert ledger.calls.totals("1").run.cost == D("0.02")


def test_a_settlement_of_an_unknown_reservation_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(LedgerUnavailable, match="no reservation"):
        ledger.money.settle("nothing", call("0.1"), NOW)


def test_a_worker_that_lost_its_review_pays_for_no_further_call(ledger: Ledger) -> None:
    review_id = accept(ledger)
    stale = ledger.reviews.begin(review_id, "worker-1", NOW, MINUTE)
    assert stale is not None
    reserve(ledger, "r1", "0.1", lease=stale)
    ledger.reviews.begin(review_id, "worker-2", NOW + 2 * MINUTE, MINUTE)
    with pytest.raises(LeaseLost):
        reserve(ledger, "r2", "0.1", lease=stale)
    assert standing(ledger).held == D("0.1")
    ledger.money.settle("r1", call("0.01"), NOW + 2 * MINUTE)


def test_two_pull_requests_share_the_repository_and_not_each_other(ledger: Ledger) -> None:
    other = replace(ACCOUNT, run="2", pull_request=ReviewKey(1, 2, 4, "x").pull_request, user="eve")
    reserve(ledger, "r1", "0.5")
    ledger.money.settle("r1", call("0.4"), NOW)
    reserve(ledger, "r2", "0.5", account=other)
    ledger.money.settle("r2", call("0.3"), NOW)
    assert ledger.calls.totals("1", KEY.pull_request).pull_request.known == D("0.4")
    assert standing(ledger, Scope.PULL_REQUEST).spent == D("0.4")
    assert standing(ledger, Scope.REPOSITORY_MONTH).spent == D("0.7")


def test_totals_are_of_the_run_and_of_the_pull_request(ledger: Ledger) -> None:
    for run, cost in (("1", "0.1"), ("2", "0.2")):
        reserve(ledger, f"r{run}", "0.5", account=replace(ACCOUNT, run=run))
        ledger.money.settle(f"r{run}", call(cost), NOW)
    totals = ledger.calls.totals("2", KEY.pull_request)
    assert (totals.run.cost, totals.pull_request.cost) == (D("0.2"), D("0.3"))
    assert totals.pull_request.usage.input == 2000
    assert ledger.calls.spend_by("model", since=NOW, until=NOW + MINUTE)["vendor/model"].known == D("0.3")
    assert list(ledger.calls.spend_by("tier", since=NOW, until=NOW + MINUTE)) == ["efficient"]
    with pytest.raises(ValueError, match="not one of"):
        ledger.calls.spend_by("password", since=NOW, until=NOW)


def test_a_call_comes_back_as_it_was_written(ledger: Ledger) -> None:
    review_id = accept(ledger)
    written = replace(call("0.000000000001"), computed_cost=D("0.5"), estimated=True, started_ms=7)
    reserve(ledger, "r1", "0.2", review_id=review_id)
    ledger.money.settle("r1", written, NOW)
    assert ledger.calls.of_review(review_id) == (written,)


class Down:
    """A ledger that does not answer for the first settlements."""

    def __init__(self, ledger: Ledger, times: int) -> None:
        self.ledger, self.times = ledger, times

    def reserve(self, *args, **values) -> None:
        self.ledger.money.reserve(*args, **values)

    def settle(self, *args) -> None:
        if self.times:
            self.times -= 1
            raise LedgerUnavailable("down")
        self.ledger.money.settle(*args)


def test_the_meter_reserves_settles_and_does_not_forget_a_bill(ledger: Ledger) -> None:
    waits: list[float] = []
    ids = iter(["r1", "r2"])
    meter = LedgerMeter(
        Down(ledger, 3),  # type: ignore[arg-type]
        Terms(ACCOUNT, ALL),
        lambda: NOW,
        new_id=lambda: next(ids),
        sleep=waits.append,
    )
    reservation = meter.reserve(amount=D("0.4"), call=intent())
    assert (reservation, standing(ledger, Scope.RUN).held) == ("r1", D("0.4"))
    meter.settle(reservation, call("0.05"))
    assert len(waits) == 3
    assert standing(ledger, Scope.RUN) == Standing(spent=D("0.05"))


def test_without_a_ledger_there_is_no_call(tmp_path) -> None:
    folder = tmp_path / "file-in-the-way"
    folder.write_text("")
    meter = LedgerMeter(Ledger.open(f"sqlite:///{folder}/x.sqlite").money, Terms(ACCOUNT), lambda: NOW)
    with pytest.raises(LedgerUnavailable, match="cannot be made"):
        meter.reserve(amount=D("0.01"), call=intent())


steps = st.lists(
    st.tuples(
        st.sampled_from(["settle", "settle", "unseen", "refused", "expire", "confirm", "die"]),
        st.decimals("0.000000000001", "0.6", places=12),
        st.fractions(0, 1),
    ),
    max_size=12,
)


@given(steps)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_the_books_balance_and_no_limit_is_passed(ledger: Ledger, steps) -> None:
    # A run and a user of its own keep the examples apart.
    run = uuid4().hex
    account = Account(run=run, user=run)
    limits = (Limit(Scope.RUN, D(1)), Limit(Scope.USER_DAY, D("1.2")))
    for number, (end, amount, share) in enumerate(steps):
        reservation = f"{run}-{number}"
        before = standing(ledger, Scope.RUN, account)
        try:
            reserve(ledger, reservation, str(amount), limits, account, hold=MINUTE)
        except BudgetRefused:
            assert before.committed + amount > 1
            continue
        bill = (amount * share.numerator / share.denominator).quantize(D("1e-12"))
        match end:
            case "settle":
                ledger.money.settle(reservation, call(bill), NOW)
            case "unseen":
                ledger.money.settle(reservation, call(None), NOW)
            case "release":
                ledger.money.release(reservation, NOW)
            case "expire":
                ledger.money.expire(NOW + MINUTE)
            case "confirm":
                ledger.money.expire(NOW + MINUTE)
                ledger.money.confirm(reservation, bill, NOW)
        after = standing(ledger, Scope.RUN, account)
        assert after.committed <= 1
        assert after == standing(ledger, Scope.USER_DAY, account)
        spend = ledger.calls.totals(run).run
        assert (spend.known, spend.unconfirmed) == (after.spent, after.unconfirmed)
    ledger.money.expire(NOW + MINUTE)
    assert standing(ledger, Scope.RUN, account).held == 0
