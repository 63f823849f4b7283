"""Which ledgers a command reads: the service's, and that of local reviews on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reviewer.errors import ConfigurationError
from reviewer.ledger.books.window import Window
from reviewer.ledger.ledger import Ledger
from reviewer.settings import Settings
from reviewer.text.secret_address import printable


@dataclass(frozen=True, slots=True)
class Source:
    """A ledger and where it is, without the password; `ledger` is None where nothing is stored there yet."""

    address: str
    ledger: Ledger | None


def service(settings: Settings) -> Source:
    """Open the service's ledger; ConfigurationError where its tables are not this version's."""
    address = printable(settings.database_url)
    if _missing(settings.database_url):
        return Source(address, None)
    ledger = Ledger.open(settings.database_url)
    ledger.ready()
    return Source(address, ledger)


def local(settings: Settings) -> Source:
    """Open the ledger of local reviews, and bring its tables up to date."""
    if _missing(settings.local_ledger_url):
        return Source(settings.local_ledger_url, None)
    ledger = Ledger.open(settings.local_ledger_url)
    ledger.migrate()
    return Source(settings.local_ledger_url, ledger)


def window_of(since: str, until: str, now: datetime) -> Window:
    """Return the time that two options name: `since` is a day or a number of days such as 30d, `until` a day.

    The day of `until` is in it. ConfigurationError for anything else.
    """
    last = Window.last(now)
    end = last.until if not until else _day(until, "--until") + timedelta(days=1)
    if not since:
        return Window(min(last.since, end - timedelta(days=1)), end)
    if since.endswith("d") and since[:-1].isdigit():
        return Window(end - timedelta(days=min(int(since[:-1]), 10_000)), end)
    return Window(_day(since, "--since"), end)


def _day(text: str, option: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        remedy = "Write it as 2026-11-30" + (", or as 30d for the last 30 days." if option == "--since" else ".")
        raise ConfigurationError(f"{option}: not a date", remedy=remedy) from None


def _missing(url: str) -> bool:
    return url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///").partition("?")[0]).exists()
