"""Records as JSON and CSV, row by row, so that a list of any length needs the memory of one page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from reviewer.ledger.books.window import MAX_ROWS, Page

# A cell that begins so is a formula to a spreadsheet; a blank or a tab before it does not help there.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class PageOf(Protocol):
    """A page of a list: its rows and where the next one begins."""

    @property
    def rows(self) -> tuple[Any, ...]:
        """The rows of this page."""

    @property
    def next(self) -> int | None:
        """The `after` of the next page, None at the end."""


def plain(value: Any) -> Any:
    """Return a record as JSON has it: amounts as text, moments in ISO 8601, properties among the fields."""
    if is_dataclass(value) and not isinstance(value, type):
        names = [each.name for each in fields(value)]
        names += [name for name, found in vars(type(value)).items() if isinstance(found, property)]
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value else "0"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value


def every_row(read: Callable[[Page], PageOf], most: int = 0) -> Iterator[Any]:
    """Yield the rows of a list page by page, `most` of them where that is not 0."""
    after, left = 0, most
    while True:
        page = read(Page(min(MAX_ROWS, left) if most else MAX_ROWS, after))
        yield from page.rows
        left -= len(page.rows)
        if page.next is None or (most and left <= 0):
            return
        after = page.next


def csv_lines(rows: Iterable[Any]) -> Iterator[str]:
    """Yield records of one kind as lines of CSV, their names first; no cell is a formula. Nothing for no rows."""
    names: list[str] = []
    for row in rows:
        cells = flat(plain(row))
        if not names:
            names = list(cells)
            yield _csv_line(names)
        yield _csv_line([_cell(cells.get(name)) for name in names])


def json_lines(rows: Iterable[Any]) -> Iterator[str]:
    """Yield records as one JSON array, a row a line."""
    start = "["
    for row in rows:
        yield f"{start}\n{json.dumps(plain(row), ensure_ascii=False)}"
        start = ","
    yield "[]\n" if start == "[" else "\n]\n"


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without records in it: their fields take their place."""
    cells: dict[str, Any] = {}
    for name, value in row.items():
        cells.update(flat(value) if isinstance(value, Mapping) else {name: value})
    return cells


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
