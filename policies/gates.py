"""Findings and coverage → the check run's conclusion. Green is a claim: it needs a complete review by a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.words import Conclusion, Severity


@dataclass(frozen=True, slots=True)
class Verdict:
    """A check run's conclusion, its one-line title, and the sentences that explain it."""

    conclusion: Conclusion
    title: str
    reasons: tuple[str, ...]


def conclude(
    *,
    status: str,
    complete: bool,
    share: float,
    counts: Mapping[Severity, int],
    fail_on: Severity | None,
    limit_conclusion: Conclusion = Conclusion.NEUTRAL,
) -> Verdict:
    """Decide the check run's conclusion.

    `status` is a ReviewStatus value, `complete` and `share` (0 to 1) are the coverage, `counts` the findings that
    a reader sees. FAILURE only where a finding at or above `fail_on` stands: known findings block even when the
    review is incomplete. SUCCESS only where the model answered for every hunk. An unknown status is never green.
    """
    found = _in_words(counts)
    gate = _gate_reason(counts, fail_on)
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
