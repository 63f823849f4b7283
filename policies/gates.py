"""Findings and coverage → the check run's conclusion. Green is a claim: it needs a complete review by a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from policies.words import Conclusion, Severity


@dataclass(frozen=True, slots=True)
class Verdict:
    """A check run's conclusion, its one-line title, and the sentences that explain it.

    `fail_on` is the severity that was asked for, None where none fails the check.
    """

    conclusion: Conclusion
    title: str
    reasons: tuple[str, ...]
    fail_on: Severity | None = None


def conclude(
    *,
    status: str,
    complete: bool,
    share: float,
    counts: Mapping[Severity, int],
    fail_on: Severity | None,
    limit_conclusion: Conclusion = Conclusion.NEUTRAL,
    deciding: Mapping[Severity, int] | None = None,
    unplaced: int = 0,
) -> Verdict:
    """Decide the check run's conclusion.

    `status` is a ReviewStatus value, `complete` and `share` (0 to 1) are the coverage, `counts` the findings that
    a reader sees, `deciding` those of them that stand beside a line or are verified (by default all). FAILURE only
    where such a one is at or above `fail_on`: known findings block even when the review is incomplete. `unplaced`
    counts findings that may be at or above `fail_on` and could not be placed or graded: with one, nothing is green.
    SUCCESS only where the model answered for every hunk. An unknown status is never green.
    """
    decisive = counts if deciding is None else deciding
    verdict = _conclude(status, (complete, share), (counts, decisive), fail_on, limit_conclusion)
    if not complete and status != "empty":
        # Said where people look first: a list of checks shows the title alone.
        verdict = replace(verdict, title=f"{verdict.title}; {_percent(share)} reviewed")
    if unplaced and fail_on is not None:
        verdict = _with_unplaced(verdict, unplaced, fail_on)
    return replace(verdict, fail_on=fail_on)


def with_statements(verdict: Verdict, not_met: Sequence[str], unseen: Sequence[str]) -> Verdict:
    """Let gating checks in plain language decide: one not met fails, one not visible is never green.

    Both are named by the checks' names.
    """
    reasons = (
        *((f"Not met: {', '.join(not_met)} (`[[checks]]`).",) if not_met else ()),
        *((f"Not visible in the change: {', '.join(unseen)} (`[[checks]]`).",) if unseen else ()),
    )
    if not_met:
        title = f"{_many(not_met)} not met; {verdict.title}"
        return replace(verdict, conclusion=Conclusion.FAILURE, title=title, reasons=(*reasons, *verdict.reasons))
    if unseen and verdict.conclusion is Conclusion.SUCCESS:
        title = f"To be read by a person: {_many(unseen)} not visible"
        return replace(verdict, conclusion=Conclusion.NEUTRAL, title=title, reasons=(*reasons, *verdict.reasons))
    return replace(verdict, reasons=(*verdict.reasons, *reasons))


def _many(names: Sequence[str]) -> str:
    return f"{len(names)} check{'s' if len(names) != 1 else ''}"


def _with_unplaced(verdict: Verdict, unplaced: int, fail_on: Severity) -> Verdict:
    """Say that findings could not be placed or graded; a check that would be green becomes neutral."""
    found = f"{unplaced} finding{'s' if unplaced != 1 else ''}"
    reason = (
        f"{found} that may be at or above `fail_on = {fail_on.label}` could not be placed or graded; "
        "the summary shows what the model said."
    )
    if verdict.conclusion is not Conclusion.SUCCESS:
        return replace(verdict, reasons=(*verdict.reasons, reason))
    return Verdict(Conclusion.NEUTRAL, f"To be read by a person: {found} could not be placed or graded", (reason,))


def _conclude(
    status: str,
    coverage: tuple[bool, float],
    findings: tuple[Mapping[Severity, int], Mapping[Severity, int]],
    fail_on: Severity | None,
    limit_conclusion: Conclusion,
) -> Verdict:
    (complete, share), (counts, decisive) = coverage, findings
    found = _in_words(counts)
    gate = _gate_reason(decisive, fail_on)
    if gate:
        reasons = (gate,) if complete and status == "complete" else (gate, _incomplete(status, share))
        return Verdict(Conclusion.FAILURE, found, reasons)
    if status == "stopped-by-limit":
        return Verdict(
            limit_conclusion,
            f"Stopped by a spending limit; {found}",
            (f"A spending limit stopped the review with {_percent(share)} of the change reviewed.",),
        )
    if status == "empty":
        return Verdict(Conclusion.NEUTRAL, "Nothing to review", ("The change holds nothing that policy reviews.",))
    if status == "analysers-only":
        return Verdict(
            Conclusion.NEUTRAL,
            f"Analysers only; {found}",
            ("No model reviewed this change, so it is not called clean.",),
        )
    if status != "complete" or not complete:
        return Verdict(Conclusion.NEUTRAL, f"Incomplete; {found}", (_incomplete(status, share),))
    return Verdict(Conclusion.SUCCESS, found, (_passed(counts, fail_on),))


def _gate_reason(counts: Mapping[Severity, int], fail_on: Severity | None) -> str:
    if fail_on is None:
        return ""
    blocking = {severity: count for severity, count in counts.items() if count and severity >= fail_on}
    if not blocking:
        return ""
    return f"{_in_words(blocking)} at or above `fail_on = {fail_on.label}`."


def _incomplete(status: str, share: float) -> str:
    if status == "analysers-only":
        return "No model reviewed this change."
    if status == "stopped-by-limit":
        return f"A spending limit stopped the review with {_percent(share)} of the change reviewed."
    return f"{_percent(share)} of the change was reviewed; the summary lists what was not, and why."


def _passed(counts: Mapping[Severity, int], fail_on: Severity | None) -> str:
    if not any(counts.values()):
        return "Every hunk that policy reviews was reviewed, and nothing was found."
    if fail_on is None:
        return "Every hunk was reviewed; this policy has no severity that fails the check."
    lower = {severity: count for severity, count in counts.items() if count and severity >= fail_on}
    if lower:
        return (
            f"Every hunk was reviewed; nothing at or above `fail_on = {fail_on.label}` stands beside a line or was "
            f"verified. {_in_words(lower)} in the lower-ranked part of the summary: these do not decide."
        )
    return f"Every hunk was reviewed; nothing at or above `fail_on = {fail_on.label}`."


def _in_words(counts: Mapping[Severity, int]) -> str:
    total = sum(counts.values())
    if not total:
        return "no findings"
    parts = [
        f"{counts[severity]} {severity.label}" for severity in sorted(counts, reverse=True) if counts[severity]
    ]
    return f"{total} finding{'s' if total != 1 else ''}: {', '.join(parts)}"


def _percent(share: float) -> str:
    # Rounded down: "100 %" is a claim of completeness.
    return f"{int(max(0.0, min(share, 1.0)) * 100)} %"
