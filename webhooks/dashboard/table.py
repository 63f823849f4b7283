"""Table: rows of records as text. Everything is text here; the template escapes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from policies.words import Severity

UNIT_LETTERS: Final = 10
NOTHING: Final = "Nothing in this time."


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, and where it leads."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A caption, headings and rows; `empty` says what to do where there are no rows."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str


def table(
    caption: str, columns: Sequence[str], records: Iterable[Any], *, link: str = "", empty: str = ""
) -> Table:
    """Return a table of records' fields, `sums.calls` for one of a record inside.

    `link` is the address of a record with {id} in it, for the first column.
    """
    rows = []
    for record in records:
        cells = [Cell(_told(name, _value(record, name))) for name in columns]
        if link and cells:
            cells[0] = Cell(cells[0].text, link.format(id=record.id))
        rows.append(tuple(cells))
    headings = tuple(_heading(name) for name in columns)
    return Table(caption, headings, tuple(rows), empty or NOTHING)


def _told(name: str, value: Any) -> str:
    if name == "severity":
        return Severity(value).label
    if name == "outcome" and value is None:
        return "undecided"
    if name == "unit":
        # A digest: enough of it to tell units apart.
        return str(value)[:UNIT_LETTERS]
    return said(value, usd="usd" in name)


def said(value: Any, *, usd: bool = False) -> str:
    """Return a value as text. What is not known is "unknown", never zero."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"${value:.4f}" if usd else str(value)
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def _value(record: Any, name: str) -> Any:
    for part in name.split("."):
        record = getattr(record, part)
    return record


def _heading(name: str) -> str:
    if name == "usd_per_accepted":
        return "Cost per accepted finding"
    words = name.rpartition(".")[2].removesuffix("_usd").removesuffix("_at").replace("_", " ")
    return words[:1].upper() + words[1:]
