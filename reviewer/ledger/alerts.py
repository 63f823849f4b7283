"""Alerts: each share of a limit, and the first refused call, is reported once while it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, and_, or_, select, update

from policies.budgets import MAX_AMOUNT, Scope, Standing, dollars, resets_at
from reviewer.ledger.database import Database
from reviewer.ledger.tables import alerts as t
from reviewer.ledger.units import from_micros, from_picos, to_micros, to_picos

# A receiver that refuses this often is left alone; the alert stays visible in the ledger.
MAX_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class Alert:
    """A limit of which `percent` is gone, or, where `refused`, that left no room for a call.

    `subject` is a name. `spent` is the money gone: paid, or possibly paid without a bill that was seen.
    """

    id: int
    scope: Scope
    subject: str
    window: str
    percent: int
    limit: Decimal
    spent: Decimal
    refused: bool
    reached_at: datetime
    attempts: int = 0

    @property
    def text(self) -> str:
        """One sentence for a chat channel."""
        kind = "prepaid balance" if self.scope is Scope.PREPAID else f"{self.scope.value} limit"
        whose = f" of {self.subject}" if self.scope is not Scope.RUN else ""
        when = f" in {self.window}" if self.window else ""
        used = f"({dollars(self.spent)} of {dollars(self.limit)})"
        if self.refused:
            return f"kilo-review: calls are being refused: the {kind}{whose}{when} leaves too little {used}"
        return f"kilo-review: {self.percent} % of the {kind}{whose}{when} is used {used}"

    def payload(self) -> dict[str, object]:
        """Return the JSON of a webhook; `text` is what Slack and compatible receivers show."""
        end = resets_at(self.scope, self.reached_at)
        return {
            "text": self.text,
            "type": "budget.alert",
            "id": self.id,
            "scope": self.scope.value,
            "subject": self.subject,
            "window": self.window,
            "percent": self.percent,
            "limit_usd": f"{self.limit:f}",
            "spent_usd": f"{self.spent:f}",
            "refused": self.refused,
            "reached_at": self.reached_at.isoformat(),
            "resets_at": None if end is None else end.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much of one limit is gone. `subject` is the counter's key, `name` what people call it."""

    scope: Scope
    subject: str
    name: str
    window: str
    limit: Decimal
    gone: Decimal
    percents: tuple[int, ...]


class Alerts:
    """The alerts that are due. The scheduler sends them."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def due(self, now: datetime, limit: int = 50) -> tuple[Alert, ...]:
        """Return the alerts that were not sent yet and that still hold, oldest first."""
        query = (
            select(t)
            .where(t.c.sent_at.is_(None), t.c.ended_at.is_(None))
            .where(t.c.due_at <= to_micros(now), t.c.attempts < MAX_ATTEMPTS)
            .order_by(t.c.id)
            .limit(limit)
        )
        rows = self.db.read(lambda connection: connection.execute(query).all())
        return tuple(
            Alert(
                id=row.id,
                scope=Scope(row.scope),
                subject=row.name or row.subject,
                window=row.window,
                percent=row.percent,
                limit=from_picos(row.limit_picos),
                spent=from_picos(row.spent_picos),
                refused=row.refused,
                reached_at=from_micros(row.reached_at),
                attempts=row.attempts,
            )
            for row in rows
        )

    def claim(self, alert: Alert, now: datetime, again_at: datetime) -> bool:
        """Take an alert before sending it, until `again_at`; False where another scheduler was faster."""
        statement = (
            update(t)
            .where(
                t.c.id == alert.id,
                t.c.sent_at.is_(None),
                t.c.ended_at.is_(None),
                or_(t.c.due_at.is_(None), t.c.due_at <= to_micros(now)),
            )
            .values(due_at=to_micros(again_at), attempts=t.c.attempts + 1)
        )
        return self.db.write(lambda connection: connection.execute(statement).rowcount == 1)

    def sent(self, alert_id: int, now: datetime) -> None:
        """Record that the receiver took an alert; it is not due again."""
        statement = update(t).where(t.c.id == alert_id).values(sent_at=to_micros(now))
        self.db.write(lambda connection: connection.execute(statement).rowcount)


def record_alerts(
    connection: Connection, db: Database, gauge: Gauge, now: datetime, *, refused: bool = False
) -> None:
    """Write the alerts that a limit has reached, each once while it holds: a raised limit starts anew.

    A refusal is reported beside the shares, by limits that report 100 %: the worst case is reserved first, so the
    money itself may never get there.
    """
    percents = [(percent, False) for percent in Standing(spent=gauge.gone).crossed(gauge.limit, gauge.percents)]
    if refused and 100 in gauge.percents:
        percents.append((100, True))
    if not percents:
        return
    at = to_micros(now)
    connection.execute(
        db.insert(t).on_conflict_do_nothing(),
        [
            {
                "scope": gauge.scope.value,
                "subject": gauge.subject,
                "name": gauge.name,
                "window": gauge.window,
                "limit_picos": to_picos(gauge.limit),
                "percent": percent,
                "spent_picos": to_picos(min(gauge.gone, MAX_AMOUNT)),
                "refused": turned_away,
                "reached_at": at,
                "due_at": at,
            }
            for percent, turned_away in percents
        ],
    )


def end_alerts(connection: Connection, gauge: Gauge, now: datetime) -> None:
    """End the alerts of a limit whose shares are no longer reached, so that they are reported when reached again.

    A refusal was one and stays reported, until nothing of the limit is gone.
    """
    reached = Standing(spent=gauge.gone).crossed(gauge.limit, gauge.percents)
    over = (
        t.c.percent.not_in(reached)
        if gauge.gone == 0
        else and_(t.c.refused.is_(False), t.c.percent.not_in(reached))
    )
    connection.execute(
        update(t)
        .where(
            t.c.scope == gauge.scope.value,
            t.c.subject == gauge.subject,
            t.c.window == gauge.window,
            t.c.ended_at.is_(None),
            over,
        )
        .values(ended_at=to_micros(now))
    )
