"""Alerts: each share of a limit is reported once, by whoever sends what is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, or_, select, update

from policies import budgets
from policies.budgets import MAX_AMOUNT, Account, Limit, Scope, Standing, dollars, resets_at
from reviewer.ledger.database import Database
from reviewer.ledger.tables import alerts as t
from reviewer.ledger.units import from_micros, from_picos, to_micros, to_picos

# A receiver that refuses this often is left alone; the alert stays visible in the ledger.
MAX_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class Alert:
    """A limit of which `percent` is gone. `refused` says that a call was turned away because of it."""

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
        whose = f" of {self.subject}" if self.scope is not Scope.RUN else ""
        when = f" in {self.window}" if self.window else ""
        turned = "; calls are being refused" if self.refused else ""
        return (
            f"kilo-review: {self.percent} % of the {self.scope.value} limit{whose}{when} is used "
            f"({dollars(self.spent)} of {dollars(self.limit)}){turned}"
        )

    def payload(self) -> dict[str, object]:
        """Return the JSON of a webhook; `text` is what Slack and its kin show. Amounts are decimal texts."""
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


class Alerts:
    """The alerts that are due. The scheduler sends them."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def due(self, now: datetime, limit: int = 50) -> tuple[Alert, ...]:
        """Return the alerts that nobody was told of yet, oldest first."""
        query = (
            select(t)
            .where(t.c.sent_at.is_(None), t.c.due_at <= to_micros(now), t.c.attempts < MAX_ATTEMPTS)
            .order_by(t.c.id)
            .limit(limit)
        )
        rows = self.db.read(lambda connection: connection.execute(query).all())
        return tuple(
            Alert(
                id=row.id,
                scope=Scope(row.scope),
                subject=row.subject,
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
        """Take an alert before sending it, until `again_at`; False where another clock was faster."""
        statement = (
            update(t)
            .where(
                t.c.id == alert.id,
                t.c.sent_at.is_(None),
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
    connection: Connection,
    db: Database,
    limit: Limit,
    account: Account,
    standing: Standing,
    now: datetime,
    *,
    window: str | None = None,
    refused: bool = False,
) -> None:
    """Write the alerts that a limit has reached, each once per window and amount: a raised limit starts anew.

    A refusal reaches 100 %: since the worst case is reserved first, the money itself may never get there.
    """
    percents = set(standing.crossed(limit.amount, limit.percents))
    if refused:
        percents |= {100} & set(limit.percents)
    if not percents:
        return
    at = to_micros(now)
    connection.execute(
        db.insert(t).on_conflict_do_nothing(),
        [
            {
                "scope": limit.scope.value,
                "subject": account.subject(limit.scope),
                "window": budgets.window(limit.scope, now) if window is None else window,
                "limit_picos": to_picos(limit.amount),
                "percent": percent,
                "spent_picos": to_picos(min(standing.spent + standing.unconfirmed, MAX_AMOUNT)),
                "refused": refused and percent == 100,
                "reached_at": at,
                "due_at": at,
            }
            for percent in sorted(percents)
        ],
    )
