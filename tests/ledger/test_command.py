from __future__ import annotations

import argparse
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from policies.budgets import Account, Limit, Scope
from reviewer.errors import ConfigurationError
from reviewer.ledger import command
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.terms import Terms
from reviewer.settings import Settings
from tests.ledger.make import ACCOUNT, call, intent


@pytest.fixture
def ask(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("DATABASE_URL", url)

    def run(*arguments: str) -> str:
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        assert command.main(parser.parse_args(arguments)) == 0
        return capsys.readouterr().out

    return run


def spend(ledger: Ledger, reservation: str, cost: str | None) -> None:
    now = datetime.now(UTC)
    ledger.money.reserve(reservation, Decimal("0.5"), intent(), Terms(ACCOUNT), now)
    ledger.money.settle(reservation, call(cost), now)


def test_a_month_is_added_up_by_what_is_asked(ledger: Ledger, ask) -> None:
    spend(ledger, "r1", "0.25")
    spend(ledger, "r2", None)
    text = ask("spend", "--by", "repository")
    assert "acme/app" in text
    assert "$0.25" in text
    assert "at most $0.50 whose bill did not arrive" in text
    document = json.loads(ask("spend", "--format", "json"))
    (row,) = document["groups"]
    assert (row["model"], row["cost_usd"], row["calls"]) == ("vendor/model", None, 2)
    assert Decimal(row["known_usd"]) == Decimal("0.25")
    assert json.loads(ask("spend", "--format", "json", "--month", "2020-02"))["groups"] == []


def test_an_unseen_bill_is_listed_and_confirmed(ledger: Ledger, ask) -> None:
    spend(ledger, "r1", None)
    line = ask("unconfirmed")
    assert line.startswith("r1  ")
    assert line.endswith("UTC  kilo  vendor/model  at most $0.50\n")
    assert ask("confirm", "r1", "0.07") == "r1: $0.07\n"
    assert ask("unconfirmed") == ""
    with pytest.raises(ConfigurationError, match="no unconfirmed call"):
        ask("confirm", "r1", "0.09")
    assert ledger.calls.totals("1").run.cost == Decimal("0.07")


def test_an_unseen_bill_is_listed_under_our_id_and_the_provider_s(ledger: Ledger, ask) -> None:
    now = datetime.now(UTC)
    ledger.money.reserve("r1", Decimal("0.5"), intent(), Terms(ACCOUNT), now)
    ledger.money.settle("r1", replace(call(None), request_id="req-7"), now)
    assert ask("unconfirmed").startswith("r1  ")
    assert ask("unconfirmed").endswith("at most $0.50  req-7\n")
    assert [it.request_id for it in ledger.money.unconfirmed()] == ["req-7"]


def test_credit_is_booked_once_and_shown_with_its_end(ledger: Ledger, ask) -> None:
    soon = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"
    for _ in range(2):
        text = ask("credit", "acme", "--add", "5", "--reference", "r-1", "--bonus", "--expires", soon)
    assert text == f"acme: $5.00 can be spent\n  bonus: $5.00 left, lapses on {soon}\n"
    text = ask("credit", "ACME", "--add", "1", "--reference", "r-2", "--expires", "2020-01-01")
    assert "$5.00 can be spent" in text
    assert "(lapsed)" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["credit", "acme", "--add", "5"], "--reference"),
        (["credit", "acme", "--add", "-5", "--reference", "r"], "--add = '-5'"),
        (["credit", "acme", "--add", "0", "--reference", "r"], "books nothing"),
        (["credit", "acme", "--add", "5", "--reference", "r", "--expires", "soon"], "--expires: not a date"),
        (["spend", "--month", "11"], "Write it as 2026-11"),
        (["confirm", "r9", "much"], "cost = 'much'"),
    ],
)
@pytest.mark.usefixtures("ledger")
def test_what_cannot_be_used_is_said(ask, arguments: list[str], says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ask(*arguments)
    assert says in str(refused.value)


def test_what_is_owed_is_shown_and_a_receipt_for_another_sum_is_refused(ledger: Ledger, ask) -> None:
    ask("credit", "acme", "--add", "1", "--reference", "r-1")
    now = datetime.now(UTC)
    ledger.money.reserve("c1", Decimal(1), intent(), Terms(ACCOUNT, (Limit(Scope.PREPAID, Decimal(0)),)), now)
    ledger.money.settle("c1", call("1.5"), now)
    assert ask("credit", "acme") == (
        "acme: $0.00 can be spent\n  $0.50 is owed; the next credit pays it first\n  purchase: $0.00 left\n"
    )
    with pytest.raises(ConfigurationError, match="--reference r-1 is booked already"):
        ask("credit", "acme", "--add", "2", "--reference", "r-1")


def test_an_estimate_is_marked_as_one(ledger: Ledger, ask) -> None:
    now = datetime.now(UTC)
    ledger.money.reserve("r1", Decimal("0.5"), intent(), Terms(ACCOUNT), now)
    ledger.money.settle("r1", replace(call("0.25"), estimated=True), now)
    assert "of which $0.25 is estimated" in ask("spend")
    assert json.loads(ask("spend", "--format", "json"))["total"]["estimated_usd"] == "0.250000000000"


def test_local_spend_is_shown_from_the_local_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("KILO_REVIEW_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("KILO_REVIEW_CACHE_DIR", str(tmp_path / "cache"))
    local = Ledger.open(Settings.from_environ().local_ledger_url)
    local.migrate()
    account = Account("local-1", repository="shop", scopes=frozenset({Scope.RUN}))
    now = datetime.now(UTC)
    local.money.reserve("r1", Decimal("0.5"), intent(), Terms(account), now)
    local.money.settle("r1", call("0.25"), now)
    local.close()
    for arguments in (["--local", "spend", "--by", "repository"], ["spend", "--by", "repository"]):
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        assert command.main(parser.parse_args(arguments)) == 0
        shown = capsys.readouterr()
        assert "shop" in shown.out
        assert "$0.25" in shown.out
        assert "local reviews on this machine" in shown.err
    assert not (tmp_path / "state" / "ledger.sqlite").exists()
