"""Write the tables of a new ledger in SQLite, as the migrations make them, to `reviewer/ledger/schema.sql`.

Run it after a migration is added: a test compares. A local run starts from that file, because Alembic and
SQLAlchemy take longer to load than its first steps, and are not part of a base installation.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Final

from reviewer.ledger.ledger import Ledger

TARGET: Final = Path(__file__).resolve().parent.parent / "reviewer" / "ledger" / "schema.sql"
HEAD: Final = "-- Tables of a new ledger in SQLite. Written by tools/ledger_schema.py from the migrations.\n"


def schema() -> str:
    """Return the statements that make a ledger of the newest version."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.sqlite"
        ledger = Ledger.open(f"sqlite:///{file}")
        version = ledger.migrate()
        ledger.close()
        connection = sqlite3.connect(file)
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
        connection.close()
    statements = "".join(f"{_in_order(' '.join(row[0].split()))};\n" for row in rows)
    return f"{HEAD}{statements}INSERT INTO alembic_version VALUES ('{version}');\n"


def _in_order(statement: str) -> str:
    """Sort the constraints of a table: Alembic writes those of a table that it made anew in no order of its own."""
    if not statement.startswith("CREATE TABLE"):
        return statement
    inner = statement.removesuffix(" )")
    columns, *constraints = inner.split(", CONSTRAINT ")
    return ", CONSTRAINT ".join([columns, *sorted(constraints)]) + " )"


if __name__ == "__main__":
    TARGET.write_text(schema(), "utf-8")
    sys.stdout.write(f"{TARGET.name} written\n")
