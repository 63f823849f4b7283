"""Window, a stretch of days; Page, a bounded part of a list. No query is without them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from reviewer.errors import ConfigurationError
from reviewer.ledger.rollup import DAY_MICROS
from reviewer.ledger.units import to_micros

MAX_DAYS: Final = 366
DEFAULT_DAYS: Final = 30
MAX_ROWS: Final = 500
DEFAULT_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class Window:
    """The UTC days from `since` up to and without `until`, at most MAX_DAYS; ConfigurationError otherwise."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if not self.since < self.until <= self.since + timedelta(days=MAX_DAYS):
            raise ConfigurationError(
                f"the time asked for is not 1 to {MAX_DAYS} days long",
                remedy="Ask for a later start or an earlier end.",
            )

    @classmethod
    def last(cls, now: datetime, days: int = DEFAULT_DAYS) -> Window:
        """Return the last days with the present one, which is not over."""
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(today - timedelta(days=days - 1), today + timedelta(days=1))

    @property
    def micros(self) -> tuple[int, int]:
        """Both ends as the ledger stores moments."""
        return to_micros(self.since), to_micros(self.until)

    @property
    def days(self) -> tuple[int, int]:
        """Both ends as the sums by day count days; a day that is begun counts whole."""
        since, until = self.micros
        return since // DAY_MICROS, -(-until // DAY_MICROS)


@dataclass(frozen=True, slots=True)
class Page:
    """At most `rows` rows after the row that `after` names, which is the `next` of the page before."""

    rows: int = DEFAULT_ROWS
    after: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.rows <= MAX_ROWS or self.after < 0:
            raise ConfigurationError(f"a page has 1 to {MAX_ROWS} rows", remedy="Ask for fewer rows, page by page.")


def day_text(day: int) -> str:
    """Return a day of the sums as YYYY-MM-DD."""
    return f"{datetime.fromtimestamp(day * 86400, UTC):%Y-%m-%d}"
