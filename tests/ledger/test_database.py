from __future__ import annotations

import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from reviewer.errors import ConfigurationError, LedgerUnavailable
from reviewer.ledger import migrations
from reviewer.ledger.database import Database
from reviewer.ledger.keys import ReviewKey
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.tables import metadata
from tests.ledger.make import KEY, accept


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(ledger: Ledger) -> None:
    def differences(connection) -> list:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    assert ledger.db.read(differences) == []


def test_both_databases_check_that_no_counter_goes_below_zero(ledger: Ledger) -> None:
    names = {
        constraint["name"]
        for constraint in ledger.db.read(lambda connection: inspect(connection).get_check_constraints("counters"))
    }
    assert names == {"ck_counters_spent", "ck_counters_held", "ck_counters_unconfirmed"}
    with pytest.raises(LedgerUnavailable):
        ledger.db.write(
            lambda connection: connection.execute(
                text("INSERT INTO counters (scope, subject, \"window\", held_picos) VALUES ('run', 'x', '', -1)")
            )
        )


def test_the_newest_script_is_the_version_that_the_program_names() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_migrating_twice_and_many_at_once_is_the_same(tmp_path: Path) -> None:
    ledgers = [Ledger.open(f"sqlite:///{tmp_path}/new/ledger.sqlite") for _ in range(4)]
    with pytest.raises(ConfigurationError, match="kilo-review migrate"):
        ledgers[0].ready()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(Ledger.migrate, ledgers)) == {migrations.HEAD}
    for ledger in ledgers:
        ledger.ready()
        ledger.close()


def test_tables_of_a_newer_program_are_left_alone(ledger: Ledger) -> None:
    def version(name: str) -> None:
        ledger.db.write(
            lambda connection: connection.execute(text(f"UPDATE alembic_version SET version_num='{name}'"))
        )

    version("9999")
    try:
        for check in (ledger.migrate, ledger.ready):
            with pytest.raises(ConfigurationError, match="Upgrade kilo-review"):
                check()
    finally:
        version(migrations.HEAD)


def test_a_sqlite_ledger_is_durable_and_nobody_elses_to_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.sqlite"
    ledger = Ledger.open(f"sqlite:///{path}")
    ledger.migrate()
    pragma = {
        name: ledger.db.read(lambda connection, it=name: connection.exec_driver_sql(f"PRAGMA {it}").scalar())
        for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ledger.close()


@pytest.mark.parametrize("url", ["", "mysql://root:secret@host/x", "ledger.sqlite"])
def test_another_database_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(ConfigurationError, match="Use sqlite") as refused:
        Ledger.open(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_server_that_does_not_answer_is_said_without_the_password(scheme: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ledger = Ledger.open(f"{scheme}://bob:hunter2@127.0.0.1:{port}/ledger")
    for use in (ledger.reviews.recent, ledger.ready, ledger.migrate, lambda: accept(ledger)):
        with pytest.raises(LedgerUnavailable) as error:
            use()
        assert "hunter2" not in str(error.value)
        assert "hunter2" not in repr(error.value.__cause__)


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(LedgerUnavailable, match="not a database"):
        Ledger.open(f"sqlite:///{path}").reviews.recent()


def test_a_file_that_somebody_keeps_locked_is_unavailable_and_nothing_is_written(
    tmp_path: Path, migrated_file: Path
) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(migrated_file.read_bytes())
    holder, ledger = Database(f"sqlite:///{path}"), Ledger(Database(f"sqlite:///{path}", busy_seconds=0.05))

    def try_to_write(_connection) -> None:
        with pytest.raises(LedgerUnavailable, match="locked"):
            accept(ledger)

    holder.write(try_to_write)
    assert ledger.reviews.recent() == ()
    accept(ledger)
    holder.close()
    ledger.close()


def test_what_a_step_raises_rolls_everything_back(ledger: Ledger) -> None:
    def half(connection) -> None:
        connection.execute(metadata.tables["cursors"].insert(), {"name": "x", "value": "1", "updated_at": 1})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ledger.db.write(half)
    assert ledger.cursors.get("x") is None


FORKING = """
import os, sys
from reviewer.ledger.keys import ReviewKey
from reviewer.ledger.ledger import Ledger
from tests.ledger.make import KEY, NOW, accept
from dataclasses import replace
ledger = Ledger.open(sys.argv[1])
accept(ledger, replace(KEY, number=100))
children = []
for number in range(4):
    child = os.fork()
    if not child:
        for step in range(5):
            accept(ledger, replace(KEY, number=1000 * number + step))
        os._exit(0)
    children.append(child)
for step in range(5):
    accept(ledger, replace(KEY, number=200 + step))
codes = [os.waitpid(child, 0)[1] for child in children]
print(codes, len(ledger.reviews.recent(100)))
"""


def test_a_ledger_works_in_a_parent_and_its_forked_children(url: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FORKING, url], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.strip() == "[0, 0, 0, 0] 26", ran.stderr


@pytest.mark.postgres
def test_a_server_that_drops_its_connections_is_reached_again(postgres_url: str) -> None:
    ledger, other = Ledger.open(postgres_url), Ledger.open(postgres_url)
    ledger.reviews.recent()
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    other.db.write(lambda connection: connection.execute(text(kill)).all())
    ledger.reviews.recent()
    other.db.write(lambda connection: connection.execute(text(kill)).all())
    # A write is run again too, from its beginning: nothing of it was committed.
    runs: list[int] = []

    def work(connection: Connection) -> int:
        runs.append(1)
        return int(connection.execute(text("SELECT 7")).scalar_one())

    assert ledger.db.write(work) == 7
    assert len(runs) == 2
    # No ping goes before it: the statement itself finds out.
    assert ledger.db.write(work) == 7
    assert len(runs) == 3
    ledger.close()
    other.close()


def test_threads_of_one_process_write_in_turn_and_none_is_refused(url: str) -> None:
    ledger = Ledger.open(url, busy_seconds=30)
    ledger.migrate()
    now = datetime.now(UTC)

    def accept(number: int) -> int:
        key = ReviewKey(1, 2, number, "a" * 40)
        return ledger.requests.accept(key, actor="ann", payload={}, now=now).review_id

    with ThreadPoolExecutor(40) as threads:
        made = list(threads.map(accept, range(1, 201)))
    assert len(set(made)) == 200
    ledger.close()


def test_the_durable_row_survives_a_killed_process(url: str) -> None:
    program = (
        "import os, signal, sys; from reviewer.ledger.ledger import Ledger; from tests.ledger.make import accept;"
        "accept(Ledger.open(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ran = subprocess.run([sys.executable, "-c", program, url], timeout=60, check=False)
    assert ran.returncode == -9
    ledger = Ledger.open(url)
    assert [row.key for row in ledger.reviews.recent()] == [KEY]
    ledger.close()
