"""LocalLedger: what a run on this machine needs of the ledger, with nothing but Python's own sqlite3.

The tables are those of the service's ledger, so `kilo-review ledger --local` reads the file. Of the limits only the
one per run holds here. SQLAlchemy and Alembic are not loaded: they take longer than all steps before the first
question, and are no part of a base installation.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from policies.budgets import Scope, Standing, limit_for, refusal, window
from reviewer.errors import BudgetRefused, ConfigurationError, LedgerUnavailable
from reviewer.extras import install
from reviewer.ledger.conceal import Conceal, conceal_json, nothing
from reviewer.ledger.keys import MAX_REASON, Dismissal
from reviewer.ledger.terms import CallState, Terms, bill, closed_call, opened_call, refuse_unknown_price
from reviewer.ledger.units import clean, from_picos, to_micros, to_picos
from reviewer.models.meter import CallIntent
from reviewer.models.model import Call

SCHEMA: Final = Path(__file__).with_name("schema.sql")
USED: Final = ("calls", "counters", "dismissals", "holds", "unit_results")
BUSY_SECONDS: Final = 10.0
MAX_RESULT: Final = 4 * 1024 * 1024
# How often a result that is in use has its date moved: a read should seldom be a write.
TOUCH_AFTER: Final = timedelta(days=1)


class LocalLedger:
    """The ledger of local reviews: one file, one connection, safe between threads and beside other processes."""

    def __init__(self, file: Path, *, conceal: Conceal = nothing) -> None:
        """Open the file, making it and its tables where there are none.

        LedgerUnavailable where it cannot be used; ConfigurationError for tables of another version.
        """
        self.file = file
        self.conceal = conceal
        self._lock = threading.Lock()
        _make(file)
        try:
            # Transactions are begun by hand: the driver's own rules never send BEGIN IMMEDIATE.
            self._connection = sqlite3.connect(
                file, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )
            self._connection.row_factory = sqlite3.Row
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
                self._connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error as error:
            raise _unavailable(error) from error
        self._bring_up_to_date()
        self.money = LocalMoney(self)
        self.dismissals = LocalDismissals(self)

    def results(self, now: Callable[[], datetime]) -> LocalResults:
        """Return the store of answers that were paid for; `now` dates their use."""
        return LocalResults(self, now)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run a block in one transaction that may write from its start; an error rolls it back."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    # A full disk has rolled it back already.
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                # A commit that failed leaves the transaction open; the next one could not begin.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise _unavailable(error) from error

    def rows(self, statement: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise _unavailable(error) from error

    def _bring_up_to_date(self) -> None:
        script = SCHEMA.read_text("utf-8")
        newest = script.rstrip().rpartition("VALUES ('")[2].removesuffix("');")
        found = self._version()
        if found is None:
            with self.writing() as connection:
                # Another process may have made them while this one waited for its turn.
                if self._version() is None:
                    for statement in script.split(";\n"):
                        connection.execute(statement)
            return
        if found == newest:
            return
        if found > newest:
            raise ConfigurationError(
                f"{self.file} is of version {found}, this program only knows {newest}",
                remedy="Upgrade kilo-review, or set KILO_REVIEW_CACHE_DIR to another folder.",
            )
        self._migrate(found, newest)

    def _migrate(self, found: str, newest: str) -> None:
        try:
            from reviewer.ledger.ledger import Ledger  # noqa: PLC0415 - for a ledger of an earlier version alone
        except ModuleNotFoundError:
            if _columns(self._connection) >= _shipped_columns():
                # What changed is for the service's part of the tables.
                return
            raise ConfigurationError(
                f"{self.file} is of version {found}, this program needs {newest}",
                remedy=f"Run: {install('app')}, or move {self.file.name} away: it holds what local "
                "reviews spent, and answers that were paid for.",
            ) from None
        self._connection.close()
        ledger = Ledger.open(f"sqlite:///{self.file}")
        try:
            ledger.migrate()
        finally:
            ledger.close()
        self._connection = sqlite3.connect(
            self.file, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA foreign_keys=ON")

    def _version(self) -> str | None:
        try:
            if not self._connection.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
            ).fetchone():
                return None
            row = self._connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.Error as error:
            raise _unavailable(error) from error
        return None if row is None else str(row[0])


class LocalMoney:
    """The account book of runs on this machine, each with its own limit: see `reviewer.ledger.money.Money`."""

    def __init__(self, ledger: LocalLedger) -> None:
        self._ledger = ledger

    def reserve(
        self, reservation: str, amount: Decimal | None, intent: CallIntent, terms: Terms, now: datetime
    ) -> None:
        """Promise `amount` US dollars, the call's worst case, against the limit of the run, or none.

        Raises BudgetRefused, as Money.reserve does, or LedgerUnavailable: then nothing may be called.
        """
        if terms.account.scopes != {Scope.RUN} or terms.lease is not None:
            raise ValueError("only the limit per run holds in the ledger of this machine")
        if amount is None and not terms.allow_unknown_price:
            refuse_unknown_price(intent, terms)
        picos = None if amount is None else to_picos(amount, up=True)
        limit = limit_for(terms.limits, Scope.RUN, terms.account)
        run = terms.account.subject(Scope.RUN)
        key = (Scope.RUN.value, run, window(Scope.RUN, now))
        with self._ledger.writing() as connection:
            connection.execute(
                "INSERT INTO counters (scope, subject, window, name) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (*key, run),
            )
            counter = connection.execute(
                "SELECT * FROM counters WHERE scope = ? AND subject = ? AND window = ?", key
            ).fetchone()
            standing = Standing(
                *(from_picos(counter[f"{name}_picos"]) for name in ("spent", "held", "unconfirmed"))
            )
            promised = from_picos(picos or 0)
            if limit is not None and not standing.fits(promised, limit.amount):
                raise BudgetRefused(refusal(limit, terms.account, standing, promised, now), rule=Scope.RUN)
            connection.execute(
                "UPDATE counters SET held_picos = held_picos + ? WHERE id = ?", (picos or 0, counter["id"])
            )
            row = opened_call(reservation, picos, intent, terms, now)
            names, places = ", ".join(row), ", ".join("?" * len(row))
            made = connection.execute(f"INSERT INTO calls ({names}) VALUES ({places})", tuple(row.values()))  # noqa: S608 - columns are ours
            connection.execute(
                "INSERT INTO holds (call_id, counter_id, limit_picos) VALUES (?, ?, ?)",
                (made.lastrowid, counter["id"], None if limit is None else to_picos(limit.amount)),
            )

    def settle(self, reservation: str, call: Call, now: datetime) -> None:
        """Write what a call was and cost and free the rest, in one transaction; a second time changes nothing.

        Where the bill was not seen, the worst case stays counted as unconfirmed: see Money.settle.
        """
        cost = bill(call)
        with self._ledger.writing() as connection:
            row = connection.execute("SELECT * FROM calls WHERE reservation = ?", (reservation,)).fetchone()
            if row is None:
                raise LedgerUnavailable(f"the ledger has no reservation {reservation}: was the database replaced?")
            if row["state"] == CallState.SETTLED:
                return
            reserved = row["reserved_picos"] or 0
            unseen = cost is None and reserved > 0
            was_held = row["state"] == CallState.HELD
            if not unseen:
                freed = "held" if was_held else "unconfirmed"
                _move(connection, row["id"], {"spent": cost or 0, freed: -reserved})
            elif was_held:
                _move(connection, row["id"], {"held": -reserved, "unconfirmed": reserved})
            state = CallState.UNCONFIRMED if unseen else CallState.SETTLED
            values = {
                **closed_call(call, self._ledger.conceal),
                "state": state.value,
                "cost_picos": cost,
                "closed_at": to_micros(now),
            }
            places = ", ".join(f"{name} = ?" for name in values)
            connection.execute(f"UPDATE calls SET {places} WHERE id = ?", (*values.values(), row["id"]))  # noqa: S608


class LocalResults:
    """Unit results by key, so that nothing is paid for twice: see `reviewer.ledger.results.Results`."""

    def __init__(self, ledger: LocalLedger, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now

    def get(self, key: str) -> str | None:
        """Return a stored result, None where there is none."""
        rows = self._ledger.rows("SELECT result, used_at FROM unit_results WHERE key = ?", (key,))
        if not rows:
            return None
        row = rows[0]
        at = to_micros(self._now())
        if at - row["used_at"] > TOUCH_AFTER / timedelta(microseconds=1):
            with self._ledger.writing() as connection:
                connection.execute("UPDATE unit_results SET used_at = ? WHERE key = ?", (at, key))
        return str(row["result"])

    def put(self, key: str, text: str) -> None:
        """Store a result; one that is stored already is replaced. A result above MAX_RESULT is not kept."""
        if len(text) > MAX_RESULT:
            return
        at = to_micros(self._now())
        kept = clean(conceal_json(text, self._ledger.conceal))
        with self._ledger.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO unit_results (key, result, stored_at, used_at) VALUES (?, ?, ?, ?)",
                (key, kept, at, at),
            )


class LocalDismissals:
    """Dismissed findings: see `reviewer.ledger.dismissals.Dismissals`. A work tree has an id below zero."""

    def __init__(self, ledger: LocalLedger) -> None:
        self._ledger = ledger

    def add(self, repo_id: int, number: int, dismissal: Dismissal, now: datetime) -> None:
        """Write a dismissal down; a second one of the same finding replaces who and why."""
        why = clean(self._ledger.conceal(dismissal.reason))[:MAX_REASON]
        row = (repo_id, number, clean(dismissal.fingerprint), clean(dismissal.actor), why, to_micros(now))
        with self._ledger.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO dismissals (repo_id, number, fingerprint, actor, reason, at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )

    def of_pull_request(self, repo_id: int, number: int) -> dict[str, Dismissal]:
        """Return the dismissals of a pull request by fingerprint."""
        rows = self._ledger.rows(
            "SELECT fingerprint, actor, reason FROM dismissals WHERE repo_id = ? AND number = ?", (repo_id, number)
        )
        return {row["fingerprint"]: Dismissal(*row) for row in rows}


def _move(connection: sqlite3.Connection, call: int, by: Mapping[str, int]) -> None:
    places = ", ".join(f"{name}_picos = {name}_picos + ?" for name in by)
    connection.execute(
        f"UPDATE counters SET {places} WHERE id IN (SELECT counter_id FROM holds WHERE call_id = ?)",  # noqa: S608
        (*by.values(), call),
    )


def _columns(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """Return (table, column) of the tables that a local run uses."""
    return {(table, row[1]) for table in USED for row in connection.execute(f"PRAGMA table_info({table})")}


def _shipped_columns() -> set[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA.read_text("utf-8"))
        return _columns(connection)


def _make(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # The ledger holds code of private repositories: no other user of the machine may read it.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerUnavailable(f"the ledger's file {file} cannot be made: {error.strerror}") from None


def _unavailable(error: sqlite3.Error) -> LedgerUnavailable:
    return LedgerUnavailable(f"the ledger cannot be read or written ({type(error).__name__}: {error})")
