"""Decide where each finding is shown: beside its line, in the summary, or set aside with the reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from policies.words import Severity
from reviewer.change.anchor import Anchors
from reviewer.change.model import Anchor
from reviewer.findings.merge import Group
from reviewer.findings.model import Disposition, Finding, PlacedFinding


def place(
    groups: Sequence[Group],
    anchors: Anchors,
    *,
    score: Callable[[Group], float],
    threshold: float,
    max_inline: int,
    least: Severity = Severity.LOW,
    verified: Collection[Finding] = (),
) -> tuple[PlacedFinding, ...]:
    """Place every finding of every group; none is lost.

    Those of severity `least` or worse that score at least `threshold` go inline, at most `max_inline` of them, the
    worst first; the rest of what stands goes to the summary. What stands on no line of the diff is OUT_OF_DIFF.
    `verified` are the findings that a verification let stand. The result is in the order of presentation: by
    severity, then score, then place; what is not shown comes last.
    """
    judged = [(group, score(group)) for group in groups]
    judged.sort(key=lambda entry: (-entry[0].finding.severity, -entry[1], *_where(entry[0].finding)))
    shown: list[PlacedFinding] = []
    hidden: list[PlacedFinding] = []
    inline = 0
    for group, worth in judged:
        placed = _place(group, worth, anchors, threshold=threshold, room=inline < max_inline, limit=max_inline)
        if placed.disposition is Disposition.INLINE and placed.finding.severity < least:
            reason = f"{placed.finding.severity.label}: comments begin at {least.label} (review.min_severity)"
            placed = replace(placed, disposition=Disposition.SUMMARY, anchor=None, reason=reason)
        if any(finding in verified for finding in group.findings):
            placed = replace(placed, verified=True)
        inline += placed.disposition is Disposition.INLINE
        (hidden if group.disposition is not None else shown).append(placed)
        said = f"same as {placed.finding.title!r} at {placed.finding.path}:{placed.finding.line}"
        hidden += [
            PlacedFinding(other, Disposition.DUPLICATE, said, score=worth, agreed=group.agreed)
            for other in group.others
        ]
    return (*shown, *hidden)


def anchor_of(finding: Finding, anchors: Anchors) -> Anchor | None:
    """Return where GitHub accepts the finding: its lines, or the last alone where no suggestion needs them all."""
    whole = anchors.place(finding.path, finding.line, finding.start_line, finding.side)
    if whole is None and finding.suggestion is None:
        return anchors.place(finding.path, finding.line, None, finding.side)
    return whole


def _place(
    group: Group, worth: float, anchors: Anchors, *, threshold: float, room: bool, limit: int
) -> PlacedFinding:
    finding = group.finding
    placed = PlacedFinding(finding, Disposition.SUMMARY, score=worth, agreed=group.agreed)
    if group.disposition is not None:
        return replace(placed, disposition=group.disposition, reason=group.reason)
    anchor = anchor_of(finding, anchors)
    if anchor is None:
        reason = f"{finding.path}:{finding.line} is not a line of the diff"
        return replace(placed, disposition=Disposition.OUT_OF_DIFF, reason=reason)
    if worth < threshold:
        reason = f"score {worth:.2f} is under {threshold:.2f}, the style's line for inline comments"
        return replace(placed, reason=reason)
    if not room:
        return replace(placed, reason=f"beyond the {limit} inline comments of one review")
    return replace(placed, disposition=Disposition.INLINE, anchor=anchor)


def _where(finding: Finding) -> tuple[str, int, str]:
    return finding.path, finding.line, finding.title
