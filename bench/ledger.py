"""CPU time of the ledger's hot paths on SQLite, beside the same durable row by sqlite3 alone and by the ORM.

`accept` is what a webhook waits for; `call` is a reservation against five limits and its settlement. Figures are
user + system time of this process, the median of rounds that take turns, so that a busy machine disturbs all alike.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from policies.budgets import Account, Limit, Scope
from policies.words import Payment, Tier
from reviewer.ledger.keys import ReviewKey
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.terms import Terms
from reviewer.models.meter import CallIntent
from reviewer.models.model import Call, Candidate, Stage, Usage

ROUNDS, EACH = 7, 100
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KEY = ReviewKey(installation_id=1, repo_id=2, number=0, head_sha="a" * 40)
PAYLOAD: dict[str, object] = {"title": "A change", "body": "x" * 500, "head": {"sha": "a" * 40}}
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
LIMITS = (
    Limit(Scope.RUN, Decimal(1000)),
    Limit(Scope.PULL_REQUEST, Decimal(1000)),
    Limit(Scope.USER_DAY, Decimal(1000)),
    Limit(Scope.REPOSITORY_MONTH, Decimal(1000)),
    Limit(Scope.ORGANISATION_MONTH, Decimal(1000)),
)
ACCOUNT = Account("1", "2#3", "bob", "acme/app", "acme")
CANDIDATE = Candidate(Tier.EFFICIENT, "kilo", "v/m", Payment.GATEWAY, "openai", "http://x", 8192, 1024)
INTENT = CallIntent("u1", Stage.REVIEW, Tier.EFFICIENT, CANDIDATE, 1)
CALL = Call(
    "u1",
    Stage.REVIEW,
    Tier.EFFICIENT,
    "kilo",
    "v/m",
    Payment.GATEWAY,
    Usage(1000, 0, 0, 50),
    Decimal("0.0001"),
    12,
    1,
    ok=True,
)


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "rows"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    head_sha: Mapped[str]
    payload: Mapped[str]


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(f"sqlite:///{folder}/ledger.sqlite")
        ledger.migrate()
        paths = {
            "accept_new": lambda n: ledger.requests.accept(
                replace(KEY, number=n), actor="bob", payload=PAYLOAD, now=NOW
            ),
            "accept_known": lambda _: ledger.requests.accept(KEY, actor="bob", payload=PAYLOAD, now=NOW),
            "call": lambda n: _call(ledger, n),
            "sqlite3_row": _sqlite3(folder),
            "orm_row": _orm(folder),
        }
        ledger.requests.accept(KEY, actor="bob", payload=PAYLOAD, now=NOW)
        times: dict[str, list[float]] = {name: [] for name in paths}
        count = 1
        for round_ in range(ROUNDS + 1):
            for name, step in paths.items():
                began = time.process_time()
                for _ in range(EACH):
                    step(count)
                    count += 1
                if round_:  # the first one warms up
                    times[name].append((time.process_time() - began) / EACH * 1000)
        ledger.close()
    ms = {name: statistics.median(rounds) for name, rounds in times.items()}
    return {
        **{f"{name}_cpu_ms": round(value, 3) for name, value in ms.items()},
        "aim_accept_cpu_ms": 0.5,
        "accept_to_sqlite3": round(ms["accept_new"] / ms["sqlite3_row"], 2),
        "accept_to_orm": round(ms["accept_new"] / ms["orm_row"], 2),
        "each": ROUNDS * EACH,
    }


def _call(ledger: Ledger, number: int) -> None:
    reservation = f"r{number}"
    ledger.money.reserve(reservation, Decimal("0.001"), INTENT, Terms(ACCOUNT, LIMITS), NOW)
    ledger.money.settle(reservation, CALL, NOW)


def _sqlite3(folder: str) -> Callable[[int], object]:
    connection = sqlite3.connect(f"{folder}/plain.sqlite", isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, number UNIQUE, head_sha, payload)")
    insert = "INSERT INTO rows (number, head_sha, payload) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"

    def step(number: int) -> object:
        connection.execute("BEGIN IMMEDIATE")
        row = connection.execute(insert, (number, KEY.head_sha, json.dumps(PAYLOAD))).fetchone()
        connection.execute("COMMIT")
        return row

    return step


def _orm(folder: str) -> Callable[[int], object]:
    engine = create_engine(f"sqlite:///{folder}/orm.sqlite")

    @event.listens_for(engine, "connect")
    def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    Base.metadata.create_all(engine)

    def step(number: int) -> object:
        with Session(engine) as session:
            row = Row(number=number, head_sha=KEY.head_sha, payload=json.dumps(PAYLOAD))
            session.add(row)
            session.commit()
            return row.id

    return step


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
