"""Outcome: what a review of one case came to, as it is kept in a file of results."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from reviewer.findings.model import Disposition
from reviewer.steps.result import Review, ReviewStatus

NO_ANCHOR: Final = (Disposition.OUT_OF_DIFF, Disposition.UNPLACED)


@dataclass(frozen=True, slots=True)
class Found:
    """One finding that a reader would see. `anchored` says that it has a place in the diff."""

    path: str
    start: int
    end: int
    title: str
    body: str
    severity: str
    source: str
    inline: bool
    anchored: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """A reviewed case. Costs are US dollars, None where a price is unknown: `cost` is what the calls cost at their
    price, `spent` what was paid in this run, without the answers that were recorded. `read_from` says what the
    engine could read beside the diff. `error` is one line for a case that could not be reviewed, "" otherwise.
    """

    case: str
    label: str
    complete: bool
    findings: tuple[Found, ...] = ()
    cost: Decimal | None = Decimal(0)
    spent: Decimal | None = Decimal(0)
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0
    models: tuple[str, ...] = ()
    read_from: str = ""
    error: str = ""


def outcome_of(review: Review, case: str, label: str, spent: Decimal | None, read_from: str) -> Outcome:
    """Return what a review came to."""
    found = tuple(
        Found(
            path=placed.finding.path,
            start=placed.finding.start_line or placed.finding.line,
            end=placed.finding.line,
            title=placed.finding.title,
            body=placed.finding.body,
            severity=placed.finding.severity.label,
            source=placed.finding.source,
            inline=placed.disposition is Disposition.INLINE,
            anchored=placed.disposition not in NO_ANCHOR,
        )
        for placed in review.shown()
    )
    return Outcome(
        case=case,
        label=label,
        complete=review.status is ReviewStatus.COMPLETE and review.coverage.complete,
        findings=found,
        cost=review.cost,
        spent=spent,
        seconds=round(review.duration_ms / 1000, 2),
        input_tokens=review.usage.input,
        output_tokens=review.usage.output,
        calls=len(review.calls),
        models=tuple(dict.fromkeys(call.model for call in review.calls if call.ok)),
        read_from=read_from,
    )


def write_outcome(outcome: Outcome, file: Path) -> None:
    """Append an outcome to a file of results, as one line of JSON."""
    row = asdict(outcome)
    for name in ("cost", "spent"):
        row[name] = None if row[name] is None else str(row[name])
    append_line(file, json.dumps(row, ensure_ascii=True))


def append_line(file: Path, line: str) -> None:
    """Append a line to a file; one that was cut when a run was killed is ended first, and lost alone."""
    with file.open("ab+") as out:
        if out.tell():
            out.seek(-1, os.SEEK_END)
            if out.read(1) != b"\n":
                out.write(b"\n")
        out.write(f"{line}\n".encode())


def read_outcomes(file: Path) -> dict[str, Outcome]:
    """Return the outcomes of a file of results by case; the last line of a case counts, a cut line is left out."""
    return {outcome.case: outcome for outcome in _read(file)} if file.exists() else {}


def _read(file: Path) -> Iterator[Outcome]:
    for line in file.read_text("utf-8").splitlines():
        try:
            yield _outcome(json.loads(line))
        except (ValueError, TypeError, KeyError):
            # The line that was being written when a run was killed.
            continue


def _outcome(row: Mapping[str, Any]) -> Outcome:
    known = {field.name for field in fields(Outcome)}
    values: dict[str, Any] = {name: value for name, value in row.items() if name in known}
    values["findings"] = tuple(Found(**found) for found in row["findings"])
    values["models"] = tuple(row.get("models", ()))
    for name in ("cost", "spent"):
        values[name] = None if row.get(name) is None else Decimal(row[name])
    return Outcome(**values)
