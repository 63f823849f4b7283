"""`kilo-review models`: what can be used now, at which price, and why the rest cannot."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from policies.words import Payment, Tier
from reviewer.errors import ConfigurationError
from reviewer.models.catalogue import Usable, catalogue, per_million
from reviewer.models.table import shipped_table
from reviewer.settings import Settings, organisation_policy

HEADINGS = ("TIER", "MODEL", "ROUTE", "$/M IN", "$/M OUT", "$/M CACHED", "USABLE")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text (default) or json")
    parser.add_argument(
        "--tier", choices=[tier.label for tier in Tier], help="only this tier (default: every tier)"
    )
    parser.add_argument("--usable", action="store_true", help="only what can be used now")
    parser.add_argument(
        "--private", action="store_true", help="judge by the stricter rules for private repositories"
    )
    parser.add_argument("--model", default="", metavar="PROVIDER/MODEL", help="judge a fixed model instead")
    parser.add_argument("--no-local", action="store_true", help="do not look for local servers")


def main(args: argparse.Namespace, settings: Settings | None = None) -> int:
    """Print the catalogue; 0 where something is usable, 2 where nothing is."""
    settings = settings or Settings.from_environ()
    found = catalogue(
        settings,
        organisation_policy(settings).providers,
        private=args.private,
        discover_local=not args.no_local,
        fixed=args.model,
    )
    any_usable = any(entry.usable for entry in found)
    shown = [
        entry
        for entry in found
        if (not args.tier or entry.candidate.tier.label == args.tier) and (entry.usable or not args.usable)
    ]
    sys.stdout.write(to_json(shown) if args.format == "json" else to_text(shown))
    if not any_usable:
        sys.stderr.write(
            "kilo-review: no model is usable. Set KILO_API_KEY or a provider's key, or start a local server "
            "(Ollama, LM Studio, llama.cpp).\n"
        )
    return 0 if any_usable else ConfigurationError.exit_code


def to_json(entries: Sequence[Usable]) -> str:
    """Render one object per model; prices are strings in US dollars per million tokens, null where unknown."""
    return json.dumps([_object(entry) for entry in entries], indent=2, ensure_ascii=False) + "\n"


def _object(entry: Usable) -> dict[str, Any]:
    candidate, price = entry.candidate, entry.price
    return {
        "tier": candidate.tier.label,
        "model": candidate.model,
        "provider": candidate.provider,
        "route": candidate.payment.value,
        "prices": None
        if price is None
        else {
            "input": _plain(price.input),
            "output": _plain(price.output),
            "cache_read": _plain(price.cache_read),
            "cache_write": _plain(price.cache_write),
            "above": [
                {"prompt_tokens": start, "input": _plain(row.input), "output": _plain(row.output)}
                for start, row in price.above
            ],
        },
        "context_window": candidate.context_window,
        "max_output_tokens": candidate.max_output_tokens,
        "usable": entry.usable,
        "reason": entry.reason,
        "rule": entry.rule,
    }


def _plain(price: Decimal) -> str:
    return f"{per_million(price):f}"


def to_text(entries: Sequence[Usable]) -> str:
    """Render a table for people: the last column is `yes`, or the reason why not."""
    if not entries:
        return "no model to show\n"
    rows = [HEADINGS, *(_row(entry) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS) - 1)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if 3 <= column <= 5 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row[:-1], widths, strict=True))
        ]
        lines.append("  ".join((*cells, row[-1])).rstrip())
    return "\n".join(lines) + "\n" + _legend(entries)


def _row(entry: Usable) -> tuple[str, ...]:
    candidate, price = entry.candidate, entry.price
    unknown = "unknown"
    prices = (
        (unknown, unknown, unknown)
        if price is None
        else tuple(
            _plain(value) + ("*" if price.above else "") for value in (price.input, price.output, price.cache_read)
        )
    )
    provider = shipped_table().providers.get(candidate.provider)
    route = "local" if candidate.payment is Payment.LOCAL else provider.name if provider else "your endpoint"
    return (candidate.tier.label, candidate.name, route, *prices, "yes" if entry.usable else entry.reason)


def _legend(entries: Sequence[Usable]) -> str:
    tiered = any(entry.price is not None and entry.price.above for entry in entries)
    return "* more for long prompts; see --format json\n" if tiered else ""
