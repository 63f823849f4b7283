"""How long each query of reviewer/ledger/books takes over 100,000 reviews and 2,000,000 calls, in milliseconds.

`python -m bench.books` prints a table; `--url` names an empty database, by default a new SQLite file. A quarter of
the queries is asked as the operator, the others as one of 20 organisations. `--reviews` makes it smaller.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, insert, text

from reviewer.ledger import rollup
from reviewer.ledger.books.budgets import budgets
from reviewer.ledger.books.overview import overview
from reviewer.ledger.books.reviews import ReviewFilter, review, reviews
from reviewer.ledger.books.spend import GROUPS, models, spend
from reviewer.ledger.books.visible import OPERATOR, Visible
from reviewer.ledger.books.window import Page, Window
from reviewer.ledger.books.work import deliveries, queue
from reviewer.ledger.database import Database
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.tables import counters, findings, review_facts
from reviewer.ledger.tables import reviews as rows
from reviewer.ledger.units import to_micros

NOW: Final = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAYS: Final = 180
ORGANISATIONS, REPOSITORIES, PEOPLE = 20, 10, 30
BATCH: Final = 2000
AIM_MS: Final = 300


def fill(db: Database, count: int, each: int) -> None:
    """Write `count` reviews over DAYS with `each` calls and three findings; sums are made at the end, once."""
    db.write(rollup.drop_triggers)
    chance = random.Random(7)
    for start in range(1, count + 1, BATCH):
        ids = range(start, min(start + BATCH, count + 1))
        db.write(lambda connection, ids=ids: _batch(connection, chance, ids, count, each))
    db.write(_counters)
    db.write(rollup.fill)
    db.write(rollup.create_triggers)


def _batch(connection: Connection, chance: random.Random, ids: range, count: int, each: int) -> None:
    made = [_review(chance, number, count) for number in ids]
    connection.execute(insert(rows), made)
    connection.execute(insert(review_facts), [_facts(chance, row) for row in made])
    numbers = " UNION ALL SELECT ".join(f"{n} AS n" for n in range(each))
    connection.execute(text(_CALLS.format(numbers=numbers)), {"start": ids.start, "stop": ids.stop})
    connection.execute(insert(findings), [_finding(chance, row, n) for row in made for n in range(3)])


def _review(chance: random.Random, number: int, count: int) -> dict[str, Any]:
    at = to_micros(NOW - timedelta(days=DAYS) * (1 - number / count))
    organisation = chance.randrange(ORGANISATIONS)
    repository = organisation * REPOSITORIES + chance.randrange(REPOSITORIES) + 1
    return {
        "id": number,
        "installation_id": organisation + 1,
        "repo_id": repository,
        "number": number % 5000,
        "head_sha": f"{number:040x}",
        "trigger": "auto",
        "actor": f"dev-{organisation}-{chance.randrange(PEOPLE)}",
        "payload": f'{{"repository": "org{organisation}/repo{repository}", "verb": "review"}}',
        "state": "published" if number < count - 200 else "accepted",
        "accepted_at": at,
        "updated_at": at + 60_000_000,
    }


def _facts(chance: random.Random, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "review_id": row["id"],
        "title": f"Change {row['id']} of the parser",
        "author": row["actor"],
        "repository": f"org{row['installation_id'] - 1}/repo{row['repo_id']}",
        "kind": chance.choice(("code", "tests", "documentation", "sensitive")),
        "status": "complete",
        "complete": chance.random() < 0.9,
        "coverage_permille": chance.randrange(500, 1001),
        "escalations": chance.randrange(3),
        "stored_at": row["updated_at"],
    }


# In the database, where two million rows take a minute. `mix` is a number that looks like chance.
_CALLS: Final = """
INSERT INTO calls (reservation, state, review_id, run, pull_request, actor, repository, organisation, repository_id,
    organisation_id, reserved_picos, cost_picos, unit, stage, tier, provider, model, payment, attempt, input_tokens,
    cache_read_tokens, output_tokens, latency_ms, ok, failed_check, opened_at, expires_at)
SELECT id || '-' || n, 'settled', id, CAST(id AS TEXT), repo_id || '#' || number, actor,
    'repo' || repo_id, 'org' || installation_id, repo_id, installation_id + 1000, 100000000000, mix * 10000,
    'u' || n, 'review', mix % 4, 'kilo', 'vendor/model-' || (mix % 6), 'gateway',
    CASE WHEN mix % 20 = 0 THEN 2 ELSE 1 END, 4000, 1500, 300, 200 + mix % 30000, mix % 33 <> 0,
    CASE WHEN mix % 31 = 0 THEN 'parse' END, accepted_at + n * 1000000, accepted_at + 900000000
FROM (SELECT r.*, n.n, (r.id * 7919 + n.n * 104729) % 1000003 AS mix FROM reviews r CROSS JOIN
    (SELECT {numbers}) AS n WHERE r.id >= :start AND r.id < :stop) AS each_call
"""


def _finding(chance: random.Random, row: dict[str, Any], place: int) -> dict[str, Any]:
    outcome = chance.choice(("accepted", "dismissed", "ignored", "unknown"))
    return {
        "repo_id": row["repo_id"],
        "number": row["number"],
        "fingerprint": f"{row['id']}-{place}",
        "review_id": row["id"],
        "path": "src/parser.py",
        "line": place,
        "title": "Division by zero",
        "body": "",
        "severity": 2,
        "category": "bug",
        "source": "model",
        "state": "open",
        "raised_at": row["updated_at"],
        "updated_at": row["updated_at"],
        "outcome": outcome,
        "outcome_at": None if outcome == "unknown" else row["updated_at"] + 3_600_000_000,
    }


def _counters(connection: Connection) -> None:
    """Write this month's limits of each organisation and repository, and a past that has many more, with holds."""
    number = 0
    months = [f"2026-{month:02}" for month in range(5, 12)]
    for month in months:
        for organisation in range(ORGANISATIONS):
            for scope, subject in (
                ("organisation-month", f"id:{organisation + 1001}"),
                *(
                    ("repository-month", f"id:{organisation * REPOSITORIES + place + 1}")
                    for place in range(REPOSITORIES)
                ),
            ):
                number += 1
                row = {"id": number, "scope": scope, "subject": subject, "window": month, "spent_picos": 10**12}
                connection.execute(insert(counters), row)
    for owner, scope, place in (
        ("organisation_id", "organisation-month", 0),
        ("repository_id", "repository-month", 1),
    ):
        connection.execute(
            text(
                "INSERT INTO holds (call_id, counter_id, limit_picos) "
                "SELECT c.id, k.id, 5000000000000 FROM calls c JOIN counters k "
                f"ON k.subject = 'id:' || c.{owner} AND k.scope = '{scope}' AND k.\"window\" = '2026-11' "
                f"WHERE c.id % 7 = {place}"
            )
        )


def queries(db: Database, chance: random.Random, count: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """Return each query once, as the operator or as an organisation, over a time that is drawn out."""
    operator = chance.random() < 0.25
    visible = OPERATOR if operator else Visible(frozenset({chance.randrange(ORGANISATIONS) + 1}))
    window = Window.last(NOW - timedelta(days=chance.randrange(100)), 30)
    page = Page(50)
    yield "overview", lambda: overview(db, visible, window)
    yield "reviews, newest", lambda: reviews(db, visible, window, ReviewFilter(), page)
    wanted = ReviewFilter(repository=f"org3/repo{chance.randrange(31, 41)}")
    yield "reviews of a repository", lambda: reviews(db, visible, window, wanted, page)
    yield "reviews by text", lambda: reviews(db, visible, window, ReviewFilter(text="nothing has this"), page)
    dear = ReviewFilter(cost_at_least=Decimal("0.14"), coverage_below=0.6)
    yield "reviews by cost and coverage", lambda: reviews(db, visible, window, dear, page)
    yield "review", lambda: review(db, OPERATOR, chance.randrange(1, count))
    for group in GROUPS:
        yield f"spend by {group}", lambda group=group: spend(db, visible, window, group)
    yield "models", lambda: models(db, visible, window)
    yield "budgets", lambda: budgets(db, visible, NOW)
    yield "deliveries", lambda: deliveries(db, visible, window, page)
    yield "queue", lambda: queue(db, visible, NOW)


def measure(db: Database, count: int, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each query, sorted, over a number of rounds."""
    chance = random.Random(11)
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, query in queries(db, chance, count):
            start = time.perf_counter()
            query()
            taken.setdefault(name, []).append((time.perf_counter() - start) * 1000)
    return {name: sorted(times) for name, times in taken.items()}


def main(argv: list[str] | None = None) -> int:
    """Fill a database and print what each query takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="", help="an empty database (default: a new SQLite file)")
    parser.add_argument("--reviews", type=int, default=100_000)
    parser.add_argument("--calls-each", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(options.url or f"sqlite:///{Path(folder) / 'books.sqlite'}")
        ledger.migrate()
        start = time.perf_counter()
        fill(ledger.db, options.reviews, options.calls_each)
        if not ledger.db.is_sqlite:
            ledger.db.write(lambda connection: connection.execute(text("ANALYZE")).rowcount)
        total = options.reviews * options.calls_each
        print(f"{options.reviews} reviews, {total} calls in {time.perf_counter() - start:.0f} s", flush=True)
        for name, times in measure(ledger.db, options.reviews, options.rounds).items():
            p95 = times[min(len(times) - 1, math.ceil(0.95 * len(times)) - 1)]
            late = "" if p95 <= AIM_MS else f"  above {AIM_MS}"
            print(f"{name:<30} p50 {times[len(times) // 2]:7.1f}  p95 {p95:7.1f}{late}", flush=True)
        ledger.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
