"""The ledger of this machine keeps the same book as the service's, in the same tables, without SQLAlchemy."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.budgets import SHIPPED, Account, Limit, Scope
from reviewer.errors import BudgetRefused, ConfigurationError, LedgerUnavailable
from reviewer.ledger import command
from reviewer.ledger.keys import MAX_REASON, Dismissal
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.local import MAX_RESULT, LocalLedger
from reviewer.ledger.terms import Terms
from tests.ledger.make import NOW, call, intent
from tools import ledger_schema

D = Decimal
RUN = Account(run="local-1", repository="shop", scopes=frozenset({Scope.RUN}))
LIMITED = Terms(RUN, (Limit(Scope.RUN, D("0.50")),))
AMOUNTS = ("spent", "held", "unconfirmed")
TABLES = ("calls", "counters", "holds", "unit_results")


@pytest.fixture
def local(tmp_path: Path):
    ledger = LocalLedger(tmp_path / "cache" / "local.sqlite")
    yield ledger
    ledger.close()


def rows(file: Path, table: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(file)
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")]
    connection.close()
    return found


def test_the_shipped_tables_are_those_of_the_migrations():
    assert ledger_schema.TARGET.read_text("utf-8") == ledger_schema.schema()


def test_a_new_file_is_one_that_the_services_ledger_takes_for_current(local: LocalLedger):
    assert stat.S_IMODE(local.file.stat().st_mode) == 0o600
    full = Ledger.open(f"sqlite:///{local.file}")
    full.ready()
    full.close()


def moved(file: Path, table: str) -> list[dict[str, Any]]:
    """Rows of a table without counters of nothing: the service's ledger keeps that of a refused call."""
    found = rows(file, table)
    return [row for row in found if table != "counters" or any(row[f"{it}_picos"] for it in AMOUNTS)]


# What a run does: reserve an amount (None: unknown price), or settle one of its reservations by a bill.
amounts = st.sampled_from([None, D(0), D("0.01"), D("0.2"), D("0.49"), D("0.5"), D("0.500000000001"), D(-1)])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), amounts),
        st.tuples(
            st.just("settle"), st.integers(0, 5), st.one_of(st.none(), amounts), st.booleans(), st.booleans()
        ),
    ),
    max_size=12,
)
terms = st.builds(
    lambda amount, layer, allow: Terms(
        RUN, () if amount is None else (Limit(Scope.RUN, amount, layer=layer),), allow_unknown_price=allow
    ),
    st.sampled_from([None, D(0), D("0.3"), D("0.5")]),
    st.sampled_from([0, SHIPPED]),
    st.booleans(),
)


def played(money: Any, terms: Terms, script: list[Any]) -> list[str]:
    """Play a script and return what each step said."""
    said = []
    for number, step in enumerate(script):
        now = NOW + timedelta(seconds=number)
        try:
            if step[0] == "reserve":
                money.reserve(f"r{number}", step[1], intent(), terms, now)
            else:
                _, which, cost, ok, estimated = step
                bill = replace(call(cost, ok=ok), estimated=estimated, computed_cost=cost)
                money.settle(f"r{which}", bill, now)
            said.append("done")
        except (BudgetRefused, LedgerUnavailable, ValueError) as error:
            said.append(f"{type(error).__name__}: {error}")
    return said


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(terms, steps)
def test_every_history_leaves_the_rows_and_the_words_of_the_services_ledger(
    migrated_file: Path, tmp_path: Path, terms: Terms, script: list[Any]
):
    files = tmp_path / "theirs.sqlite", tmp_path / "ours.sqlite"
    for file in files:
        for old in tmp_path.glob(f"{file.name}*"):
            old.unlink()
        shutil.copy(migrated_file, file)
    full, local = Ledger.open(f"sqlite:///{files[0]}"), LocalLedger(files[1])
    try:
        assert played(local.money, terms, script) == played(full.money, terms, script)
    finally:
        full.close()
        local.close()
    for table in TABLES:
        assert moved(files[1], table) == moved(files[0], table)


def test_limits_of_others_than_the_run_do_not_hold_here_and_are_not_pretended(local: LocalLedger):
    with pytest.raises(ValueError, match="only the limit per run"):
        local.money.reserve("r1", D("0.1"), intent(), Terms(Account(run="x")), NOW)


def test_threads_and_processes_never_pass_the_limit_together(local: LocalLedger):
    other = LocalLedger(local.file)
    granted: list[str] = []

    def reserve(ledger: LocalLedger, name: str) -> None:
        for number in range(8):
            try:
                ledger.money.reserve(f"{name}-{number}", D("0.05"), intent(), LIMITED, NOW)
                granted.append(name)
            except BudgetRefused:
                pass

    threads = [
        threading.Thread(target=reserve, args=(ledger, f"{place}-{which}"))
        for place, ledger in enumerate((local, other))
        for which in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert len(granted) == 10


def test_the_command_shows_what_a_local_run_spent(local: LocalLedger, tmp_path: Path, capsys, monkeypatch):
    local.money.reserve("r1", D("0.2"), intent(), LIMITED, NOW)
    local.money.settle("r1", call("0.05"), NOW)
    local.money.reserve("r2", D("0.2"), intent(), LIMITED, NOW)
    local.money.settle("r2", call(None, ok=False), NOW)
    monkeypatch.setenv("KILO_REVIEW_CACHE_DIR", str(local.file.parent))
    month = f"{NOW:%Y-%m}"
    command.main(SimpleNamespace(local=True, action="spend", by="model", month=month, format="text"))
    command.main(SimpleNamespace(local=True, action="unconfirmed"))
    said = capsys.readouterr().out
    assert "$0.05" in said
    assert "r2" in said


def test_an_answer_is_kept_replaced_and_its_use_is_dated(local: LocalLedger):
    now = NOW
    results = local.results(lambda: now)
    assert results.get("k") is None
    results.put("k", "one")
    results.put("k", "two")
    results.put("big", "x" * (MAX_RESULT + 1))
    assert (results.get("k"), results.get("big")) == ("two", None)
    now += timedelta(days=2)
    results.get("k")
    [row] = rows(local.file, "unit_results")
    assert row["used_at"] - row["stored_at"] == timedelta(days=2) / timedelta(microseconds=1)


def test_a_ledger_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path, migrated_file: Path):
    from alembic import command as alembic
    from alembic.config import Config

    from reviewer.ledger import migrations

    file = tmp_path / "local.sqlite"
    full = Ledger.open(f"sqlite:///{file}")

    def first(connection):
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        alembic.upgrade(config, "0001")

    full.db.rebuild(first)
    full.close()
    local = LocalLedger(file)
    local.money.reserve("r1", D("0.1"), intent(), LIMITED, NOW)
    local.close()
    assert rows(file, "alembic_version") == rows(migrated_file, "alembic_version")


def test_a_dismissal_is_read_by_both_ledgers(local: LocalLedger):
    first, second = (Dismissal("f", "mira", reason) for reason in ("on purpose", "x" * (MAX_REASON + 1)))
    local.dismissals.add(-7, 0, first, NOW)
    assert local.dismissals.of_pull_request(-7, 0) == {"f": first}
    local.dismissals.add(-7, 0, second, NOW)
    assert local.dismissals.of_pull_request(-7, 1) == {}
    full = Ledger.open(f"sqlite:///{local.file}")
    assert full.dismissals.of_pull_request(-7, 0) == local.dismissals.of_pull_request(-7, 0)
    assert len(full.dismissals.of_pull_request(-7, 0)["f"].reason) == MAX_REASON
    full.close()


def test_without_the_app_an_earlier_version_serves_while_it_has_every_column(local: LocalLedger, monkeypatch):
    with local.writing() as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    # None in sys.modules is how Python marks a module that cannot be imported.
    monkeypatch.setitem(sys.modules, "reviewer.ledger.ledger", None)
    again = LocalLedger(local.file)
    again.money.reserve("r1", D("0.1"), intent(), LIMITED, NOW)
    again.close()
    with local.writing() as connection:
        connection.execute("ALTER TABLE calls DROP COLUMN request_id")
    with pytest.raises(ConfigurationError, match=r"kilo-review\[app\]"):
        LocalLedger(local.file)


def test_a_ledger_of_a_later_version_is_left_alone(local: LocalLedger):
    with local.writing() as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="Upgrade kilo-review"):
        LocalLedger(local.file)


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/version").exists(), reason="needs /proc")
def test_a_file_that_cannot_be_a_ledger_is_unavailable(tmp_path: Path):
    (tmp_path / "local.sqlite").write_text("no database at all, but long enough to be read as one " * 40)
    with pytest.raises(LedgerUnavailable, match="cannot be read or written"):
        LocalLedger(tmp_path / "local.sqlite")
    with pytest.raises(LedgerUnavailable, match="cannot be made"):
        LocalLedger(Path("/proc/version/local.sqlite"))
