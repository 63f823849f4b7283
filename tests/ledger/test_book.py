"""The account book against an independent model of it: histories of credit, calls, debt and expiry.

LEDGER_HISTORIES says how many histories are tried on each database (`make ledger`: 10,000).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from policies.budgets import Account, Limit, Scope
from policies.credits import CreditKind
from reviewer.errors import BudgetRefused
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.prepaid import NewCredit, ReferenceReused
from reviewer.ledger.terms import Terms
from tests.ledger.make import NOW, call, intent

HISTORIES = int(os.environ.get("LEDGER_HISTORIES", "30"))
HOUR = timedelta(hours=1)
MONTH_CENTS = 400
# Whole cents, so that the model counts in integers of its own.
cents = st.integers(1, 120)
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("buy"),
            st.tuples(cents, st.sampled_from(CreditKind), st.none() | st.integers(1, 12), st.integers(0, 6)),
        ),
        st.tuples(st.just("reserve"), st.tuples(st.none() | st.integers(0, 150), st.booleans())),
        st.tuples(st.just("settle"), st.tuples(st.integers(0, 9), st.integers(0, 200))),
        st.tuples(st.just("unseen"), st.integers(0, 9)),
        st.tuples(st.just("confirm"), st.tuples(st.integers(0, 9), st.integers(0, 200))),
        st.tuples(st.just("wait"), st.integers(1, 6)),
        st.tuples(st.just("rename"), st.none()),
    ),
    min_size=1,
    max_size=16,
)


def usd(amount: int) -> Decimal:
    return Decimal(amount) / 100


class Model:
    """What the book should say, told in plain dicts and whole cents, with the hour as an integer."""

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.hour = 0
        self.credits: dict[str, dict[str, Any]] = {}
        self.calls: dict[str, dict[str, Any]] = {}
        self.debt = 0
        self.billed = 0

    def live(self, credit: dict[str, Any]) -> bool:
        return credit["ends"] is None or credit["ends"] > self.hour

    def free_of(self, name: str) -> int:
        credit = self.credits[name]
        held = sum(it["holds"].get(name, 0) for it in self.calls.values())
        return credit["amount"] - credit["spent"] - held if self.live(credit) else 0

    def free(self) -> int:
        return sum(map(self.free_of, self.credits))

    def in_order(self) -> list[str]:
        far = 10**9
        return sorted(
            self.credits,
            key=lambda name: (
                far if self.credits[name]["ends"] is None else self.credits[name]["ends"],
                self.credits[name]["kind"] == "purchase",
                self.credits[name]["place"],
            ),
        )

    def pay_debt(self) -> None:
        for name in self.in_order():
            share = min(self.debt, self.free_of(name))
            self.credits[name]["spent"] += share
            self.debt -= share

    def buy(self, name: str, amount: int, kind: str, hours: int | None) -> bool:
        """Return False where the reference is taken by another credit."""
        told = {"amount": amount, "kind": kind, "ends": None if hours is None else self.hour + hours}
        known = self.credits.get(name)
        if known is not None:
            return all(known[key] == value for key, value in told.items())
        self.credits[name] = {**told, "spent": 0, "place": len(self.credits)}
        self.pay_debt()
        return True

    def month(self) -> dict[str, int]:
        sums = {"spent": 0, "held": 0, "unconfirmed": 0}
        for it in self.calls.values():
            sums[it["state"]] += it["cost"] if it["state"] == "spent" else it["amount"]
        return sums

    def reserve(self, name: str, amount: int | None, *, prepaid: bool) -> str:
        """Return the rule of a refusal, "" where the call may be made."""
        wanted = amount or 0
        if wanted and sum(self.month().values()) + wanted > MONTH_CENTS:
            return "organisation-month"
        holds: dict[str, int] = {}
        if prepaid:
            self.pay_debt()
            room = self.free() - self.debt - self.floor
            if (amount is None and room <= 0) or (room < wanted and wanted):
                return "prepaid"
            left = wanted
            for credit in self.in_order():
                share = min(left, self.free_of(credit))
                if share:
                    holds[credit] = share
                    left -= share
            assert left == 0
        self.calls[name] = {"state": "held", "amount": wanted, "holds": holds, "prepaid": prepaid, "cost": 0}
        return ""

    def bill(self, name: str, cost: int) -> None:
        asked = self.calls[name]
        own, asked["holds"] = asked["holds"], {}
        asked["state"], asked["cost"] = "spent", cost
        if not asked["prepaid"]:
            return
        self.billed += cost
        for credit in self.in_order():
            there = self.free_of(credit) if self.live(self.credits[credit]) else own.get(credit, 0)
            share = min(cost, there)
            self.credits[credit]["spent"] += share
            cost -= share
        self.debt += cost
        self.pay_debt()


def play(ledger: Ledger, floor: int, history: list[tuple[str, Any]]) -> None:
    """Do the same in the ledger and in the model, and compare them after each step."""
    number = uuid4().int % 10**12
    names = [f"acme-{number}", f"newco-{number}"]
    model = Model(floor)
    for place, (step, given_) in enumerate(history):
        now = NOW + model.hour * HOUR
        organisation = names[0]
        account = Account(f"{number}-{place}", organisation=organisation, organisation_id=number)
        match step:
            case "buy":
                amount, kind, hours, receipt = given_
                ends = None if hours is None else now + hours * HOUR
                credit = NewCredit(usd(amount), kind, f"receipt-{receipt}", expires_at=ends)
                if model.buy(f"receipt-{receipt}", amount, kind.value, hours):
                    ledger.prepaid.add(organisation, credit, now)
                else:
                    with pytest.raises(ReferenceReused):
                        ledger.prepaid.add(organisation, credit, now)
            case "reserve":
                amount, prepaid = given_
                month = Limit(Scope.ORGANISATION_MONTH, usd(MONTH_CENTS))
                limits = (month, Limit(Scope.PREPAID, usd(floor))) if prepaid else (month,)
                terms = Terms(account, limits, allow_unknown_price=True)
                name = f"{number}-{place}"
                refused = model.reserve(name, amount, prepaid=prepaid)
                wanted = None if amount is None else usd(amount)
                assert rule_of(partial(ledger.money.reserve, name, wanted, intent(), terms, now)) == refused
            case "settle" | "unseen" | "confirm":
                chosen, cost = given_ if step != "unseen" else (given_, None)
                wanted_state = "unconfirmed" if step == "confirm" else "held"
                open_ = [name for name, it in model.calls.items() if it["state"] == wanted_state]
                if open_:
                    close(ledger, model, open_[chosen % len(open_)], cost, now)
            case "wait":
                model.hour += given_
            case _:
                # The ledger learns both names from calls: nothing else tells it that they are one organisation.
                call_for_nothing(ledger, account, f"{number}-{place}-before", now)
                names.reverse()
                call_for_nothing(ledger, replace(account, organisation=names[0]), f"{number}-{place}", now)
                model.pay_debt()
        compare(ledger, model, names[0], number)


def rule_of(reserve: Callable[[], None]) -> str:
    """Return the rule of a refusal, "" where there is none."""
    try:
        reserve()
    except BudgetRefused as error:
        return error.rule
    return ""


def call_for_nothing(ledger: Ledger, account: Account, name: str, now: datetime) -> None:
    ledger.money.reserve(name, Decimal(0), intent(), Terms(account, (Limit(Scope.PREPAID, Decimal(0)),)), now)
    ledger.money.settle(name, call("0"), now)


def close(ledger: Ledger, model: Model, name: str, cost: int | None, now: datetime) -> None:
    if cost is None and model.calls[name]["amount"]:
        ledger.money.settle(name, call(None), now)
        model.calls[name]["state"] = "unconfirmed"
    elif model.calls[name]["state"] == "held":
        ledger.money.settle(name, call(usd(cost or 0)), now)
        model.bill(name, cost or 0)
    else:
        ledger.money.confirm(name, usd(cost or 0), now)
        model.bill(name, cost or 0)


def compare(ledger: Ledger, model: Model, organisation: str, number: int) -> None:
    now = NOW + model.hour * HOUR
    held = {name: sum(it["holds"].get(name, 0) for it in model.calls.values()) for name in model.credits}
    told = sorted((credit.remaining, credit.held) for credit in ledger.prepaid.credits(organisation))
    assert told == sorted((usd(it["amount"] - it["spent"]), usd(held[name])) for name, it in model.credits.items())
    balance = ledger.prepaid.balance(organisation, now)
    assert (balance.free, balance.debt) == (usd(model.free()), usd(model.debt))
    standing = ledger.money.standing(
        Scope.ORGANISATION_MONTH, Account("", organisation=organisation, organisation_id=number), now
    )
    month = model.month()
    assert (standing.spent, standing.held, standing.unconfirmed) == tuple(map(usd, month.values()))
    # Nothing is lost: every bill was paid from a credit or is owed.
    assert sum(it["spent"] for it in model.credits.values()) + model.debt == model.billed


@pytest.fixture
def quick_ledger(request: pytest.FixtureRequest, ledger: Ledger, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger that does not wait for the disk: what is tried here is arithmetic, not durability."""
    if ledger.db.is_sqlite:
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "quick.sqlite")
        quick = Ledger.open(f"sqlite:///{tmp_path / 'quick.sqlite'}")
    else:
        quick = Ledger.open(ledger.db.url)

    @event.listens_for(quick.db.engine, "connect")
    def _no_waiting(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=OFF" if quick.db.is_sqlite else "SET synchronous_commit=off")
        cursor.close()
        connection.commit()

    yield quick
    quick.close()


@pytest.mark.timeout(0 if HISTORIES > 100 else 120)
@given(st.integers(0, 30), steps)
@settings(
    max_examples=HISTORIES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_history_ends_with_the_books_of_the_model(
    quick_ledger: Ledger, floor: int, history: list[tuple[str, Any]]
) -> None:
    play(quick_ledger, floor, history)
