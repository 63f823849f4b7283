"""A Review for people: by file, with the code line, the reason and the fix; then coverage, time and cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from policies.words import Severity
from reviewer.findings.model import Disposition, PlacedFinding
from reviewer.local.unread import unread
from reviewer.prompts.fence import reveal
from reviewer.publish.figures import money, seconds
from reviewer.steps.result import Review, ReviewStatus

_COLOUR: Final = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}
_LOWER_SHOWN: Final = 10
_SKIPS_SHOWN: Final = 8


def print_review(review: Review, console: Console) -> None:
    """Print a review; what was left out is counted, never silent."""
    inline = review.by_disposition(Disposition.INLINE, Disposition.OUT_OF_DIFF, Disposition.UNPLACED)
    lower = review.by_disposition(Disposition.SUMMARY)
    _print_findings(inline, console)
    if lower:
        console.print(_line((f"{len(lower)} lower-ranked", "bold")))
        for placed in _ordered(lower)[:_LOWER_SHOWN]:
            console.print(_head(placed, where=True))
        if len(lower) > _LOWER_SHOWN:
            console.print(_line((f"  … and {len(lower) - _LOWER_SHOWN} more (--format json has all)", "dim")))
        console.print()
    for each in (*review.statements, *review.criteria):
        shown = " · ".join(part for part in (each.quote, each.why) if part)
        console.print(_line((f"{each.outcome.value}: ", "bold"), (_plain(f"{each.name} · {shown}"), "")))
    for notice in dict.fromkeys(review.notices):
        console.print(_line(("note: ", "bold"), (_plain(notice), "")))
    if review.context_limits:
        console.print(
            _line(("note: ", "bold"), (f"context was cut short: {_plain('; '.join(review.context_limits))}", ""))
        )
    _print_skips(review, console)
    console.print(_line((closing(review), "bold" if inline else "")))
    if missed := unread(review):
        console.print(_line((_plain(missed), "yellow")))


def closing(review: Review) -> str:
    """Return the last line: findings, coverage, time, cost."""
    return " · ".join((_found(review), _covered(review), seconds(review.duration_ms), _cost(review)))


def _print_findings(findings: Sequence[PlacedFinding], console: Console) -> None:
    by_path = sorted(findings, key=lambda placed: placed.finding.path)
    for path, group in groupby(by_path, key=lambda placed: placed.finding.path):
        console.print(_line((_plain(path), "bold underline")))
        for placed in sorted(group, key=lambda placed: (placed.finding.line, -placed.finding.severity)):
            _print_finding(placed, console)
        console.print()


def _print_finding(placed: PlacedFinding, console: Console) -> None:
    finding = placed.finding
    console.print(_head(placed, where=False))
    first = finding.start_line or finding.line
    if not finding.quote:
        # What must not be repeated, such as a secret, still has a place.
        console.print(_line((f"{first:>6} │ ", "dim"), ("(the line is not shown)", "dim")))
    else:
        console.print(_line((f"{first:>6} │ ", "dim"), (_plain(finding.quote.split("\n")[0]), "")))
    _print_indented(finding.body, "", console)
    if placed.reason and placed.disposition in (Disposition.OUT_OF_DIFF, Disposition.UNPLACED):
        _print_indented(placed.reason, "dim", console)
    if finding.suggestion is not None:
        for old in finding.quote.split("\n"):
            console.print(_line((f"         - {_plain(old)}", "red")))
        for new in finding.suggestion.split("\n"):
            console.print(_line((f"         + {_plain(new)}", "green")))


def _print_indented(text: str, style: str, console: Console) -> None:
    """Print wrapped to the terminal; in a pipe one line stays one line."""
    if console.is_terminal:
        console.print(Padding(_line((_plain(text), style)), (0, 0, 0, 9)))
    else:
        console.print(_line((" " * 9, ""), (_plain(text), style)))


def _head(placed: PlacedFinding, *, where: bool) -> Text:
    finding = placed.finding
    place = f"{_plain(finding.path)}:{finding.line} " if where else ""
    return _line(
        ("  ", ""),
        (finding.severity.label.upper() if finding.graded else "UNGRADED", _COLOUR[finding.severity]),
        (f" {finding.category.value}", "dim"),
        (f"  {place}{_plain(finding.title)}", "bold"),
        (f"  {_plain(finding.source)}", "dim"),
    )


def _print_skips(review: Review, console: Console) -> None:
    missed = [skip for skip in review.coverage.skipped if not skip.excluded]
    excluded = [skip for skip in review.coverage.skipped if skip.excluded]
    for words, skips, style in (("not reviewed", missed, "yellow"), ("left out", excluded, "dim")):
        for skip in skips[:_SKIPS_SHOWN]:
            hunk = f" {skip.header.split('@@')[1].strip()}" if skip.header.count("@@") > 1 else ""
            console.print(_line((f"{words}: {_plain(skip.path)}{hunk}: {_plain(skip.reason)}", style)))
        if len(skips) > _SKIPS_SHOWN:
            console.print(_line((f"{words}: {len(skips) - _SKIPS_SHOWN} more", style)))


def _ordered(findings: Iterable[PlacedFinding]) -> list[PlacedFinding]:
    return sorted(findings, key=lambda placed: (-placed.finding.severity, -placed.score, placed.finding.path))


def _found(review: Review) -> str:
    if review.status is ReviewStatus.EMPTY:
        return "nothing to review"
    shown = review.shown()
    if not shown:
        clean = review.status is ReviewStatus.COMPLETE and review.coverage.complete
        return "no issues found" if clean else "nothing found in what was reviewed"
    graded = [placed.finding.severity for placed in shown if placed.finding.graded]
    counts = [(level.label, graded.count(level)) for level in reversed(Severity)]
    counts.append(("ungraded", len(shown) - len(graded)))
    words = ", ".join(f"{number} {label}" for label, number in counts if number)
    return f"{len(shown)} finding{'s' if len(shown) > 1 else ''} ({words})"


def _covered(review: Review) -> str:
    coverage = review.coverage
    missed = sum(1 for skip in coverage.skipped if not skip.excluded)
    total = len(coverage.reviewed) + missed
    words = {
        ReviewStatus.ANALYSERS_ONLY: "analysers only",
        ReviewStatus.STOPPED_BY_LIMIT: "stopped by a spending limit",
    }.get(review.status, "")
    reviewed = f"{len(coverage.reviewed)} of {total} hunks reviewed"
    return f"{words}: {reviewed}" if words else reviewed


def _cost(review: Review) -> str:
    cached = f", {review.units_from_cache} from the cache" if review.units_from_cache else ""
    spent = "cost unknown" if review.cost is None else money(review.cost)
    return f"{spent}{cached}"


def _plain(text: str) -> str:
    """Return text that cannot steer a terminal."""
    return reveal(text.expandtabs(4)).replace("\n", " ")


def _line(*parts: tuple[str, str]) -> Text:
    return Text.assemble(*parts)
