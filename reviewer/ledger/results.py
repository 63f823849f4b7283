"""Results: answers that were paid for, by the hash of everything that they depend on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update

from reviewer.ledger.conceal import Conceal, conceal_json
from reviewer.ledger.database import Database
from reviewer.ledger.tables import unit_results as t
from reviewer.ledger.units import clean, to_micros

# Older results are for code that is no longer pushed.
KEEP: Final = timedelta(days=60)
# How often a result that is in use has its date moved: a read should seldom be a write.
TOUCH_AFTER: Final = timedelta(days=1)
MAX_RESULT: Final = 4 * 1024 * 1024


class Results:
    """Unit results by key, so that nothing is paid for twice: after a crash, a rebase, or locally then hosted.

    A key must name the unit, its context, the policy and the prompt version: the store does not know what they are.
    """

    def __init__(self, db: Database, now: Callable[[], datetime], conceal: Conceal) -> None:
        self.db = db
        self._conceal = conceal
        self._now = now

    def get(self, key: str) -> str | None:
        """Return a stored result, None where there is none."""
        row = self.db.read(
            lambda connection: connection.execute(
                select(t.c.result, t.c.used_at).where(t.c.key == key)
            ).one_or_none()
        )
        if row is None:
            return None
        at = to_micros(self._now())
        if at - row.used_at > TOUCH_AFTER / timedelta(microseconds=1):
            touch = update(t).where(t.c.key == key).values(used_at=at)
            self.db.write(lambda connection: connection.execute(touch).rowcount)
        return str(row.result)

    def put(self, key: str, text: str) -> None:
        """Store a result; one that is stored already is replaced. A result above MAX_RESULT is not kept."""
        if len(text) > MAX_RESULT:
            return
        at = to_micros(self._now())
        values = {"result": clean(conceal_json(text, self._conceal)), "stored_at": at, "used_at": at}
        new = self.db.insert(t).values(key=key, **values)
        statement = new.on_conflict_do_update(index_elements=[t.c.key], set_=values)
        self.db.write(lambda connection: connection.execute(statement).rowcount)

    def prune(self, keep: timedelta = KEEP) -> int:
        """Delete what was not used for `keep`; return how many results that were."""
        old = delete(t).where(t.c.used_at < to_micros(self._now() - keep))
        return self.db.write(lambda connection: int(connection.execute(old).rowcount))
