"""Keep sums of calls for each day and each review, in the transaction that writes the call, by database triggers.

A bill that arrives late, or a quality check that is noted later, moves the sums of the day on which the call was
opened. Calls that are still under way, or were never sent, are in no sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, text

# Upper ends of the latency buckets in milliseconds, each 1.41 times the one before; the last bucket has no end.
BUCKET_ENDS: Final = tuple(round(250 * 2 ** (step / 2)) for step in range(21))
LATENCY_COLUMNS: Final = tuple(f"latency_{place}" for place in range(len(BUCKET_ENDS) + 1))
DAY_MICROS: Final = 86_400_000_000

_NOT_COUNTED: Final = "('held', 'released')"
# Column of the sums -> what one call adds to it; {row} is NEW or OLD.
_SUMS: Final = {
    "calls": "1",
    "ok": "CASE WHEN {row}.ok THEN 1 ELSE 0 END",
    "retries": "CASE WHEN {row}.attempt > 1 THEN 1 ELSE 0 END",
    "checks_failed": "CASE WHEN {row}.failed_check IS NULL THEN 0 ELSE 1 END",
    "frontier": "CASE WHEN {row}.tier >= 3 THEN 1 ELSE 0 END",
    "cached_results": "CASE WHEN {row}.cached_result THEN 1 ELSE 0 END",
    "input_tokens": "{row}.input_tokens",
    "cache_read_tokens": "{row}.cache_read_tokens",
    "cache_write_tokens": "{row}.cache_write_tokens",
    "output_tokens": "{row}.output_tokens",
    "reasoning_tokens": "{row}.reasoning_tokens",
    "cost_picos": "COALESCE({row}.cost_picos, 0)",
    "unconfirmed_picos": "CASE WHEN {row}.state = 'unconfirmed' THEN COALESCE({row}.reserved_picos, 0) ELSE 0 END",
    "unpriced": "CASE WHEN {row}.reserved_picos IS NULL AND {row}.cost_picos IS NULL THEN 1 ELSE 0 END",
    "latency_ms": "{row}.latency_ms",
}
SUM_COLUMNS: Final = tuple(_SUMS)
_DAY_KEY: Final = {
    "day": "{row}.opened_at / 86400000000",
    "installation_id": "COALESCE((SELECT r.installation_id FROM reviews r WHERE r.id = {row}.review_id), 0)",
    "repository_id": "{row}.repository_id",
    "repository": "{row}.repository",
    "actor": "{row}.actor",
    "provider": "{row}.provider",
    "model": "{row}.model",
}
DAY_KEY: Final = tuple(_DAY_KEY)
_REVIEW_KEY: Final = {"review_id": "{row}.review_id"}


def create_triggers(connection: Connection) -> None:
    """Make the triggers; a migration that makes `calls` anew on SQLite has to call this again."""
    if connection.dialect.name == "postgresql":
        body = "\n".join(
            (
                "IF TG_OP <> 'INSERT' THEN",
                *(f"{statement};" for statement in _subtract()),
                "END IF;",
                "IF TG_OP <> 'DELETE' THEN",
                *(f"{statement};" for statement in _add()),
                "END IF;",
                "RETURN NULL;",
            )
        )
        connection.execute(
            text(
                "CREATE OR REPLACE FUNCTION kilo_review_sum_calls() RETURNS trigger LANGUAGE plpgsql AS "
                f"$sum$ BEGIN {body} END $sum$"
            )
        )
        connection.execute(
            text(
                "CREATE TRIGGER calls_summed AFTER INSERT OR UPDATE OR DELETE ON calls "
                "FOR EACH ROW EXECUTE FUNCTION kilo_review_sum_calls()"
            )
        )
        return
    for event, statements in (
        ("INSERT", tuple(_add())),
        ("UPDATE", (*_subtract(), *_add())),
        ("DELETE", tuple(_subtract())),
    ):
        body = " ".join(f"{statement};" for statement in statements)
        # Not text(): the statement holds no parameter, and SQLAlchemy would look for some after each colon.
        connection.exec_driver_sql(
            f"CREATE TRIGGER calls_summed_{event.lower()} AFTER {event} ON calls BEGIN {body} END"
        )


def drop_triggers(connection: Connection) -> None:
    """Remove the triggers."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("DROP TRIGGER IF EXISTS calls_summed ON calls"))
        connection.execute(text("DROP FUNCTION IF EXISTS kilo_review_sum_calls()"))
        return
    for event in ("insert", "update", "delete"):
        connection.execute(text(f"DROP TRIGGER IF EXISTS calls_summed_{event}"))


def fill(connection: Connection) -> None:
    """Add up the calls that are there already; both tables have to be empty."""
    for table, key, sums, where in _tables():
        names = ", ".join((*key, *sums))
        keys = ", ".join(term.format(row="c") for term in key.values())
        adds = ", ".join(f"SUM({term.format(row='c')})" for term in sums.values())
        groups = ", ".join(str(place) for place in range(1, len(key) + 1))
        connection.execute(
            text(
                f"INSERT INTO {table} ({names}) SELECT {keys}, {adds} FROM calls c "  # noqa: S608 - our own words
                f"WHERE c.state NOT IN {_NOT_COUNTED}{where.format(row='c')} GROUP BY {groups}"
            )
        )


def _tables() -> Iterator[tuple[str, dict[str, str], dict[str, str], str]]:
    yield "call_days", _DAY_KEY, {**_SUMS, **_latencies()}, ""
    yield "call_reviews", _REVIEW_KEY, _SUMS, " AND {row}.review_id IS NOT NULL"


def _latencies() -> dict[str, str]:
    starts = (None, *BUCKET_ENDS)
    ends = (*BUCKET_ENDS, None)
    terms = {}
    for column, start, end in zip(LATENCY_COLUMNS, starts, ends, strict=True):
        above = "" if start is None else f"{{row}}.latency_ms > {start}"
        below = "" if end is None else f"{{row}}.latency_ms <= {end}"
        terms[column] = f"CASE WHEN {' AND '.join(filter(None, (above, below)))} THEN 1 ELSE 0 END"
    return terms


def _add() -> Iterator[str]:
    for table, key, sums, where in _tables():
        names = ", ".join((*key, *sums))
        values = ", ".join(term.format(row="NEW") for term in (*key.values(), *sums.values()))
        moved = ", ".join(f"{column} = {table}.{column} + excluded.{column}" for column in sums)
        yield (
            f"INSERT INTO {table} ({names}) SELECT {values} "
            f"WHERE NEW.state NOT IN {_NOT_COUNTED}{where.format(row='NEW')} "
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {moved}"
        )


def _subtract() -> Iterator[str]:
    for table, key, sums, where in _tables():
        moved = ", ".join(f"{column} = {column} - {term.format(row='OLD')}" for column, term in sums.items())
        found = " AND ".join(f"{column} = {term.format(row='OLD')}" for column, term in key.items())
        yield (
            f"UPDATE {table} SET {moved} "  # noqa: S608 - our own words
            f"WHERE {found} AND OLD.state NOT IN {_NOT_COUNTED}{where.format(row='OLD')}"
        )
