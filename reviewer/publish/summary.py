"""The sticky summary comment: what was found, what was looked at, what it cost. Pure.

The first three lines answer "is there anything for me to do?"; everything else is folded or below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from policies.words import Severity
from reviewer.findings.model import Disposition, PlacedFinding
from reviewer.publish import cost, coverage
from reviewer.publish.cost import Totals
from reviewer.publish.escape import cell, code, link, plain
from reviewer.publish.figures import count, icon, place, seconds, severity
from reviewer.publish.inline import BODY_LIMIT, Conceal, render_finding, size
from reviewer.publish.marker import Kind, Marker, fingerprint_in_marker
from reviewer.publish.sanitize import title
from reviewer.review import Review, ReviewStatus

SUMMARY_LIMIT: Final = BODY_LIMIT - 500
# Rows of the table that stand unfolded; a page of them is more than ten seconds.
MAX_OPEN_ROWS: Final = 20
# Characters of a finding's body at each level of detail; 0 is the title alone.
_BODY_LIMITS: Final = (8_000, 1_500, 300, 0, 0)
_LEVELS: Final = len(_BODY_LIMITS)


@dataclass(frozen=True, slots=True)
class SummaryInput:
    """What the summary is made from.

    `repository_url` is the repository's own address, "" for no links. `comment_urls` maps a fingerprint (as a
    marker spells it) to the inline comment on it. `notices` are sentences of the publication itself.
    """

    review: Review
    repository_url: str = ""
    comment_urls: Mapping[str, str] = field(default_factory=dict)
    totals: Totals | None = None
    notices: tuple[str, ...] = ()
    conceal: Conceal = str


def render_summary(source: SummaryInput, *, limit: int = SUMMARY_LIMIT) -> str:
    """Return the summary's Markdown, at most `limit` characters long.

    Where everything does not fit, bodies are cut first, then left to their titles, then lists are cut; what is cut
    is counted in place.
    """
    for level in range(_LEVELS):
        text = _compose(source, level, most=None)
        if size(text) <= limit:
            return text
    rows = len(_told(source.review)[0]) + len(_told(source.review)[1])
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
    shown = review.shown()
    counts = in_words(shown)
    new = "new " if review.by_disposition(Disposition.DUPLICATE) else ""
    if review.status is ReviewStatus.EMPTY:
        return "nothing to review"
    if review.status is ReviewStatus.COMPLETE and review.coverage.complete:
        return counts or f"no {new}issues found"
    found = counts or "nothing found in what was reviewed"
    start = {
        ReviewStatus.ANALYSERS_ONLY: "no model reviewed this, analysers only",
        ReviewStatus.STOPPED_BY_LIMIT: "stopped by a spending limit",
    }.get(review.status, "incomplete")
    return f"{start}; {found}"


def in_words(findings: Sequence[PlacedFinding]) -> str:
    """Return `3 findings (1 high, 2 low)`, "" for none."""
    if not findings:
        return ""
    levels = [placed.finding.severity for placed in findings]
    parts = [f"{levels.count(level)} {level.label}" for level in sorted(set(levels), reverse=True)]
    return f"{count(len(findings), 'finding')} ({', '.join(parts)})"


def ordered(findings: Sequence[PlacedFinding]) -> list[PlacedFinding]:
    """Return findings as a reader wants them: worst first, then by worth, then by place."""
    return sorted(
        findings,
        key=lambda placed: (-placed.finding.severity, -placed.score, placed.finding.path, placed.finding.line),
    )


def _compose(source: SummaryInput, level: int, *, most: int | None) -> str:
    review = source.review
    first, second = _told(review)
    body_limit = _BODY_LIMITS[min(level, _LEVELS - 1)]
    left = len(first) + len(second) if most is None else most
    parts = [
        Marker(Kind.SUMMARY, head=review.change.head).line(),
        f"### {_sign(review)} Kilo Review: {headline(review)}",
        _status(source),
        *_notices(source),
        _table(source, first[:left], len(first) - left),
        _details(source, first[:left], body_limit),
        _folded(source, second[: max(0, left - len(first))], second, body_limit),
        _set_aside(source, level),
        fold(coverage.heading(review), coverage.lines(review, level=level)),
        fold(cost.heading(review), cost.table(review, source.totals)),
        fold("How it was reviewed", _routes(review, level)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def fold(heading: str, lines: Sequence[str]) -> str:
    """Return a folded section. The only HTML that we write: `heading` must be our own words and numbers."""
    if not lines:
        return ""
    return "\n".join(("<details>", f"<summary>{heading}</summary>", "", *lines, "", "</details>"))


def _told(review: Review) -> tuple[list[PlacedFinding], list[PlacedFinding]]:
    """Split what a reader sees: the table, and the lower-ranked rest that is folded."""
    shown = ordered(review.shown())
    lower = [
        placed
        for placed in shown
        if placed.disposition is Disposition.SUMMARY and placed.finding.severity < Severity.HIGH
    ]
    return [placed for placed in shown if placed not in lower], lower


def _sign(review: Review) -> str:
    worst = review.worst()
    if worst is not None:
        return icon(worst)
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


def _inline_count(review: Review) -> list[str]:
    inline = len(review.by_disposition(Disposition.INLINE))
    return [f"{inline} inline"] if inline and inline < len(review.shown()) else []


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
    return ["\n".join(f"> ⚠ {plain(source.conceal(notice))}" + "  " for notice in notices).rstrip()]


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
    name = title(source.conceal(finding.title))
    url = source.comment_urls.get(fingerprint_in_marker(finding.fingerprint), "")
    where = place(finding, repository_url=source.repository_url, head=source.review.change.head)
    # A link inside a link is none: the title is linked only where it has no link of its own, which `title` ensures.
    return f"| {severity(finding.severity)} | {cell(link(name, url) if url else name)} | {cell(where)} |"


def _details(source: SummaryInput, findings: Sequence[PlacedFinding], body_limit: int) -> str:
    """Return in full what has no inline comment to be read in."""
    homeless = [
        placed
        for placed in findings
        if placed.disposition is not Disposition.INLINE
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
        why = f" · {plain(source.conceal(placed.reason))}" if placed.reason else ""
        lines += [
            *(["", "---", ""] if lines else []),
            f"{where}{why}",
            "",
            render_finding(placed, conceal=source.conceal, limit=body_limit),
        ]
    return lines


def _set_aside(source: SummaryInput, level: int) -> str:
    """List what was found and is not shown, each with its reason: nothing vanishes."""
    groups = (
        ("said before", Disposition.DUPLICATE),
        ("shown to be wrong", Disposition.UNVERIFIED),
        ("suppressed", Disposition.SUPPRESSED),
    )
    most = (50, 20, 10, 5, 0, 0)[min(level, 5)]
    heads, lines = [], []
    for words, disposition in groups:
        found = ordered(source.review.by_disposition(disposition))
        if not found:
            continue
        heads.append(f"{len(found)} {words}")
        lines += [_aside(source, placed, words) for placed in found[:most]]
        if len(found) > most:
            lines.append(f"- {len(found) - most:,} more {words}")
    return fold(f"Set aside: {', '.join(heads)}", lines)


def _aside(source: SummaryInput, placed: PlacedFinding, words: str) -> str:
    where = place(placed.finding, repository_url=source.repository_url, head=source.review.change.head)
    reason = plain(source.conceal(placed.reason)) or words
    return f"- {where} {title(source.conceal(placed.finding.title))}: *{reason}*"


def _routes(review: Review, level: int) -> list[str]:
    lines: list[str] = []
    most = (60, 30, 10, 5, 0, 0)[min(level, 5)]
    if review.routes and most:
        lines += ["| Part | Tier | Model | Why |", "|:--|:--|:--|:--|"]
        for route in review.routes[:most]:
            names = ", ".join(code(path) for path in route.paths[:3]) + (
                f" +{len(route.paths) - 3}" if len(route.paths) > 3 else ""
            )
            model = code(route.model) if route.model else "none usable"
            reasons = "; ".join(plain(reason) for reason in route.reasons)
            lines.append(f"| {cell(names)} | {route.tier.label} | {cell(model)} | {cell(reasons)} |")
        if len(review.routes) > most:
            lines += ["", f"{count(len(review.routes) - most, 'more part')}."]
    if review.evidence:
        lines += [*([""] if lines else []), "Analysers: " + "; ".join(_analyser(review)) + "."]
    return lines


def _analyser(review: Review) -> list[str]:
    told = []
    for run in review.evidence:
        name = plain(f"{run.tool} {run.version}".strip())
        ran = f"{count(run.findings, 'finding')} in {seconds(run.duration_ms)}"
        told.append(f"{name}: {f'did not run ({plain(run.error)})' if run.error else ran}")
    return told


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
