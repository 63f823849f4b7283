"""`kilo-review reviews`: find reviews of the service, and show one with its calls and findings."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal

from policies.budgets import BudgetInvalid, dollars, parse_amount
from policies.words import Severity, Tier
from reviewer.errors import ConfigurationError
from reviewer.ledger.books import sources
from reviewer.ledger.books.export import csv_lines, every_row, json_lines, plain
from reviewer.ledger.books.reviews import ReviewDetail, ReviewFilter, ReviewLine, review, reviews
from reviewer.ledger.books.visible import OPERATOR
from reviewer.ledger.books.window import DEFAULT_ROWS, MAX_ROWS
from reviewer.ledger.keys import ReviewState
from reviewer.ledger.ledger import Ledger
from reviewer.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the filters, and `show`."""
    parser.add_argument("action", nargs="?", choices=("show",), help="one review with its calls and findings")
    parser.add_argument("id", nargs="?", type=int, metavar="ID", help="the review to show")
    parser.add_argument("--repository", default="", metavar="OWNER/NAME", help="by name or by GitHub's id")
    parser.add_argument("--number", type=int, metavar="N", help="of this pull request")
    parser.add_argument(
        "--state", default="", choices=tuple(state.value for state in ReviewState), help="as stored"
    )
    parser.add_argument("--person", default="", metavar="LOGIN", help="who asked for it, or wrote the pull request")
    parser.add_argument("--text", default="", help="in repository, title or author")
    parser.add_argument("--min-cost", metavar="USD", help="that cost at least this much")
    parser.add_argument("--max-cost", metavar="USD", help="that cost at most this much")
    parser.add_argument(
        "--coverage-below", type=float, metavar="SHARE", help="that read less of the change, 0 to 1"
    )
    parser.add_argument(
        "--since", default="", metavar="DATE", help="a UTC day, or 7d for the last 7 (default: 30d)"
    )
    parser.add_argument("--until", default="", metavar="DATE", help="the last UTC day (default: today)")
    parser.add_argument(
        "--limit", type=int, default=DEFAULT_ROWS, metavar="N", help="most rows; 0: all (default: 50)"
    )
    parser.add_argument("--format", choices=("text", "json", "csv"), default="text")


def main(options: argparse.Namespace) -> int:
    """Print what was found on standard output, and which ledger it is from on standard error."""
    if (options.action == "show") != (options.id is not None):
        raise ConfigurationError("show needs the id of a review", remedy="`kilo-review reviews` lists them.")
    if options.limit < 0:
        raise ConfigurationError("--limit is below 0", remedy="Use 0 for all.")
    source = sources.service(Settings.from_environ())
    state = "" if source.ledger is not None else " (nothing is stored there)"
    sys.stderr.write(f"kilo-review: service: {source.address}{state}\n")
    if source.ledger is None:
        if options.action == "show":
            raise _not_there(options.id)
        sys.stdout.writelines(_list(iter(()), options.format))
        return 0
    with closing(source.ledger) as ledger:
        if options.action == "show":
            sys.stdout.writelines(_show(ledger, options.id, options.format))
        else:
            sys.stdout.writelines(_list(_found(ledger, options), options.format))
    return 0


def _found(ledger: Ledger, options: argparse.Namespace) -> Iterator[ReviewLine]:
    window = sources.window_of(options.since, options.until, datetime.now(UTC))
    wanted = ReviewFilter(
        repository=options.repository,
        number=options.number,
        state=options.state,
        person=options.person,
        text=options.text,
        cost_at_least=_amount(options.min_cost, "--min-cost"),
        cost_at_most=_amount(options.max_cost, "--max-cost"),
        coverage_below=options.coverage_below,
    )
    return every_row(lambda page: reviews(ledger.db, OPERATOR, window, wanted, page), options.limit)


def _amount(text: str | None, option: str) -> Decimal | None:
    try:
        return None if text is None else parse_amount(text, option)
    except BudgetInvalid as error:
        raise ConfigurationError(str(error)) from None


def _not_there(review_id: int) -> ConfigurationError:
    return ConfigurationError(f"there is no review {review_id}", remedy="`kilo-review reviews` lists them.")


def _list(rows: Iterator[ReviewLine], form: str) -> Iterator[str]:
    if form == "json":
        yield from json_lines(rows)
    elif form == "csv":
        yield from csv_lines(rows)
    else:
        for row in rows:
            yield f"{row.id:>7}  {_line(row)}\n"


def _line(row: ReviewLine) -> str:
    cost = "unknown" if row.cost_usd is None else dollars(row.cost_usd)
    read = "      " if row.coverage is None else f"{row.coverage:>6.0%}"
    where = f"{row.repository or row.repository_id}#{row.number}"
    return f"{row.accepted_at:%Y-%m-%d %H:%M}  {row.state:<10}  {cost:>10}  {read}  {where}  {_shown(row.title)}"


def _show(ledger: Ledger, review_id: int, form: str) -> Iterator[str]:
    found = review(ledger.db, OPERATOR, review_id)
    if found is None:
        raise _not_there(review_id)
    if form == "json":
        yield json.dumps(plain(found), ensure_ascii=False, indent=2) + "\n"
    elif form == "csv":
        yield from csv_lines(found.calls)
    else:
        for line in _detail(found):
            yield f"{line}\n"


def _detail(found: ReviewDetail) -> Iterator[str]:
    yield f"review {found.review.id}"
    yield _line(found.review)
    if found.review.error:
        yield f"last fault: {_shown(found.review.error)}"
    yield f"calls: {len(found.calls)}"
    for call in found.calls:
        cost = "unknown" if call.cost_usd is None else dollars(call.cost_usd)
        tokens = f"{call.input_tokens} in ({call.cache_read_tokens} cached), {call.output_tokens} out"
        what = f"{call.stage}, try {call.attempt}, {Tier(call.tier).label}, {call.provider}/{call.model}"
        end = "ok" if call.ok else _shown(call.error or "failed")
        failed = f", failed check: {call.failed_check}" if call.failed_check else ""
        yield f"  {what}: {cost}, {tokens}, {call.latency_ms} ms, {end}{failed}"
    for step in found.escalations:
        why = f" ({_shown(step.detail)})" if step.detail else ""
        yield f"escalated: {step.check}, {step.from_tier} to {step.to_tier}{why}"
    for finding in found.findings:
        grade = Severity(finding.severity).label
        where = f"{_shown(finding.path)}:{finding.line}"
        yield f"finding: {where}  {grade}  {_shown(finding.title)}  {finding.outcome}"
    for name in found.cut:
        yield f"the list of {name} is longer than what is shown"


def _shown(text: str) -> str:
    """Return a text of the pull request on one line without what moves a terminal's cursor or colours."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_ROWS]
