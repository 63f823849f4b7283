"""Write the prices that genai-prices publishes to `reviewer/models/published_prices.json`.

Run it after `make lock` brought a newer genai-prices; a test compares every model. The package itself is needed by
this script and by tests only: it brings pydantic and an HTTP client, 15 MB and half a second of import.
"""

from __future__ import annotations

import json
import sys
from datetime import time
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from genai_prices import types
from genai_prices.data_snapshot import get_snapshot

from reviewer.models.table import shipped_table

FOLDER: Final = Path(__file__).resolve().parent.parent / "reviewer" / "models"
PRICED: Final = {"input": "input_mtok", "output": "output_mtok"} | {
    f"cache_{way}": f"cache_{way}_mtok" for way in ("read", "write")
}


def snapshot() -> str:
    """Return the prices of the providers that the table of models names, one model a line."""
    known = {provider.id: provider for provider in get_snapshot().providers}
    named = dict.fromkeys(row.prices for row in shipped_table().providers.values() if row.prices)
    wanted = dict.fromkeys(
        [*named, *(more for name in named for more in known[name].fallback_model_providers or ())]
    )
    parts = []
    for name in wanted:
        provider = known[name]
        rows = ",\n".join(
            json.dumps([_match(model.match), _prices(model.prices)], ensure_ascii=False, separators=(",", ":"))
            for model in provider.models
        )
        fallback = json.dumps(provider.fallback_model_providers or [])
        parts.append(f'{json.dumps(name)}: {{"fallback": {fallback}, "models": [\n{rows}\n]}}')
    source = f"genai-prices {distribution('genai-prices').version}, see published_prices.licence.txt"
    body = ",\n".join(parts)
    return f'{{"source": {json.dumps(source)},\n"providers": {{\n{body}\n}}}}\n'


def licence() -> str:
    """Return the licence of the data."""
    files = distribution("genai-prices").files or ()
    return next(file for file in files if file.name.upper().startswith("LICEN")).read_text()


def _match(clause: object) -> list[object]:
    match clause:
        case types.ClauseOr():
            return ["or", *map(_match, clause.or_)]
        case types.ClauseAnd():
            return ["and", *map(_match, clause.and_)]
        case types.ClauseEquals():
            return ["equals", clause.equals.lower()]
        case types.ClauseStartsWith():
            return ["starts", clause.starts_with.lower()]
        case types.ClauseEndsWith():
            return ["ends", clause.ends_with.lower()]
        case types.ClauseContains():
            return ["contains", clause.contains.lower()]
        case types.ClauseRegex():
            return ["regex", clause.regex]
    raise SystemExit(f"genai-prices matches models by {type(clause).__name__}, which nothing here reads")


def _prices(prices: types.ModelPrice | list[types.ConditionalPrice]) -> list[object]:
    conditional = prices if isinstance(prices, list) else [types.ConditionalPrice(prices=prices)]
    return [[_when(row.constraint), _row(row.prices)] for row in conditional]


def _when(constraint: object) -> list[str]:
    match constraint:
        case None:
            return []
        case types.StartDateConstraint():
            return [constraint.start_date.isoformat()]
        case types.TimeOfDateConstraint():
            return [_utc(constraint.start_time), _utc(constraint.end_time)]
    raise SystemExit(f"genai-prices has prices by {type(constraint).__name__}, which nothing here reads")


def _utc(moment: time) -> str:
    offset = moment.utcoffset()
    if offset:
        raise SystemExit("genai-prices has a time of day that is not UTC, which nothing here reads")
    return moment.replace(tzinfo=None).isoformat()


def _row(prices: types.ModelPrice) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, field in PRICED.items():
        value = getattr(prices, field)
        if isinstance(value, types.TieredPrices):
            row[name] = [str(value.base), *([tier.start, str(tier.price)] for tier in value.tiers)]
        elif value is not None:
            row[name] = str(value)
    return row


if __name__ == "__main__":
    (FOLDER / "published_prices.json").write_text(snapshot(), "utf-8")
    (FOLDER / "published_prices.licence.txt").write_text(licence(), "utf-8")
    sys.stdout.write("published_prices.json written\n")
