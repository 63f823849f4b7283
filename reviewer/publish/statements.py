"""The checks in plain language and the acceptance criteria, as the summary shows them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from reviewer.findings.statements import Outcome, Statement
from reviewer.models.model import Stage
from reviewer.publish.escape import cell, code, plain
from reviewer.publish.figures import money
from reviewer.steps.result import Review, add_costs

_PLURALS: Final = {"Check": "Checks", "Acceptance criterion": "Acceptance criteria"}
_SIGNS: Final = {Outcome.MET: "✅", Outcome.NOT_MET: "❌", Outcome.NOT_VISIBLE: "⚪"}


def section(review: Review) -> str:
    """Return the table of the checks with their outcomes, the lines that show them and the price; "" for none."""
    return _table("Check", review.statements, review, Stage.STATEMENTS)


def criteria(review: Review) -> str:
    """Return the same table of the acceptance criteria."""
    return _table("Acceptance criterion", review.criteria, review, Stage.INTENT)


def _table(noun: str, statements: Sequence[Statement], review: Review, stage: Stage) -> str:
    if not statements:
        return ""
    counts = Counter(statement.outcome for statement in statements)
    told = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome])
    rows = [_row(statement) for statement in statements]
    return "\n".join(
        (
            f"**{_PLURALS[noun]}: {told}** ({_price(review, stage)})",
            "",
            f"| | {noun} | Shown by |",
            "|:--|:--|:--|",
            *rows,
        )
    )


def _row(statement: Statement) -> str:
    gate = " (gate)" if statement.gate else ""
    shown = " ".join(
        part for part in (code(statement.quote) if statement.quote else "", plain(statement.why)) if part
    )
    sign = f"{_SIGNS[statement.outcome]} {statement.outcome.value}"
    return f"| {sign}{gate} | {cell(plain(statement.name))} | {cell(shown)} |"


def _price(review: Review, stage: Stage) -> str:
    """Return what the question cost, in words."""
    calls = [call for call in review.calls if call.stage is stage]
    if not calls:
        return "nothing was asked"
    return f"one question, {money(add_costs(Decimal(0), calls))}"
