"""The addresses of the read API: each a pure function of who asks, when, and the query's values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from policies.budgets import BudgetInvalid, parse_amount
from reviewer.errors import ConfigurationError
from reviewer.ledger.books.budgets import Budgets, budgets
from reviewer.ledger.books.export import every_row
from reviewer.ledger.books.overview import Overview, overview
from reviewer.ledger.books.reviews import ReviewDetail, ReviewFilter, ReviewPage, review, reviews
from reviewer.ledger.books.sources import window_of
from reviewer.ledger.books.spend import GROUPS, ModelRow, SpendRow, models, spend
from reviewer.ledger.books.visible import Visible
from reviewer.ledger.books.window import DEFAULT_ROWS, Page, Window
from reviewer.ledger.books.work import DeliveryPage, LiveQueue, deliveries, queue
from reviewer.ledger.database import Database

PREFIX: Final = "/api/v1"
# Query parameter -> its OpenAPI schema and what it means.
PARAMETERS: Final[Mapping[str, tuple[Mapping[str, object], str]]] = {
    "since": ({"type": "string"}, "a UTC day (2026-11-30) or a number of days (30d); by default the last 30 days"),
    "until": ({"type": "string"}, "the last UTC day; by default today"),
    "by": ({"type": "string", "enum": list(GROUPS)}, "what the rows are"),
    "repository": ({"type": "string"}, "owner/name, or GitHub's id"),
    "number": ({"type": "integer"}, "the pull request"),
    "state": ({"type": "string"}, "how far the review is"),
    "person": ({"type": "string"}, "who asked for the review, or wrote the pull request"),
    "text": ({"type": "string"}, "in repository, title or author"),
    "min_cost": ({"type": "string"}, "US dollars"),
    "max_cost": ({"type": "string"}, "US dollars"),
    "coverage_below": ({"type": "number"}, "a share from 0 to 1"),
    "rows": ({"type": "integer", "minimum": 1, "maximum": 500}, "rows of a page"),
    "after": ({"type": "integer"}, "`next` of the page before"),
    "format": ({"type": "string", "enum": ["json", "csv", "rows"]}, "csv, or all rows as one JSON array: no pages"),
}
_TIME: Final = ("since", "until")
_PAGE: Final = ("rows", "after", "format")
_FILTER: Final = ("repository", "number", "state", "person", "text", "min_cost", "max_cost", "coverage_below")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: the ledger, what its asker may see, the moment, and the values of path and query."""

    db: Database
    visible: Visible
    now: datetime
    values: Mapping[str, str]

    @property
    def window(self) -> Window:
        """The time that is asked about."""
        return window_of(self.values.get("since", ""), self.values.get("until", ""), self.now)

    @property
    def page(self) -> Page:
        """The page that is asked for."""
        return Page(self._whole("rows", DEFAULT_ROWS), self._whole("after", 0))

    @property
    def wanted(self) -> ReviewFilter:
        """Which reviews are asked for."""
        below = self.values.get("coverage_below")
        try:
            share = None if below is None else float(below)
        except ValueError:
            raise _unusable("coverage_below") from None
        return ReviewFilter(
            repository=self.values.get("repository", ""),
            number=self._whole("number", None),
            state=self.values.get("state", ""),
            person=self.values.get("person", ""),
            text=self.values.get("text", ""),
            cost_at_least=self._amount("min_cost"),
            cost_at_most=self._amount("max_cost"),
            coverage_below=share,
        )

    @property
    def review_id(self) -> int:
        """The review that the path names."""
        return int(self._whole("id", 0))

    def _whole(self, name: str, otherwise: Any) -> Any:
        text = self.values.get(name)
        if text is None:
            return otherwise
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise _unusable(name)
        return int(text)

    def _amount(self, name: str) -> Decimal | None:
        try:
            return parse_amount(self.values[name], name) if name in self.values else None
        except BudgetInvalid:
            raise _unusable(name) from None


def _unusable(name: str) -> ConfigurationError:
    return ConfigurationError(f"{name} cannot be used", remedy=PARAMETERS.get(name, ({}, "an id"))[1])


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address: what it answers, the parameters that it takes, and its rows for exports (None: no list)."""

    path: str
    summary: str
    answer: type
    parameters: tuple[str, ...]
    ask: Callable[[Asked], Any]
    rows: Callable[[Asked], Iterator[Any]] | None = None
    many: bool = False


ENDPOINTS: Final = (
    Endpoint(
        "/overview",
        "The five numbers and their days.",
        Overview,
        _TIME,
        lambda it: overview(it.db, it.visible, it.window),
    ),
    Endpoint(
        "/reviews",
        "Reviews, newest first.",
        ReviewPage,
        (*_TIME, *_FILTER, *_PAGE),
        lambda it: reviews(it.db, it.visible, it.window, it.wanted, it.page),
        lambda it: _every(lambda page: reviews(it.db, it.visible, it.window, it.wanted, page)),
    ),
    Endpoint(
        "/reviews/{id}",
        "One review with its calls and findings.",
        ReviewDetail,
        (),
        lambda it: review(it.db, it.visible, it.review_id),
    ),
    Endpoint(
        "/spend",
        "Spend by model, repository, author, kind of change or day.",
        SpendRow,
        (*_TIME, "by", "format"),
        lambda it: spend(it.db, it.visible, it.window, it.values.get("by", "model")),
        lambda it: iter(spend(it.db, it.visible, it.window, it.values.get("by", "model"))),
        many=True,
    ),
    Endpoint(
        "/models",
        "How each model did.",
        ModelRow,
        (*_TIME, "format"),
        lambda it: models(it.db, it.visible, it.window),
        lambda it: iter(models(it.db, it.visible, it.window)),
        many=True,
    ),
    Endpoint(
        "/budgets",
        "Limits, balances and alerts; as csv the limits.",
        Budgets,
        ("format",),
        lambda it: budgets(it.db, it.visible, it.now),
        lambda it: iter(budgets(it.db, it.visible, it.now).limits),
    ),
    Endpoint(
        "/deliveries",
        "Deliveries that became work, newest first.",
        DeliveryPage,
        (*_TIME, *_PAGE),
        lambda it: deliveries(it.db, it.visible, it.window, it.page),
        lambda it: _every(lambda page: deliveries(it.db, it.visible, it.window, page)),
    ),
    Endpoint(
        "/queue",
        "What waits and runs now.",
        LiveQueue,
        (),
        lambda it: queue(it.db, it.visible, it.now),
    ),
)


def _every(read: Callable[[Page], Any]) -> Iterator[Any]:
    return every_row(read)
