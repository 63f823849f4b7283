"""Database: one SQLite file or PostgreSQL, short transactions, and one error for "not reachable"."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from reviewer.errors import ConfigurationError, LedgerUnavailable
from reviewer.extras import install

T = TypeVar("T")
BUSY_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 3
LOCK_SECONDS: Final = 10
# Of one process, however many threads it has: a transaction takes milliseconds, and the others wait for their turn.
CONNECTIONS: Final = 10
# A lost race (deadlock, serialisation, a busy file) is run again; the last failure is raised to the caller.
RACES: Final = 6
_RACE_STATES: Final = frozenset({"40001", "40P01"})

# SQLite's documentation forbids to use *or close* a connection in a forked child, so a child keeps its parent's
# engines alive and unused: https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_across_a_fork_
_PARENTS: Final[list[Engine]] = []


class Database:
    """Where the ledger is kept. Connects on first use; safe between threads and after a fork."""

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        """Take an SQLAlchemy URL; ConfigurationError for one that names neither SQLite nor PostgreSQL.

        `busy_seconds` is how long a step waits for other writers before the ledger counts as unavailable.
        """
        self.url = _normal(url)
        self.is_sqlite = self.url.startswith("sqlite")
        self._busy_seconds = busy_seconds
        self._engine: Engine | None = None
        self._pid = 0
        self._lock = threading.Lock()
        # SQLite lets one connection write and the others look again every few milliseconds. Threads of one process
        # stand in line instead.
        self._writing = threading.Lock()

    @property
    def engine(self) -> Engine:
        """The engine of this process."""
        if self._pid == os.getpid() and self._engine is not None:
            return self._engine
        with self._lock:
            if self._pid != os.getpid() or self._engine is None:
                if self._engine is not None:
                    _PARENTS.append(self._engine)
                self._engine = _engine(self.url, is_sqlite=self.is_sqlite, busy_seconds=self._busy_seconds)
                self._pid = os.getpid()
            return self._engine

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction that holds the right to write from its start, and commit.

        A lost race runs `work` again, so it must depend on nothing but the database. LedgerUnavailable where the
        database does not answer; whatever else `work` raises rolls back and goes through.
        """
        return self._run(work, write=True)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent view; LedgerUnavailable where the database does not answer."""
        return self._run(work, write=False)

    def rebuild(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which makes tables anew, as `write` does but without foreign keys on SQLite.

        Otherwise SQLite takes the old table's rows for deleted: https://www.sqlite.org/lang_altertable.html#otheralter
        """
        return self._run(work, write=True, foreign_keys=False)

    def _run(self, work: Callable[[Connection], T], *, write: bool, foreign_keys: bool = True) -> T:
        if not (self.is_sqlite and write):
            return self._race(work, write=write, foreign_keys=foreign_keys)
        if not self._writing.acquire(timeout=self._busy_seconds):
            raise LedgerUnavailable(f"the ledger was busy for {self._busy_seconds:g} s: other reviews write to it")
        try:
            return self._race(work, write=write, foreign_keys=foreign_keys)
        finally:
            self._writing.release()

    def _race(self, work: Callable[[Connection], T], *, write: bool, foreign_keys: bool) -> T:
        give_up = time.monotonic() + self._busy_seconds
        stale = True
        for race in range(RACES):
            done = _Done()
            try:
                # BEGIN IMMEDIATE and not the deferred default: a read that turns into a write fails at once
                # where another writer came between, however long the busy time-out is.
                with self.engine.connect() as connection:
                    if not self.is_sqlite:
                        return _commit(connection, work, done)
                    with _foreign_keys(connection, on=foreign_keys):
                        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
                        return _commit(connection, work, done)
            except DBAPIError as error:
                if error.connection_invalidated and stale and not done.asked_to_commit:
                    # A connection that the server closed meanwhile, as a restart does. Nothing was committed, and
                    # SQLAlchemy opens all of them anew.
                    stale = False
                    continue
                last = race + 1 == RACES or time.monotonic() > give_up
                if last or not _lost_race(error):
                    raise unavailable(error) from error
                time.sleep(random.uniform(0, 0.05 * 2**race))  # noqa: S311 - spreads the racers
            except SQLAlchemyError as error:
                raise unavailable(error) from error
        raise AssertionError("unreachable")

    def insert(self, table: Table) -> sqlite.Insert:
        """Start an INSERT that knows ON CONFLICT, which both databases spell alike."""
        return insert(table, is_sqlite=self.is_sqlite)

    def close(self) -> None:
        """Close this process's connections."""
        if self._engine is not None and self._pid == os.getpid():
            self._engine.dispose()
        self._engine = None


@dataclass(slots=True)
class _Done:
    """How far a transaction came: after the COMMIT is sent, nobody knows what a failure means."""

    asked_to_commit: bool = False


def _commit(connection: Connection, work: Callable[[Connection], T], done: _Done) -> T:
    result = work(connection)
    done.asked_to_commit = True
    connection.commit()
    return result


@contextlib.contextmanager
def _foreign_keys(connection: Connection, *, on: bool) -> Iterator[None]:
    """Do without foreign keys for one transaction unless `on`; SQLite ignores the pragma inside of one."""
    if on:
        yield
        return
    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def insert(table: Table, *, is_sqlite: bool) -> sqlite.Insert:
    """Start an INSERT that knows ON CONFLICT, which both databases spell alike."""
    if is_sqlite:
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 0.1 s that a start on SQLite need not wait for

    # The two classes share these methods but no base class.
    return postgresql.insert(table)  # type: ignore[return-value]


def unavailable(error: Exception) -> LedgerUnavailable:
    """Say in one line that the database does not answer; values of statements and the URL stay out."""
    cause = getattr(error, "orig", None) or error
    line = str(cause).strip().splitlines()
    detail = line[0][:200] if line else type(cause).__name__
    return LedgerUnavailable(f"the ledger cannot be read or written ({type(cause).__name__}: {detail})")


def _lost_race(error: Any) -> bool:
    cause = error.orig
    if getattr(cause, "sqlstate", None) in _RACE_STATES:
        return True
    return getattr(cause, "sqlite_errorname", "").startswith("SQLITE_BUSY")


def _normal(url: str) -> str:
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    if url.startswith(("sqlite:///", "postgresql+psycopg://")):
        return url
    raise ConfigurationError(
        f"DATABASE_URL names a database that the ledger cannot be kept in ({url.partition(':')[0] or 'empty'})",
        remedy="Use sqlite:////absolute/path/ledger.sqlite or postgresql://user:password@host/name.",
    )


def _engine(url: str, *, is_sqlite: bool, busy_seconds: float) -> Engine:
    if not is_sqlite:
        try:
            return create_engine(
                url,
                hide_parameters=True,
                pool_size=CONNECTIONS,
                max_overflow=0,
                pool_timeout=LOCK_SECONDS,
                connect_args={
                    "connect_timeout": CONNECT_SECONDS,
                    "options": f"-c lock_timeout={LOCK_SECONDS * 1000} -c timezone=UTC",
                },
            )
        except ModuleNotFoundError:
            raise ConfigurationError(
                "DATABASE_URL names PostgreSQL, but its driver is not installed",
                remedy=f"Run: {install('postgres')}",
            ) from None
    path = Path(url.removeprefix("sqlite:///").partition("?")[0])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The ledger holds code of private repositories: no other user of the machine may read it.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerUnavailable(f"the ledger's file {path} cannot be made: {error.strerror}") from None
    engine = create_engine(
        url,
        hide_parameters=True,
        # Transactions are begun by hand above; the driver's own rules never send BEGIN IMMEDIATE.
        isolation_level=None,
        connect_args={"timeout": busy_seconds, "check_same_thread": False, "isolation_level": None},
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=busy_seconds,
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            # FULL: an accepted delivery and a reservation outlive a power cut, not only a killed process.
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-8000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
