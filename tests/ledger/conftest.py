"""A real ledger on each database: a SQLite file per test, one PostgreSQL database per worker."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url

from reviewer.ledger.database import Database
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.tables import metadata

POSTGRES = "TEST_DATABASE_URL"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "migrated.sqlite"
    ledger = Ledger.open(f"sqlite:///{path}")
    ledger.migrate()
    ledger.close()
    return path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A database of our own on the server that TEST_DATABASE_URL names, dropped afterwards."""
    given = os.environ.get(POSTGRES, "")
    if not given:
        pytest.skip(f"{POSTGRES} is not set: PostgreSQL was not tested")
    server = make_url(Database(given).url)
    name = f"kilo_review_test_{os.getpid()}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = server.set(database=name).render_as_string(hide_password=False)
    ledger = Ledger.open(url)
    ledger.migrate()
    ledger.close()
    yield url
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def ledgers(migrated_file: Path) -> Iterator[dict[str, Ledger]]:
    """One ledger per address: opening one costs more than most tests."""
    # A copy, because to read a SQLite file in the process that has it open drops its locks:
    # https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
    path = migrated_file.with_name("shared.sqlite")
    shutil.copy(migrated_file, path)
    opened = {"sqlite": Ledger.open(f"sqlite:///{path}")}
    yield opened
    for ledger in opened.values():
        ledger.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ledger(request: pytest.FixtureRequest, ledgers: dict[str, Ledger]) -> Ledger:
    """An empty, migrated ledger."""
    if request.param not in ledgers:
        ledgers[request.param] = Ledger.open(request.getfixturevalue("postgres_url"))
    ledger = ledgers[request.param]

    def empty(connection: Connection) -> None:
        # Ten times faster than TRUNCATE, which makes every table's files anew.
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())

    ledger.db.write(empty)
    return ledger


@pytest.fixture
def url(ledger: Ledger) -> str:
    """The address of an empty, migrated ledger, for other processes."""
    return ledger.db.url
