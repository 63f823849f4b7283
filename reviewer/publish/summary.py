"""The sticky summary comment: what was found, what was looked at, what it cost. Pure.

The first three lines answer "is there anything for me to do?"; everything else is folded or below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from policies.gates import Verdict
from policies.words import Conclusion, Severity
from reviewer.findings.model import Disposition, PlacedFinding
from reviewer.publish import cost, coverage, statements
from reviewer.publish.cost import Totals
from reviewer.publish.escape import cell, code, link, plain
from reviewer.publish.figures import count, grade, icon, place, seconds
from reviewer.publish.inline import BODY_LIMIT, render_finding, size
from reviewer.publish.marker import Kind, Marker, fingerprint_in_marker
from reviewer.publish.open_findings import decisive, in_words, ordered, standing, still_open
from reviewer.publish.sanitize import title
from reviewer.publish.set_aside import fixed, routes, set_aside
from reviewer.steps.result import Review, ReviewStatus

SUMMARY_LIMIT: Final = BODY_LIMIT - 500
# Rows of the table that stand unfolded; a page of them is more than ten seconds.
MAX_OPEN_ROWS: Final = 20
# Findings that are named as those that failed the check.
_MAX_DECISIVE: Final = 3
# Characters of a finding's body at each level of detail; 0 is the title alone.
_BODY_LIMITS: Final = (8_000, 1_500, 300, 0, 0)
_LEVELS: Final = len(_BODY_LIMITS)
_ADDRESS: Final = re.compile(r"\((https?://[^\s()]+)\)")


@dataclass(frozen=True, slots=True)
class SummaryInput:
    """What the summary is made from; every text in it is redacted already.

    `repository_url` is the repository's own address, "" for no links. `comment_urls` maps a fingerprint (as a
    marker spells it) to the inline comment on it. `notices` are sentences of the publication itself. `verdict` is
    the check run's, None where there is no check.
    """

    review: Review
    repository_url: str = ""
    comment_urls: Mapping[str, str] = field(default_factory=dict)
    totals: Totals | None = None
    notices: tuple[str, ...] = ()
    verdict: Verdict | None = None


def render_summary(source: SummaryInput, *, limit: int = SUMMARY_LIMIT) -> str:
    """Return the summary's Markdown, at most `limit` characters long.

    Where everything does not fit, bodies are cut first, then left to their titles, then lists are cut; what is cut
    is counted in place.
    """
    for level in range(_LEVELS):
        text = _compose(source, level, most=None)
        if size(text) <= limit:
            return text
    rows = sum(len(part) for part in _told(source))
    low, high = 0, rows
    while low < high:
        middle = (low + high + 1) // 2
        if size(_compose(source, _LEVELS, most=middle)) <= limit:
            low = middle
        else:
            high = middle - 1
    return _cut(_compose(source, _LEVELS, most=low), limit)


def headline(review: Review) -> str:
    """Return the one sentence of a review, plain text; "no issues" only where everything was reviewed."""
    before = still_open(review)
    counts = in_words([*review.shown(), *before])
    if before:
        counts += ", raised before" if len(before) == len(standing(review)) else f", {len(before)} raised before"
    if review.status is ReviewStatus.EMPTY:
        return "nothing to review"
    if review.status is ReviewStatus.COMPLETE and review.coverage.complete:
        return counts or "no issues found"
    found = counts or "nothing found in what was reviewed"
    start = {
        ReviewStatus.ANALYSERS_ONLY: "no model reviewed this, analysers only",
        ReviewStatus.STOPPED_BY_LIMIT: "stopped by a spending limit",
    }.get(review.status, "incomplete")
    return f"{start}; {found}"


def _compose(source: SummaryInput, level: int, *, most: int | None) -> str:
    review = source.review
    first, second = _told(source)
    body_limit = _BODY_LIMITS[min(level, _LEVELS - 1)]
    left = len(first) + len(second) if most is None else most
    parts = [
        Marker(Kind.SUMMARY, head=review.change.head).line(),
        f"### {_sign(review)} Kilo Review: {headline(review)}",
        _status(source),
        *_decision(source),
        *_notices(source),
        _table(source, first[:left], len(first) - left),
        _details(source, first[:left], body_limit),
        _folded(source, second[: max(0, left - len(first))], second, body_limit),
        statements.section(review),
        statements.criteria(review),
        fold(*set_aside(review, repository_url=source.repository_url, level=level)),
        fold(*fixed(review, repository_url=source.repository_url)),
        fold(coverage.heading(review), coverage.lines(review, level=level)),
        fold(cost.heading(review), cost.table(review, source.totals)),
        fold("How it was reviewed", routes(review, level)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def fold(heading: str, lines: Sequence[str]) -> str:
    """Return a folded section. The only HTML that we write: `heading` must be our own words and numbers."""
    if not lines:
        return ""
    return "\n".join(("<details>", f"<summary>{heading}</summary>", "", *lines, "", "</details>"))


def _told(source: SummaryInput) -> tuple[list[PlacedFinding], list[PlacedFinding]]:
    """Split what a reader sees: the table, and the lower-ranked rest that is folded and decides nothing."""
    shown = ordered(standing(source.review))
    level = (source.verdict.fail_on if source.verdict else None) or Severity.HIGH
    lower = [
        placed
        for placed in shown
        if placed.disposition is Disposition.SUMMARY
        and not (placed.verified and placed.finding.severity >= min(level, Severity.HIGH))
    ]
    return [placed for placed in shown if placed not in lower], lower


def _sign(review: Review) -> str:
    found = standing(review)
    if found:
        return icon(max(placed.finding.severity for placed in found))
    whole = review.status is ReviewStatus.COMPLETE and review.coverage.complete
    return "✅" if whole else "⚪"


def _status(source: SummaryInput) -> str:
    review = source.review
    parts = [
        f"**{_capital(coverage.status(review))}**",
        *_inline_count(review),
        cost.status(review, source.totals),
        seconds(review.duration_ms) if review.duration_ms else "",
        _commit(source),
    ]
    return " · ".join(part for part in parts if part)


def _decision(source: SummaryInput) -> list[str]:
    """Return the line that says what decided the check, and by which findings; none where there is no check."""
    verdict = source.verdict
    if verdict is None:
        return []
    text = f"Check: **{verdict.conclusion.value}**. {' '.join(verdict.reasons)}"
    if verdict.conclusion is Conclusion.FAILURE and verdict.fail_on is not None:
        found = [found for found in ordered(decisive(source.review)) if found.finding.severity >= verdict.fail_on]
        places = [code(f"{placed.finding.path}:{placed.finding.line}") for placed in found[:_MAX_DECISIVE]]
        more = f" and {len(found) - len(places)} more" if len(found) > len(places) else ""
        text += f" Decided by {', '.join(places)}{more}." if places else ""
    return [text]


def _inline_count(review: Review) -> list[str]:
    inline = len(review.by_disposition(Disposition.INLINE))
    return [f"{inline} inline"] if inline and inline < len(standing(review)) else []


def _commit(source: SummaryInput) -> str:
    head = source.review.change.head
    if not head:
        return ""
    address = f"{source.repository_url}/commit/{head}" if source.repository_url else ""
    return link(code(head[:7]), address)


def _notices(source: SummaryInput) -> list[str]:
    notices = dict.fromkeys((*source.review.notices, *source.notices))
    if not notices:
        return []
    return ["\n".join(f"> ⚠ {plain(notice)}" + "  " for notice in notices).rstrip()]


def _table(source: SummaryInput, findings: Sequence[PlacedFinding], cut: int) -> str:
    if not findings and cut <= 0:
        return ""
    head = ["| | Finding | Where |", "|:--|:--|:--|"]
    rows = [_row(source, placed) for placed in findings]
    out = "\n".join((*head, *rows[:MAX_OPEN_ROWS])) if rows else ""
    rest = rows[MAX_OPEN_ROWS:]
    if rest:
        out += "\n\n" + fold(f"{count(len(rest), 'more finding')}", [*head, *rest])
    if cut > 0:
        out += f"\n\n**{count(cut, 'more finding')}** did not fit here; the check run lists them."
    return out.strip("\n")


def _row(source: SummaryInput, placed: PlacedFinding) -> str:
    finding = placed.finding
    name = title(finding.title)
    url = _comment_url(source, placed)
    if placed.disposition is Disposition.DUPLICATE:
        name += " *(raised before, still open)*"
    where = place(finding, repository_url=source.repository_url, head=source.review.change.head)
    # A link inside a link is none: the title is linked only where it has no link of its own, which `title` ensures.
    return f"| {grade(finding)} | {cell(link(name, url) if url else name)} | {cell(where)} |"


def _comment_url(source: SummaryInput, placed: PlacedFinding) -> str:
    """Return the address of a finding's comment: by fingerprint, else the open thread's, in this repository."""
    url = source.comment_urls.get(fingerprint_in_marker(placed.finding.fingerprint), "")
    named = _ADDRESS.search(placed.reason) if placed.disposition is Disposition.DUPLICATE else None
    if not url and named and source.repository_url and named[1].startswith(f"{source.repository_url}/"):
        return named[1]
    return url


def _details(source: SummaryInput, findings: Sequence[PlacedFinding], body_limit: int) -> str:
    """Return in full what has no inline comment to be read in."""
    homeless = [
        placed
        for placed in findings
        if placed.disposition not in (Disposition.INLINE, Disposition.DUPLICATE)
        and fingerprint_in_marker(placed.finding.fingerprint) not in source.comment_urls
    ]
    if not homeless or not body_limit:
        return ""
    return fold(
        f"Details of {count(len(homeless), 'finding')} that could not stand on a changed line",
        _full(source, homeless, body_limit),
    )


def _folded(
    source: SummaryInput, findings: Sequence[PlacedFinding], everything: Sequence[PlacedFinding], body_limit: int
) -> str:
    if not everything:
        return ""
    if body_limit:
        lines = _full(source, findings, body_limit)
    else:
        lines = ["| | Finding | Where |", "|:--|:--|:--|", *(_row(source, placed) for placed in findings)]
    cut = len(everything) - len(findings)
    if cut > 0:
        lines = [
            *(lines if findings else []),
            "",
            f"{count(cut, 'more finding')} did not fit here; the check run lists them.",
        ]
    return fold(f"{count(len(everything), 'lower-ranked finding')}", lines)


def _full(source: SummaryInput, findings: Sequence[PlacedFinding], body_limit: int) -> list[str]:
    lines: list[str] = []
    for placed in findings:
        where = place(placed.finding, repository_url=source.repository_url, head=source.review.change.head)
        why = f" · {plain(placed.reason)}" if placed.reason else ""
        lines += [
            *(["", "---", ""] if lines else []),
            f"{where}{why}",
            "",
            render_finding(placed, limit=body_limit),
        ]
    return lines


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cut(text: str, limit: int) -> str:
    """Last resort: cut at a line end and close what is open."""
    if size(text) <= limit:
        return text
    closing = "\n</details>\n\n**The rest did not fit here; the check run has it.**\n"
    kept: list[str] = []
    room = limit - size(closing)
    for line in text.split("\n"):
        room -= size(line) + 1
        if room < 0:
            break
        kept.append(line)
    tail = closing if _is_open(kept) else closing.removeprefix("\n</details>\n")
    return "\n".join(kept) + "\n" + tail


def _is_open(lines: Sequence[str]) -> bool:
    return lines.count("<details>") > lines.count("</details>")
