"""Calls: every model call of a review, and what a run and its pull request cost so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Text, case, cast, func, literal, select, update

from policies.words import Check, Payment, Tier
from reviewer.ledger.database import Database
from reviewer.ledger.tables import calls as c
from reviewer.ledger.units import from_picos, to_micros
from reviewer.models.model import Call, Stage, Usage

# What spend can be grouped by, for people who look at the bill.
GROUPS: Final = ("model", "provider", "tier", "stage", "payment", "repository", "actor", "organisation")
# Groups whose names change: they are distinguished by GitHub's id where it is known.
RENAMED: Final = ("repository", "organisation")


@dataclass(frozen=True, slots=True)
class Spend:
    """What a set of calls came to, in US dollars and tokens.

    `known` is the sum of the bills, `estimated` the part of it that is counted from guessed tokens because the
    provider sent no usage. `unconfirmed` is at most what calls cost whose bill did not arrive, `unpriced`
    counts calls of models without a known price, `open` calls under way.
    """

    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    known: Decimal = Decimal(0)
    estimated: Decimal = Decimal(0)
    unconfirmed: Decimal = Decimal(0)
    unpriced: int = 0
    open: int = 0

    def __add__(self, other: Spend) -> Spend:
        """Add up two sets of calls."""
        return Spend(
            calls=self.calls + other.calls,
            usage=self.usage + other.usage,
            known=self.known + other.known,
            estimated=self.estimated + other.estimated,
            unconfirmed=self.unconfirmed + other.unconfirmed,
            unpriced=self.unpriced + other.unpriced,
            open=self.open + other.open,
        )

    @property
    def cost(self) -> Decimal | None:
        """The exact cost, None where any part of it is unknown."""
        return self.known if self.unconfirmed == 0 and self.unpriced == 0 else None


@dataclass(frozen=True, slots=True)
class Totals:
    """What the summary shows: this run, and everything that the pull request cost."""

    run: Spend
    pull_request: Spend


class Calls:
    """What calls cost, added up."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def of_review(self, review_id: int) -> tuple[Call, ...]:
        """Return the closed calls of a review in the order in which they were opened."""
        return self._calls(c.c.review_id == review_id)

    def totals(self, run: str, pull_request: str = "") -> Totals:
        """Add up a run and its pull request; without a pull request both are the run."""
        of_run = self._spend(c.c.run == run)
        return Totals(of_run, self._spend(c.c.pull_request == pull_request) if pull_request else of_run)

    def spent(self, *, since: datetime, until: datetime) -> Spend:
        """Add up every call opened in a stretch of time, the end excluded."""
        return self._spend(c.c.opened_at >= to_micros(since), c.c.opened_at < to_micros(until))

    def spend_by(self, group: str, *, since: datetime, until: datetime) -> dict[str, Spend]:
        """Add up calls per value of one of GROUPS, dearest first; ValueError for another column.

        A repository or organisation that was renamed is one, under its newest name.
        """
        if group not in GROUPS:
            raise ValueError(f"{group!r} is not one of {', '.join(GROUPS)}")
        number = c.c[f"{group}_id"] if group in RENAMED else literal(0)
        value = case((number != 0, ""), else_=cast(c.c[group], Text))
        each = (
            select(c.c.id, value.label("value"), number.label("number"))
            .where(c.c.opened_at >= to_micros(since), c.c.opened_at < to_micros(until))
            .subquery("each")
        )
        query = (
            select(func.max(c.c.id).label("newest"), *_SUMS)
            .join(each, each.c.id == c.c.id)
            .group_by(each.c.value, each.c.number)
            .subquery("spend")
        )
        named = select(query, cast(c.c[group], Text).label("name")).join(c, c.c.id == query.c.newest)
        rows = self.db.read(lambda connection: connection.execute(named.order_by(query.c.newest)).all())
        spends: dict[str, Spend] = {}
        for row in rows:
            name = _group_name(group, row.name)
            # Two of one name: one of them from before its id was kept, or a name that another one has now.
            spends[name] = spends[name] + _spend(row) if name in spends else _spend(row)
        return dict(sorted(spends.items(), key=lambda item: (-item[1].known, item[0])))

    def note_checks(self, run: str, calls: Iterable[Call]) -> int:
        """Write the quality check that each answer failed, which is known only after its call was settled.

        Return how many rows were changed.
        """
        failed = [call for call in calls if call.failed_check is not None]

        def work(connection: Any) -> int:
            return sum(
                connection.execute(
                    update(c)
                    .where(
                        c.c.run == run,
                        c.c.unit == call.unit,
                        c.c.stage == call.stage.value,
                        c.c.attempt == call.attempt,
                        c.c.provider == call.provider,
                        c.c.model == call.model,
                        c.c.started_ms == call.started_ms,
                        c.c.failed_check.is_(None),
                    )
                    .values(failed_check=None if call.failed_check is None else call.failed_check.value)
                ).rowcount
                for call in failed
            )

        return self.db.write(work) if failed else 0

    def _calls(self, where: ColumnElement[bool]) -> tuple[Call, ...]:
        query = select(c).where(where, c.c.state != "held").order_by(c.c.id)
        return tuple(_call(row) for row in self.db.read(lambda connection: connection.execute(query).all()))

    def _spend(self, *where: ColumnElement[bool]) -> Spend:
        query = select(*_SUMS).where(*where)
        return _spend(self.db.read(lambda connection: connection.execute(query).one()))


_SUMS: Final[Sequence[Any]] = (
    func.count().label("calls"),
    func.sum(c.c.input_tokens).label("input"),
    func.sum(c.c.cache_read_tokens).label("cache_read"),
    func.sum(c.c.cache_write_tokens).label("cache_write"),
    func.sum(c.c.output_tokens).label("output"),
    func.sum(c.c.reasoning_tokens).label("reasoning"),
    func.sum(c.c.cost_picos).label("known"),
    func.sum(case((c.c.estimated, c.c.cost_picos), else_=0)).label("estimated"),
    func.sum(case((c.c.state == "unconfirmed", c.c.reserved_picos), else_=0)).label("unconfirmed"),
    func.sum(
        case(
            (
                (c.c.state.in_(("settled", "unconfirmed")))
                & c.c.reserved_picos.is_(None)
                & c.c.cost_picos.is_(None),
                1,
            ),
            else_=0,
        )
    ).label("unpriced"),
    func.sum(case((c.c.state == "held", 1), else_=0)).label("open"),
)


def _spend(row: Row[Any]) -> Spend:
    return Spend(
        calls=int(row.calls or 0),
        usage=Usage(
            int(row.input or 0),
            int(row.cache_read or 0),
            int(row.cache_write or 0),
            int(row.output or 0),
            int(row.reasoning or 0),
        ),
        known=from_picos(row.known or 0),
        estimated=from_picos(row.estimated or 0),
        unconfirmed=from_picos(row.unconfirmed or 0),
        unpriced=int(row.unpriced or 0),
        open=int(row.open or 0),
    )


def _group_name(group: str, value: Any) -> str:
    return Tier(int(value)).label if group == "tier" else str(value)


def _call(row: Row[Any]) -> Call:
    return Call(
        unit=row.unit,
        stage=Stage(row.stage),
        tier=Tier(row.tier),
        provider=row.provider,
        model=row.model,
        payment=Payment(row.payment),
        usage=Usage(
            row.input_tokens,
            row.cache_read_tokens,
            row.cache_write_tokens,
            row.output_tokens,
            row.reasoning_tokens,
        ),
        cost=None if row.cost_picos is None else from_picos(row.cost_picos),
        latency_ms=row.latency_ms,
        attempt=row.attempt,
        ok=row.ok,
        failed_check=None if row.failed_check is None else Check(row.failed_check),
        error=row.error,
        started_ms=row.started_ms,
        cached_result=row.cached_result,
        estimated=row.estimated,
        computed_cost=None if row.computed_picos is None else from_picos(row.computed_picos),
        request_id=row.request_id,
    )
