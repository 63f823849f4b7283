"""`kilo-review ledger`: what was spent, prepaid credit, and calls whose bill did not arrive."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from policies.budgets import BudgetInvalid, dollars, parse_amount
from policies.credits import CreditKind
from reviewer.errors import ConfigurationError
from reviewer.ledger.calls import GROUPS, Spend
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.money import Unconfirmed
from reviewer.ledger.prepaid import NewCredit, ReferenceReused
from reviewer.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the four things that an operator asks of the ledger."""
    parser.add_argument(
        "--local", action="store_true", help="the ledger of local reviews on this machine, not the service's"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    spend = actions.add_parser("spend", help="what was spent in a month, by model, repository, user, …")
    spend.add_argument("--by", choices=GROUPS, default="model")
    spend.add_argument("--month", metavar="YYYY-MM", default="", help="a UTC month (default: this one)")
    spend.add_argument("--format", choices=("text", "json"), default="text")
    credit = actions.add_parser("credit", help="show an organisation's prepaid credit, or book more")
    credit.add_argument("organisation")
    credit.add_argument("--add", metavar="USD", help="book this much")
    credit.add_argument("--reference", metavar="RECEIPT", help="what the credit is for; booked once")
    credit.add_argument("--bonus", action="store_true", help="given, not bought")
    credit.add_argument("--expires", metavar="YYYY-MM-DD", help="the UTC day on which it lapses")
    actions.add_parser("unconfirmed", help="calls that may have been billed and whose bill did not arrive")
    confirm = actions.add_parser("confirm", help="say what such a call cost, as the provider's books have it")
    confirm.add_argument("reservation", help="the id that `unconfirmed` shows")
    confirm.add_argument("cost", metavar="USD", help="0 where the provider has no such call")


def main(options: argparse.Namespace) -> int:
    """Answer on standard output; ConfigurationError for an argument that cannot be used."""
    ledger, whose = _open(Settings.from_environ(), local=options.local)
    try:
        ledger.ready()
        now = datetime.now(UTC)
        match options.action:
            case "spend":
                lines = _spend(ledger, options, now)
            case "credit":
                lines = _credit(ledger, options, now)
            case "confirm":
                lines = _confirm(ledger, options, now)
            case _:
                lines = [_unconfirmed(it) for it in ledger.money.unconfirmed()]
    except BudgetInvalid as error:
        raise ConfigurationError(str(error)) from None
    finally:
        ledger.close()
    if whose:
        sys.stderr.write(f"kilo-review: {whose}\n")
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def _open(settings: Settings, *, local: bool) -> tuple[Ledger, str]:
    """Return the ledger that is asked for and, where it is this machine's, a line that says so.

    Without a service on this machine the only ledger that there can be is the local tool's.
    """
    service = settings.database_url
    file = Path(service.removeprefix("sqlite:///").partition("?")[0]) if service.startswith("sqlite:///") else None
    local_file = Path(settings.local_ledger_url.removeprefix("sqlite:///"))
    if not local and (file is None or file.exists() or not local_file.exists()):
        return Ledger.open(service), ""
    ledger = Ledger.open(settings.local_ledger_url)
    ledger.migrate()
    return ledger, f"local reviews on this machine ({local_file})"


def _spend(ledger: Ledger, options: argparse.Namespace, now: datetime) -> list[str]:
    since = _day(f"{options.month}-01", "--month") if options.month else now.replace(day=1)
    since = since.replace(hour=0, minute=0, second=0, microsecond=0)
    until = (since + timedelta(days=32)).replace(day=1)
    groups = ledger.calls.spend_by(options.by, since=since, until=until)
    total = ledger.calls.spent(since=since, until=until)
    if options.format == "json":
        found = [{options.by: name, **_row(spend)} for name, spend in groups.items()]
        return [json.dumps({"month": f"{since:%Y-%m}", "groups": found, "total": _row(total)})]
    width = max((len(name) for name in groups), default=0)
    width = max(width, len("total"))
    rows = [*groups.items(), ("total", total)]
    return [f"{since:%Y-%m} (UTC), by {options.by}", *(f"{name:<{width}}  {_words(it)}" for name, it in rows)]


def _row(spend: Spend) -> dict[str, object]:
    return {
        "cost_usd": None if spend.cost is None else f"{spend.cost:f}",
        "known_usd": f"{spend.known:f}",
        "estimated_usd": f"{spend.estimated:f}",
        "unconfirmed_usd": f"{spend.unconfirmed:f}",
        "unpriced_calls": spend.unpriced,
        "calls": spend.calls,
        "input_tokens": spend.usage.input,
        "cached_tokens": spend.usage.cache_read,
        "output_tokens": spend.usage.output,
    }


def _words(spend: Spend) -> str:
    parts = [f"{dollars(spend.known):>12}", f"{spend.calls} calls"]
    parts.append(f"{spend.usage.input} tokens in ({spend.usage.cache_read} cached), {spend.usage.output} out")
    if spend.estimated:
        parts.append(f"of which {dollars(spend.estimated)} is estimated")
    if spend.unconfirmed:
        parts.append(f"and at most {dollars(spend.unconfirmed)} whose bill did not arrive")
    if spend.unpriced:
        parts.append(f"{spend.unpriced} calls of unknown price")
    return "  ".join(parts)


def _credit(ledger: Ledger, options: argparse.Namespace, now: datetime) -> list[str]:
    if options.add is not None:
        if not options.reference:
            raise ConfigurationError(
                "--add needs --reference", remedy="Name the receipt, so that the same purchase is booked once."
            )
        amount = parse_amount(options.add, "--add")
        if not amount:
            raise ConfigurationError("--add books nothing", remedy="Name US dollars, such as 25.")
        kind = CreditKind.BONUS if options.bonus else CreditKind.PURCHASE
        expires_at = _day(options.expires, "--expires") if options.expires else None
        new = NewCredit(amount, kind, reference=options.reference, expires_at=expires_at)
        try:
            ledger.prepaid.add(options.organisation, new, now)
        except ReferenceReused as error:
            raise ConfigurationError(
                f"--reference {error}", remedy="Name this credit's own receipt; the same one is booked once."
            ) from None
    balance = ledger.prepaid.balance(options.organisation, now)
    lines = [f"{options.organisation}: {dollars(balance.free)} can be spent"]
    if balance.debt:
        lines.append(f"  {dollars(balance.debt)} is owed; the next credit pays it first")
    for credit in ledger.prepaid.credits(options.organisation):
        lapse = f", lapses on {credit.expires_at:%Y-%m-%d}" if credit.expires_at else ""
        lapsed = " (lapsed)" if credit.expires_at and credit.expires_at <= now else ""
        held = f", {dollars(credit.held)} held" if credit.held else ""
        lines.append(f"  {credit.kind.value}: {dollars(credit.remaining)} left{held}{lapse}{lapsed}")
    return lines


def _unconfirmed(it: Unconfirmed) -> str:
    theirs = f"  {it.request_id}" if it.request_id else ""
    return (
        f"{it.reservation}  {it.opened_at:%Y-%m-%d %H:%M:%S} UTC  {it.provider}  {it.model}  "
        f"at most {dollars(it.at_most)}{theirs}"
    )


def _confirm(ledger: Ledger, options: argparse.Namespace, now: datetime) -> list[str]:
    cost = parse_amount(options.cost, "cost")
    if options.reservation not in {it.reservation for it in ledger.money.unconfirmed(limit=1_000_000)}:
        raise ConfigurationError(
            f"{options.reservation} is no unconfirmed call",
            remedy="`kilo-review ledger unconfirmed` lists them.",
        )
    ledger.money.confirm(options.reservation, cost, now)
    return [f"{options.reservation}: {dollars(cost)}"]


def _day(text: str, option: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        wanted = "2026-11" if option == "--month" else "2026-11-30"
        raise ConfigurationError(f"{option}: not a date", remedy=f"Write it as {wanted}.") from None
