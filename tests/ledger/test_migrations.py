"""Tables of an older program, with rows in them, become this program's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url

from policies.budgets import Limit, Scope
from reviewer.ledger import migrations
from reviewer.ledger.database import Database
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.prepaid import Balance
from reviewer.ledger.terms import Terms
from tests.ledger.conftest import POSTGRES
from tests.ledger.make import ACCOUNT, NOW, call, intent

D = Decimal
DOLLAR = 10**12
# Ids that no sequence of PostgreSQL reaches here.
CALL = (
    "INSERT INTO calls (id, reservation, state, run, pull_request, actor, repository, organisation, "
    "reserved_picos, unit, stage, tier, provider, model, payment, attempt, opened_at, expires_at) VALUES "
    "({id}, '{state}', '{state}', '1', '', 'bob', '{owner}/app', '{owner}', {picos}, 'u', 'review', 1, 'kilo', "
    "'m', 'gateway', 1, 1, 2)"
)
OLD_ROWS = (
    'INSERT INTO counters (scope, subject, "window", spent_picos) '
    "VALUES ('repository-month', 'acme/app', '2026-11', 7)",
    "INSERT INTO credits (id, organisation, kind, amount_picos, spent_picos, held_picos, created_at, reference) "
    f"VALUES (101, 'acme', 'purchase', {DOLLAR}, {DOLLAR + 250 * 10**9}, 0, 1, 'r-1'), "
    f"(102, 'other', 'bonus', {DOLLAR}, 0, {DOLLAR // 2}, 1, 'r-2')",
    CALL.format(id=101, state="held", owner="other", picos=DOLLAR // 2),
    CALL.format(id=102, state="settled", owner="acme", picos=1),
    f"INSERT INTO credit_holds (call_id, credit_id, amount_picos) VALUES (101, 102, {DOLLAR // 2}), (102, 101, 1)",
    "INSERT INTO holds (call_id, counter_id, limit_picos, alerts) SELECT 102, id, 9, '50,80' FROM counters",
    'INSERT INTO alerts (scope, subject, "window", limit_picos, percent, spent_picos, reached_at, due_at) '
    "VALUES ('user-day', 'bob', '2026-11-21', 9, 50, 5, 1, 1)",
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with the tables and rows of version 0002."""
    if request.param == "sqlite":
        ledger = Ledger.open(f"sqlite:///{tmp_path / 'old.sqlite'}")
        ledger.db.write(fill)
        yield ledger
        ledger.close()
        return
    if not os.environ.get(POSTGRES):
        pytest.skip(f"{POSTGRES} is not set: PostgreSQL was not tested")
    server = make_url(Database(os.environ[POSTGRES]).url)
    name = f"kilo_review_old_{os.getpid()}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    ledger = Ledger.open(server.set(database=name).render_as_string(hide_password=False))
    ledger.db.write(fill)
    yield ledger
    ledger.close()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    admin.dispose()


def fill(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "0002")
    for statement in OLD_ROWS:
        connection.execute(text(statement))


def test_rows_of_an_older_program_are_kept_and_mean_the_same(old: Ledger) -> None:
    assert old.migrate() == migrations.HEAD
    old.ready()
    # What a credit was overdrawn by is owed.
    assert old.prepaid.balance("acme", NOW) == Balance(free=D(0), debt=D("0.25"))
    assert old.prepaid.balance("other", NOW) == Balance(free=D("0.5"), debt=D(0))
    # A call that was under way is paid from its credit.
    old.money.settle("held", call("0.1"), NOW)
    assert old.prepaid.balance("other", NOW) == Balance(free=D("0.9"), debt=D(0))
    # What was counted by name goes on counting for the id.
    known = replace(ACCOUNT, repository_id=2, organisation_id=5)
    terms = Terms(known, (Limit(Scope.REPOSITORY_MONTH, D("0.000000000008")),))
    old.money.reserve("new", D("0.000000000001"), intent(), terms, NOW)
    assert old.money.standing(Scope.REPOSITORY_MONTH, known, NOW).committed == D("0.000000000008")
    assert [alert.subject for alert in old.alerts.due(NOW)] == ["bob"]


def test_a_migrated_sqlite_ledger_still_checks_its_foreign_keys(old: Ledger) -> None:
    old.migrate()
    if old.db.is_sqlite:
        assert old.db.read(lambda connection: connection.exec_driver_sql("PRAGMA foreign_keys").scalar()) == 1
        assert old.db.read(lambda connection: connection.exec_driver_sql("PRAGMA foreign_key_check").all()) == []
    kept = old.db.read(lambda connection: connection.execute(text("SELECT COUNT(*) FROM credit_holds")).scalar())
    assert kept == 1
