"""Check what keeps the state: the Redis of the queue and the database of the ledger."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from reviewer.settings import Settings
from webhooks.doctor.outcome import Outcome, broken, ok, warning

BUSY_SECONDS: Final = 3.0


def check_redis(settings: Settings) -> Iterator[Outcome]:
    """Check that Redis answers, keeps a job that is handed over, and forgets none."""
    # Imported here: a fault of the settings is told without them.
    import redis  # noqa: PLC0415

    from reviewer.processes.worker import LEAST_REDIS  # noqa: PLC0415
    from reviewer.queue.address import queue_url  # noqa: PLC0415
    from reviewer.queue.queue import connect  # noqa: PLC0415

    client = connect(queue_url(settings))
    try:
        info: Any = client.info()
    except redis.AuthenticationError:
        yield broken("redis", "Redis refuses the password in REDIS_URL", "Correct user and password in REDIS_URL.")
        return
    except redis.RedisError as error:
        yield broken(
            "redis",
            f"Redis at REDIS_URL does not answer ({type(error).__name__})",
            "Start it, or correct REDIS_URL; a rediss:// address needs TLS on the other side.",
        )
        return
    finally:
        client.close()
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < LEAST_REDIS:
        least = ".".join(map(str, LEAST_REDIS))
        yield broken("redis", f"Redis {version} can lose a job", f"Use Redis or Valkey {least} or newer.")
    else:
        yield ok("redis", f"Redis {version} answers")
    if info.get("loading"):
        yield warning("redis persistence", "Redis still loads its file", "Wait, and look again.")
    elif not info.get("aof_enabled"):
        yield warning(
            "redis persistence",
            "the append-only file is off: a restart of Redis forgets the queue",
            "Set `appendonly yes`; until then the clock rebuilds the queue from the ledger.",
        )
    elif info.get("aof_last_write_status") not in (None, "ok"):
        yield broken(
            "redis persistence", "Redis cannot write its append-only file", "Look at its disk and its log."
        )
    else:
        yield ok("redis persistence", "append-only file")
    evicts = str(info.get("maxmemory_policy", "noeviction"))
    if info.get("maxmemory") and evicts != "noeviction":
        yield warning(
            "redis memory", f"a full Redis throws jobs out ({evicts})", "Set `maxmemory-policy noeviction`."
        )


def check_ledger(settings: Settings) -> Iterator[Outcome]:
    """Check that the ledger answers and has this version's tables."""
    # Imported here: the database library is loaded only where it is needed.
    from reviewer.ledger.ledger import Ledger  # noqa: PLC0415

    kind = "SQLite" if settings.database_url.startswith("sqlite") else "PostgreSQL"
    with contextlib.closing(Ledger.open(settings.database_url, busy_seconds=BUSY_SECONDS)) as ledger:
        ledger.ready()
    if kind == "SQLite" and settings.redis_url:
        yield warning(
            "ledger",
            "SQLite is current, and REDIS_URL is set",
            "One file serves one machine; set DATABASE_URL to a PostgreSQL before a second one joins.",
        )
        return
    yield ok("ledger", f"{kind} with the tables of this version")
