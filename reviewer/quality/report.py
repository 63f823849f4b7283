"""Scores for people and programs: a table, Markdown, JSON and a page that ranks several runs. Pure."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Final

from reviewer.quality.score import Figure, Score

HEADINGS: Final = (
    "label", "cases", "complete", "precision", "recall", "F1", "inline precision", "findings per case", "anchored",
    "$ per case", "$ per true finding", "seconds",
)  # fmt: skip


def rows_of(scores: Sequence[Score]) -> list[tuple[str, ...]]:
    """Return one row of text a score, in the order of HEADINGS."""
    return [
        (
            one.label,
            str(one.cases),
            share(one.completion),
            share(one.precision),
            share(one.recall),
            share(one.f1),
            share(one.inline_precision),
            number(one.findings_per_case),
            share(one.anchoring),
            money(one.cost_per_case),
            money(one.cost_per_true) if one.matched or one.cost is None else "none found",
            number(one.seconds),
        )
        for one in scores
    ]


def ranked(scores: Sequence[Score]) -> list[Score]:
    """Return scores by F1 times the share of complete reviews; of equal ones the cheaper, known price first."""

    def place(one: Score) -> tuple[float, bool, Decimal, str]:
        found = (one.f1.value or 0.0) * (one.completion.value or 0.0)
        return -found, one.cost_per_case is None, one.cost_per_case or Decimal(0), one.label

    return sorted(scores, key=place)


def as_text(scores: Sequence[Score], about: Sequence[Mapping[str, Any]]) -> str:
    """Return a table for a terminal, one figure a line where there is one run."""
    table = [HEADINGS, *rows_of(scores)]
    widths = [max(len(row[at]) for row in table) for at in range(len(HEADINGS))]
    if len(scores) == 1:
        width = max(map(len, HEADINGS))
        lines = [f"{name:{width}}  {value}" for name, value in zip(HEADINGS, table[1], strict=True)]
    else:
        lines = [
            "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in table
        ]
    return "\n".join([*lines, "", *map(sentence, about)])


def as_markdown(scores: Sequence[Score], about: Sequence[Mapping[str, Any]]) -> str:
    """Return a Markdown table."""
    rows = [HEADINGS, tuple("---" for _ in HEADINGS), *rows_of(scores)]
    cells = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([*cells, "", *(f"- {sentence(each)}" for each in about)])


def as_json(scores: Sequence[Score], about: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return plain JSON values; money as text with all its digits, null where a price is unknown."""
    rows = []
    for one, told in zip(scores, about, strict=True):
        values = asdict(one)
        for name in ("cost", "cost_per_case", "cost_per_true"):
            values[name] = None if values[name] is None else str(values[name])
        rows.append({**values, "about": dict(told)})
    return rows


def as_page(scores: Sequence[Score], about: Sequence[Mapping[str, Any]]) -> str:
    """Return a page that ranks the runs; it needs no script and nothing from elsewhere."""
    order = ranked(scores)
    told = {one.label: each for one, each in zip(scores, about, strict=True)}
    head = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in ("place", *HEADINGS))
    body = "".join(
        "<tr>" + f"<td>{place}</td>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for place, row in enumerate(rows_of(order), 1)
    )
    notes = "".join(f"<li>{html.escape(sentence(told[one.label]))}</li>" for one in order)
    return _PAGE.format(head=head, body=body, notes=notes)


def sentence(about: Mapping[str, Any]) -> str:
    """Say how a run was made: date, set, models, judge, and what it cost now."""
    models = ", ".join(about.get("models") or ()) or "no model"
    return (
        f"{about.get('label', '')}: {about.get('date', '')}, {about.get('set', '')}; models: {models}; "
        f"judge: {about.get('judge', '')}; paid in this run: {about.get('spent', '')}; read from: "
        f"{about.get('read_from', '')}"
    )


def share(figure: Figure) -> str:
    """Return a share with its interval."""
    return _figure(figure, "{:.2f}")


def number(figure: Figure) -> str:
    """Return a number with its interval."""
    return _figure(figure, "{:.1f}")


def money(amount: Decimal | None) -> str:
    """Return US dollars; "unknown" where a price is."""
    return "unknown" if amount is None else f"${amount:.4f}"


def _figure(figure: Figure, form: str) -> str:
    if figure.value is None:
        return "none"
    text = form.format(figure.value)
    if figure.low is None or figure.high is None:
        return text
    return f"{text} ({form.format(figure.low)}-{form.format(figure.high)})"


_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Kilo Review bench</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ margin: 2rem auto; max-width: 80rem; padding: 0 1rem }}
div {{ overflow-x: auto }}
table {{ border-collapse: collapse }}
th, td {{ border-bottom: 1px solid #8886; padding: .4rem .6rem; text-align: left; white-space: nowrap }}
</style>
<h1>Kilo Review bench</h1>
<p>Ranked by F1 times the share of complete reviews, of equal ones the cheaper first. Figures in brackets hold
95 % of resampled sets of cases.</p>
<div tabindex="0" role="region" aria-label="Ranking">
<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>
</div>
<h2>How each run was made</h2>
<ul>{notes}</ul>
</html>
"""
