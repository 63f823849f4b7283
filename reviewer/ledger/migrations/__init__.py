"""Migrations of the ledger: Alembic scripts in the package, run by the program itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from reviewer.errors import ConfigurationError
from reviewer.ledger.database import Database

# The newest script in versions/. Named here so that a start on current tables does not import Alembic.
HEAD: Final = "0006"
# An arbitrary constant: the lock that only one migration holds, https://www.postgresql.org/docs/current/explicit-locking.html
_ADVISORY_LOCK: Final = 6_021_973_441


def upgrade(db: Database) -> str:
    """Bring the tables to HEAD in one transaction, whoever else tries; return HEAD.

    ConfigurationError for tables of a newer program; LedgerUnavailable where the database does not answer.
    """
    if db.read(version) != HEAD:
        db.rebuild(_upgrade)
    return HEAD


def require_current(db: Database) -> None:
    """Check that the tables are this version's; ConfigurationError names the command that makes them so."""
    found = db.read(version)
    if found != HEAD:
        _refuse_newer(found)
        raise ConfigurationError(
            f"the ledger's tables are of version {found or 'none'}, this program needs {HEAD}",
            remedy="Run: kilo-review migrate",
        )


def version(connection: Connection) -> str | None:
    """Return the version of the tables, None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - 0.1 s that only a migration needs
    from alembic.config import Config  # noqa: PLC0415

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    found = version(connection)
    if found == HEAD:
        return
    _refuse_newer(found)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def _refuse_newer(found: str | None) -> None:
    # Versions are numbered, so that an older program knows a newer database when it sees one.
    if found is not None and found > HEAD:
        raise ConfigurationError(
            f"the ledger's tables are of version {found}, this program only knows {HEAD}",
            remedy="Upgrade kilo-review, or point DATABASE_URL at another database.",
        )
