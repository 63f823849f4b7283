"""Databases of our own on the PostgreSQL server that the tests were given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from reviewer.ledger.database import Database


@contextmanager
def database_url(kind: str, server: str, name: str) -> Iterator[str]:
    """A PostgreSQL database of this name, dropped afterwards; "" for SQLite, which is a file of the service."""
    if kind == "sqlite":
        yield ""
        return
    address = make_url(Database(server).url)
    admin = create_engine(address, isolation_level="AUTOCOMMIT")

    def run(statement: str) -> None:
        with admin.connect() as connection:
            connection.execute(text(statement))

    run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    run(f"CREATE DATABASE {name}")
    try:
        yield address.set(database=name).render_as_string(hide_password=False)
    finally:
        run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.dispose()
