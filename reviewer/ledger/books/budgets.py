"""The limits of repositories, organisations and users in their present windows, balances, and alerts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, and_, func, or_, select, tuple_

from policies.budgets import DAILY, MONTHLY, Scope, resets_at, window
from reviewer.ledger.books.visible import Visible
from reviewer.ledger.books.window import MAX_ROWS, day_text
from reviewer.ledger.database import Database
from reviewer.ledger.rollup import DAY_MICROS
from reviewer.ledger.tables import alerts as a
from reviewer.ledger.tables import call_days as d
from reviewer.ledger.tables import calls as c
from reviewer.ledger.tables import counters as k
from reviewer.ledger.tables import credit_table as credits_
from reviewer.ledger.tables import holds as h
from reviewer.ledger.tables import prepaid_accounts as p
from reviewer.ledger.tables import reviews as r
from reviewer.ledger.units import from_micros, from_picos, to_micros

# A user may work in several organisations, whose spend is no business of each other: shown to the operator only.
_OF_REPOSITORY: Final = (Scope.REPOSITORY_DAY.value, Scope.REPOSITORY_MONTH.value)
_OF_ORGANISATION: Final = Scope.ORGANISATION_MONTH.value


@dataclass(frozen=True, slots=True)
class DaySpend:
    """What was paid on one day, as far as bills are known."""

    day: str
    known_usd: Decimal


@dataclass(frozen=True, slots=True)
class LimitLine:
    """A limit in its present window. `limit_usd` and `left_usd` are None where nothing limits the spend.

    `used_usd` is paid, held by calls under way, or held for calls whose bill did not arrive. `days` is the spend of
    each day of a month's limit; empty for a limit of a day.
    """

    scope: str
    subject: str
    window: str
    limit_usd: Decimal | None
    used_usd: Decimal
    left_usd: Decimal | None
    resets_at: datetime | None
    days: tuple[DaySpend, ...]


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """What an organisation paid in advance and has left, less what it owes."""

    organisation: str
    left_usd: Decimal
    debt_usd: Decimal


@dataclass(frozen=True, slots=True)
class AlertLine:
    """A share of a limit that was reached; `ended_at` is None while it holds."""

    scope: str
    subject: str
    window: str
    percent: int
    limit_usd: Decimal
    spent_usd: Decimal
    refused: bool
    reached_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Budgets:
    """Limits, balances and alerts; at most MAX_ROWS of each, `cut` where there are more limits."""

    limits: tuple[LimitLine, ...]
    balances: tuple[BalanceLine, ...]
    alerts: tuple[AlertLine, ...]
    cut: bool


def budgets(db: Database, visible: Visible, now: datetime) -> Budgets:
    """Return every limit that counts now, most used first, with balances and alerts.

    Limits of a single run or pull request are left out: a review shows them.
    """
    return db.read(lambda connection: _budgets(connection, visible, now))


def _budgets(connection: Connection, visible: Visible, now: datetime) -> Budgets:
    rows = connection.execute(_counted(visible, now)).all()
    shown = rows[:MAX_ROWS]
    burnt = _burnt(connection, visible, now)
    limits = tuple(_limit(row, burnt, now) for row in shown)
    return Budgets(
        limits=limits,
        balances=_balances(connection, {f"id:{row.organisation_id}" for row in shown if _owns(row, visible)}, now),
        alerts=_alerts(connection, shown),
        cut=len(rows) > MAX_ROWS,
    )


def _counted(visible: Visible, now: datetime) -> Any:
    """Return the query of counters in their present windows, each with the newest call that moved it."""
    scopes = {scope: window(scope, now) for scope in (*DAILY, *MONTHLY)}
    present = or_(*(and_(k.c.scope == scope.value, k.c.window == name) for scope, name in scopes.items()))
    newest = select(func.max(h.c.call_id)).where(h.c.counter_id == k.c.id).correlate(k).scalar_subquery()
    of_repository = and_(k.c.scope.in_(_OF_REPOSITORY), visible.where(r.c.installation_id, c.c.repository_id))
    only_whole = Visible(visible.installations, everything=visible.everything)
    of_organisation = and_(
        k.c.scope == _OF_ORGANISATION, only_whole.where(r.c.installation_id, r.c.installation_id)
    )
    seen = or_(of_repository, of_organisation)
    if visible.everything:
        seen = or_(seen, k.c.scope == Scope.USER_DAY.value)
    joined = (
        k.join(h, and_(h.c.counter_id == k.c.id, h.c.call_id == newest))
        .join(c, c.c.id == h.c.call_id)
        .outerjoin(r, r.c.id == c.c.review_id)
    )
    committed = k.c.spent_picos + k.c.held_picos + k.c.unconfirmed_picos
    return (
        select(k, h.c.limit_picos, c.c.repository_id, c.c.organisation_id, r.c.installation_id)
        .select_from(joined)
        .where(present, seen)
        .order_by(committed.desc(), k.c.id)
        .limit(MAX_ROWS + 1)
    )


def _owns(row: Any, visible: Visible) -> bool:
    whole = visible.everything or row.installation_id in visible.installations
    return bool(whole and row.organisation_id and row.scope == _OF_ORGANISATION)


def _burnt(connection: Connection, visible: Visible, now: datetime) -> dict[tuple[str, int], list[DaySpend]]:
    """Return the spend of each day of this month by repository and by installation."""
    today = to_micros(now) // DAY_MICROS
    query = (
        select(d.c.day, d.c.installation_id, d.c.repository_id, func.sum(d.c.cost_picos).label("picos"))
        .where(
            d.c.day > today - now.day,
            d.c.day <= today,
            visible.where(d.c.installation_id, d.c.repository_id),
        )
        .group_by(d.c.day, d.c.installation_id, d.c.repository_id)
        .order_by(d.c.day)
    )
    days: dict[tuple[str, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in connection.execute(query).all():
        days["repository", row.repository_id][row.day] += int(row.picos)
        days["installation", row.installation_id][row.day] += int(row.picos)
    return {
        key: [DaySpend(day_text(day), from_picos(picos)) for day, picos in found.items()]
        for key, found in days.items()
    }


def _limit(row: Any, burnt: dict[tuple[str, int], list[DaySpend]], now: datetime) -> LimitLine:
    used = from_picos(row.spent_picos + row.held_picos + row.unconfirmed_picos)
    limit = None if row.limit_picos is None else from_picos(row.limit_picos)
    key: tuple[str, int] | None = None
    if row.scope == Scope.REPOSITORY_MONTH.value:
        key = ("repository", row.repository_id)
    elif row.scope == _OF_ORGANISATION:
        key = ("installation", row.installation_id)
    return LimitLine(
        scope=row.scope,
        subject=row.name or row.subject,
        window=row.window,
        limit_usd=limit,
        used_usd=used,
        left_usd=None if limit is None else max(Decimal(0), limit - used),
        resets_at=resets_at(Scope(row.scope), now),
        days=tuple(burnt.get(key, ())) if key else (),
    )


def _balances(connection: Connection, keys: set[str], now: datetime) -> tuple[BalanceLine, ...]:
    if not keys:
        return ()
    live = or_(credits_.c.expires_at.is_(None), credits_.c.expires_at > to_micros(now))
    left = credits_.c.amount_picos - credits_.c.spent_picos - credits_.c.held_picos
    query = (
        select(p.c.organisation, p.c.name, p.c.debt_picos, func.coalesce(func.sum(left), 0).label("left"))
        .select_from(p.outerjoin(credits_, and_(credits_.c.organisation == p.c.organisation, live)))
        .where(p.c.organisation.in_(sorted(keys)))
        .group_by(p.c.organisation, p.c.name, p.c.debt_picos)
        .order_by(p.c.organisation)
    )
    return tuple(
        BalanceLine(row.name or row.organisation, from_picos(int(row.left)), from_picos(row.debt_picos))
        for row in connection.execute(query).all()
    )


def _alerts(connection: Connection, counted: Sequence[Any]) -> tuple[AlertLine, ...]:
    keys = sorted({(row.scope, row.subject, row.window) for row in counted})
    if not keys:
        return ()
    query = (
        select(a)
        .where(tuple_(a.c.scope, a.c.subject, a.c.window).in_(keys))
        .order_by(a.c.id.desc())
        .limit(MAX_ROWS)
    )
    return tuple(
        AlertLine(
            scope=row.scope,
            subject=row.name or row.subject,
            window=row.window,
            percent=row.percent,
            limit_usd=from_picos(row.limit_picos),
            spent_usd=from_picos(row.spent_picos),
            refused=row.refused,
            reached_at=from_micros(row.reached_at),
            sent_at=None if row.sent_at is None else from_micros(row.sent_at),
            ended_at=None if row.ended_at is None else from_micros(row.ended_at),
        )
        for row in connection.execute(query).all()
    )
