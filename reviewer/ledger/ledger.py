"""Ledger: the truth about reviews and money, in one SQLite file or one PostgreSQL database."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from reviewer.ledger.alerts import Alerts
from reviewer.ledger.calls import Calls
from reviewer.ledger.database import BUSY_SECONDS, Database
from reviewer.ledger.migrations import require_current, upgrade
from reviewer.ledger.money import Money
from reviewer.ledger.prepaid import Prepaid
from reviewer.ledger.published import Published
from reviewer.ledger.reviews import Reviews

_PING: Final = text("SELECT 1")


class Ledger(Reviews, Money, Prepaid, Alerts, Calls, Published):
    """Every table behind one object. Safe between threads, and after a fork."""

    def __init__(self, db: Database) -> None:
        self.db = db

    @classmethod
    def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS) -> Ledger:
        """Open the ledger at an SQLAlchemy URL; nothing is connected before the first use.

        `busy_seconds` is how long a step waits for other writers: less where somebody waits for an answer.

        ConfigurationError for a URL of neither SQLite nor PostgreSQL, or where its driver is missing.
        """
        return cls(Database(url, busy_seconds=busy_seconds))

    def migrate(self) -> str:
        """Bring the tables to this version and return its name; several processes may do so at once.

        ConfigurationError where the tables are of a newer version than the program.
        """
        return upgrade(self.db)

    def ready(self) -> None:
        """Check that the ledger answers and has this version's tables.

        LedgerUnavailable or ConfigurationError says what is wrong.
        """
        require_current(self.db)

    def ping(self) -> None:
        """Check that the database answers; LedgerUnavailable where it does not."""
        self.db.read(lambda connection: connection.execute(_PING).scalar())

    def close(self) -> None:
        """Close this process's connections."""
        self.db.close()
