"""`kilo-review usage`: the five numbers, and spend by model, repository, author, kind of change or day."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal

from policies.budgets import dollars
from reviewer.ledger.books import sources
from reviewer.ledger.books.export import csv_lines, plain
from reviewer.ledger.books.overview import Overview, overview
from reviewer.ledger.books.spend import GROUPS, SpendRow, spend
from reviewer.ledger.books.sums import CallSums
from reviewer.ledger.books.visible import OPERATOR
from reviewer.ledger.books.window import Window, day_text
from reviewer.ledger.ledger import Ledger
from reviewer.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--since", default="", metavar="DATE", help="a UTC day, or 7d for the last 7 (default: 30d)"
    )
    parser.add_argument("--until", default="", metavar="DATE", help="the last UTC day (default: today)")
    parser.add_argument("--by", choices=GROUPS, help="also the spend of each (default for csv: model)")
    parser.add_argument("--format", choices=("text", "json", "csv"), default="text")


def main(options: argparse.Namespace) -> int:
    """Print the numbers on standard output, and which ledgers they are from on standard error."""
    now = datetime.now(UTC)
    window = sources.window_of(options.since, options.until, now)
    settings = Settings.from_environ()
    with ExitStack() as stack:
        service, local = sources.service(settings), sources.local(settings)
        for source in (service, local):
            if source.ledger is not None:
                stack.callback(source.ledger.close)
            state = "" if source.ledger is not None else " (nothing is stored there)"
            which = "service" if source is service else "local reviews"
            sys.stderr.write(f"kilo-review: {which}: {source.address}{state}\n")
        numbers = _overview(service.ledger, window)
        local_sums = _overview(local.ledger, window).sums
        if options.by or options.format == "csv":
            groups = _groups((service.ledger, local.ledger), window, options.by or "model")
        else:
            groups = []
    match options.format:
        case "json":
            found = {**told(numbers, local_sums), "since": _day(window, 0), "until": _day(window, 1)}
            if options.by:
                found["by"] = options.by
                found["groups"] = plain(groups)
            sys.stdout.write(json.dumps(found, indent=2) + "\n")
        case "csv":
            sys.stdout.writelines(csv_lines(groups))
        case _:
            sys.stdout.writelines(f"{line}\n" for line in _text(numbers, local_sums, groups, window))
    return 0


def told(numbers: Overview, local: CallSums) -> dict[str, object]:
    """Return the numbers as JSON has them, each under a key of its own; None where there is nothing to count."""
    return {
        "cost_per_accepted_finding_usd": plain(numbers.usd_per_accepted),
        "review_cost_usd": {"median": plain(numbers.median_usd), "p90": plain(numbers.p90_usd)},
        "rates": {"retry": numbers.retry_rate, "escalation": numbers.escalation_rate, "frontier": numbers.frontier},
        "spend_usd": {
            "service": plain(numbers.sums.cost_usd),
            "service_known": plain(numbers.sums.known_usd),
            "local": plain(local.cost_usd),
            "local_known": plain(local.known_usd),
        },
        "people": {
            "minutes_to_resolution": numbers.minutes_to_resolution,
            **plain(numbers.findings),
        },
        "reviews": numbers.reviews,
        "complete": numbers.complete,
    }


def _overview(ledger: Ledger | None, window: Window) -> Overview:
    return Overview.of_nothing() if ledger is None else overview(ledger.db, OPERATOR, window)


def _groups(ledgers: Sequence[Ledger | None], window: Window, by: str) -> list[SpendRow]:
    """Return the spend of both ledgers by one thing, dearest first, days in their order."""
    found: dict[str, CallSums] = {}
    for ledger in ledgers:
        for row in spend(ledger.db, OPERATOR, window, by) if ledger is not None else ():
            found[row.name] = found.get(row.name, CallSums()) + row.sums
    rows = [SpendRow(name, sums) for name, sums in found.items()]
    return sorted(rows, key=(lambda row: row.name) if by == "day" else lambda row: (-row.sums.known_usd, row.name))


def _day(window: Window, end: int) -> str:
    first, after = window.days
    return day_text(after - 1 if end else first)


def _text(numbers: Overview, local: CallSums, groups: Sequence[SpendRow], window: Window) -> list[str]:
    findings = numbers.findings
    lines = [
        f"{_day(window, 0)} to {_day(window, 1)} (UTC), {numbers.reviews} reviews of the service",
        f"cost per accepted finding   {_money(numbers.usd_per_accepted)} ({findings.accepted} accepted)",
        f"cost of a review            median {_money(numbers.median_usd)}, p90 {_money(numbers.p90_usd)}",
        f"retries and escalations     {_share(numbers.retry_rate)} and {_share(numbers.escalation_rate)} of calls",
        f"spend                       {_spent(numbers.sums)}, local reviews {_spent(local)}",
        f"people                      {_minutes(numbers.minutes_to_resolution)} to what they did with a finding; "
        f"{findings.dismissed} dismissed, {findings.ignored} ignored",
        f"frontier models             {_share(numbers.frontier)} of calls",
        f"complete reviews            {_share(numbers.complete)}",
    ]
    width = max((len(row.name) for row in groups), default=0)
    lines += [f"  {row.name:<{width}}  {_spent(row.sums):>12}  {row.sums.calls} calls" for row in groups]
    return lines


def _money(amount: Decimal | None) -> str:
    return "unknown" if amount is None else dollars(amount)


def _spent(sums: CallSums) -> str:
    return dollars(sums.known_usd) if sums.cost_usd is not None else f"at least {dollars(sums.known_usd)}"


def _share(share: float | None) -> str:
    return "none counted" if share is None else f"{share:.1%}"


def _minutes(minutes: float | None) -> str:
    return "no time counted" if minutes is None else f"{minutes:.0f} min"
