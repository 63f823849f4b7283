"""Ranking of judged findings, pull requests held out: how many of the first few are worth acting on, is any lost.

Three set-ups reviewed each change once. `one_pass` ranks each alone; `merged` merges the three first, so that
agreement counts. The baseline ranks by the stated confidence. Everything runs through merge, score and place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from bench.duplicates_found import findings_of
from bench.fit.ranking import fit_pairs, fit_worth, load
from policies.words import Style
from reviewer.change.anchor import Anchors
from reviewer.change.model import Change, FileChange, FileStatus, Hunk, Line, LineKind
from reviewer.findings.merge import Group, merge
from reviewer.findings.model import Disposition, PlacedFinding
from reviewer.findings.place import place
from reviewer.findings.rank import features

FIRST = (3, 5)
MAX_INLINE = 30
Rows = Sequence[dict[str, Any]]


def run() -> dict[str, object]:
    pulls = load()
    judged: list[tuple[str, Rows, tuple[PlacedFinding, ...], tuple[PlacedFinding, ...]]] = []
    for held_out, rows in pulls.items():
        others = [found for name, found in pulls.items() if name != held_out]
        worth, pairs = fit_worth(others), fit_pairs(others)
        parts = {saw: [row for row in rows if row["saw"] == saw] for saw in sorted({row["saw"] for row in rows})}
        for name, part in (*parts.items(), ("merged", rows)):
            ours = _placed(part, pairs, lambda group, weights=worth: _score(group, weights))
            plain = _placed(part, pairs, lambda group: group.finding.confidence or 0.0)
            judged.append(("merged" if name == "merged" else "one_pass", part, ours, plain))
    report: dict[str, object] = {"pull_requests": len(pulls)}
    for kind in ("one_pass", "merged"):
        runs = [(rows, ours, plain) for name, rows, ours, plain in judged if name == kind]
        for first in FIRST:
            report[f"{kind}_top{first}"] = _share(runs, first, ours=True, least=0.0)
            report[f"{kind}_top{first}_by_confidence"] = _share(runs, first, ours=False, least=0.0)
        for style in Style:
            report[f"{kind}_{style.value}_inline"] = _share(runs, MAX_INLINE, ours=True, least=style.threshold)
            count = sum(placed.score >= style.threshold for _, ours, _ in runs for placed in _ranked(ours))
            report[f"{kind}_{style.value}_inline_per_review"] = round(count / len(runs), 1)
            for first in FIRST:
                report[f"{kind}_{style.value}_inline_top{first}"] = _share(
                    runs, first, ours=True, least=style.threshold
                )
        report[f"{kind}_worthwhile_issues_kept"] = _kept([(rows, ours) for rows, ours, _ in runs])
    return report


def _score(group: Group, weights: dict[str, float]) -> float:
    finding = group.finding
    values = features(
        finding.confidence or 0.0,
        agreed=group.agreed,
        severity=finding.severity,
        category=finding.category,
        evidence=any(said.evidence for said in group.findings),
    )
    return 1 / (1 + math.exp(-sum(weights[name] * value for name, value in values.items())))


def _placed(rows: Rows, pairs: dict[str, float], score: Callable[[Group], float]) -> tuple[PlacedFinding, ...]:
    groups = merge(findings_of(rows), weights=pairs)
    return place(groups, _everywhere(rows), score=score, threshold=0.5, max_inline=MAX_INLINE)


def _everywhere(rows: Rows) -> Anchors:
    """Return anchors on which every finding stands: ranking is measured here, not anchoring."""
    files = []
    for path in sorted({row["path"] for row in rows}):
        numbers = range(1, max(row["line"] for row in rows if row["path"] == path) + 1)
        lines = tuple(Line(None, number, LineKind.ADDED, "x") for number in numbers)
        files.append(FileChange(path, None, FileStatus.ADDED, (Hunk(path, 0, 0, 1, len(lines), "", lines),)))
    return Anchors.from_change(Change("", "", tuple(files)))


def _ranked(placed: Sequence[PlacedFinding]) -> list[PlacedFinding]:
    shown = [one for one in placed if one.disposition in (Disposition.INLINE, Disposition.SUMMARY)]
    return sorted(shown, key=lambda one: -one.score)


def _share(runs: Sequence[tuple[Rows, Any, Any]], first: int, *, ours: bool, least: float) -> float:
    """Return the share worth acting on among the first so many of each review that score at least `least`."""
    worthwhile = []
    for rows, fitted, plain in runs:
        best = [one for one in _ranked(fitted if ours else plain) if one.score >= least][:first]
        worthwhile += [rows[int(one.finding.fingerprint)]["worth_acting"] for one in best]
    return round(sum(worthwhile) / len(worthwhile), 3) if worthwhile else math.nan


def _kept(runs: Sequence[tuple[Rows, tuple[PlacedFinding, ...]]]) -> float:
    """Return the share of worthwhile issues for which a finding of that very issue is inline or in the summary."""
    wanted = kept = 0
    for rows, placed in runs:
        issues = {row["issue"] for row in rows if row["worth_acting"]}
        shown = {rows[int(one.finding.fingerprint)]["issue"] for one in _ranked(placed)}
        wanted += len(issues)
        kept += len(issues & shown)
    return round(kept / wanted, 3)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
