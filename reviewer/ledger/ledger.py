"""Keep the record of reviews and money, in one SQLite file or one PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from reviewer.ledger.alerts import Alerts
from reviewer.ledger.backlog import Backlog
from reviewer.ledger.calls import Calls
from reviewer.ledger.conceal import Conceal, nothing
from reviewer.ledger.cursors import Cursors
from reviewer.ledger.database import BUSY_SECONDS, Database
from reviewer.ledger.dismissals import Dismissals
from reviewer.ledger.facts import Facts
from reviewer.ledger.findings import Findings
from reviewer.ledger.migrations import require_current, upgrade
from reviewer.ledger.money import Money
from reviewer.ledger.pauses import Pauses
from reviewer.ledger.prepaid import Prepaid
from reviewer.ledger.publications import Publications
from reviewer.ledger.requests import Requests
from reviewer.ledger.results import Results
from reviewer.ledger.reviews import Reviews
from reviewer.ledger.statistics import Statistics


class Ledger:
    """Every table, by what it is for: `ledger.reviews.begin(…)`. Safe between threads, and after a fork."""

    def __init__(self, db: Database, conceal: Conceal = nothing) -> None:
        self.db = db
        self._conceal = conceal
        # Work: what was asked for, who may go on with it, what the scheduler looks after.
        self.requests = Requests(db, conceal)
        self.reviews = Reviews(db, conceal)
        self.facts = Facts(db, conceal)
        self.backlog = Backlog(db)
        # Money: what is reserved and paid, what was paid in advance, alerts about limits, the calls themselves.
        self.money = Money(db, conceal)
        self.prepaid = Prepaid(db)
        self.alerts = Alerts(db)
        self.calls = Calls(db)
        self.statistics = Statistics(db)
        # GitHub: what is published there, and how far its lists were read.
        self.publications = Publications(db)
        self.findings = Findings(db, conceal)
        self.cursors = Cursors(db)
        # People: what they dismissed, and where they want no automatic reviews.
        self.dismissals = Dismissals(db, conceal)
        self.pauses = Pauses(db)

    @classmethod
    def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS, conceal: Conceal = nothing) -> Ledger:
        """Open the ledger at an SQLAlchemy URL; nothing is connected before the first use.

        `busy_seconds` is how long a step waits for other writers: less where a caller waits for an answer.
        `conceal` takes the secrets out of every text of a model, a fault or a finding before it is stored.

        ConfigurationError for a URL of neither SQLite nor PostgreSQL, or where its driver is missing.
        """
        return cls(Database(url, busy_seconds=busy_seconds), conceal)

    def results(self, now: Callable[[], datetime]) -> Results:
        """Return the store of answers that were paid for; `now` dates their use."""
        return Results(self.db, now, self._conceal)

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

    def close(self) -> None:
        """Close this process's connections."""
        self.db.close()
