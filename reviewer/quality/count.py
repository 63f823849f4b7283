"""From an outcome and its case to counts: which findings match, by a judge; kept beside the results."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from reviewer.errors import ConfigurationError
from reviewer.quality.case import Case, Golden
from reviewer.quality.match import Pair, by_words, one_to_one, possible_pairs
from reviewer.quality.outcome import Found, Outcome
from reviewer.quality.score import Counted

# Returns the pairs that mean the same, None where nobody could say.
Same = Callable[[str, Sequence[Found], Sequence[Golden], Sequence[Pair]], Sequence[Pair] | None]


def same_by_words(
    case: str,
    findings: Sequence[Found],
    goldens: Sequence[Golden],
    pairs: Sequence[Pair],
) -> Sequence[Pair]:
    """Decide by words alone: for a run without a model as judge."""
    return list(by_words(findings, goldens)(pairs))


def count(case: Case, outcome: Outcome, same: Same) -> Counted:
    """Return the counts of a reviewed case."""
    findings = outcome.findings
    pairs = possible_pairs(findings, case.goldens)
    said = same(outcome.case, findings, case.goldens, pairs) if pairs else []
    valid = one_to_one([pair for pair in said or () if case.goldens[pair.golden].valid])
    matched = {pair.finding for pair in valid}
    rejected = one_to_one([pair for pair in said or () if not case.goldens[pair.golden].valid])
    return Counted(
        case=outcome.case,
        goldens=len(case.valid),
        findings=len(findings),
        matched=len(valid),
        inline=sum(found.inline for found in findings),
        inline_matched=sum(findings[number].inline for number in matched),
        anchored=sum(found.anchored for found in findings),
        rejected=sum(pair.finding not in matched for pair in rejected),
        complete=outcome.complete,
        judged=said is not None and not outcome.error,
        cost=outcome.cost,
        seconds=outcome.seconds,
        input_tokens=outcome.input_tokens,
        output_tokens=outcome.output_tokens,
        calls=outcome.calls,
    )


def write_counts(file: Path, about: dict[str, Any], counted: Sequence[Counted]) -> None:
    """Write the counts of a run and what is to be known of it (`label`, `judge`, `models`, `date`)."""
    rows = []
    for row in counted:
        values = asdict(row)
        values["cost"] = None if row.cost is None else str(row.cost)
        rows.append(values)
    file.write_text(json.dumps({"about": about, "cases": rows}, indent=1) + "\n", encoding="utf-8")


def read_counts(file: Path) -> tuple[dict[str, Any], tuple[Counted, ...]]:
    """Return what `write_counts` wrote; ConfigurationError for anything else."""
    remedy = "Name a folder that `kilo-review bench run` wrote."
    try:
        data = json.loads(file.read_text("utf-8"))
        known = {field.name for field in fields(Counted)}
        rows = []
        for row in data["cases"]:
            values: dict[str, Any] = {name: value for name, value in row.items() if name in known}
            values["cost"] = None if row["cost"] is None else Decimal(row["cost"])
            rows.append(Counted(**values))
        return dict(data["about"]), tuple(rows)
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror or error}", remedy=remedy) from None
    except (ValueError, TypeError, KeyError, ArithmeticError):
        raise ConfigurationError(f"{file} holds no counts", remedy=remedy) from None
