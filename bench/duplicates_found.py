"""Duplicate detection on findings with labelled issues: precision and recall of pairs, pull requests held out.

Pairs are those that merging puts into one group. The baseline merges findings on the same line of the same file.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.fit.ranking import fit_pairs, load
from policies.words import Severity
from reviewer.findings.earlier import EarlierFinding
from reviewer.findings.merge import merge
from reviewer.findings.model import Category, Finding

# Lines that an edit above the thread moved it by.
MOVED = 7


def run() -> dict[str, object]:
    pulls = load()
    ours: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    threads: Counter[str] = Counter()
    outdated: Counter[str] = Counter()
    same_code: Counter[str] = Counter()
    for held_out, rows in pulls.items():
        weights = fit_pairs(found for name, found in pulls.items() if name != held_out)
        _count(rows, _merged(rows, weights), ours)
        _count(
            rows, lambda first, second: (first["path"], first["line"]) == (second["path"], second["line"]), lines
        )
        _count_earlier(rows, weights, threads, lost=False)
        _count_earlier(rows, weights, outdated, lost=True)
        _count_same_code(rows, weights, same_code)
    return {
        "pull_requests": len(pulls),
        "pairs_of_one_issue": ours["same"],
        "precision": round(ours["right"] / ours["said"], 3),
        "recall": round(ours["right"] / ours["same"], 3),
        "same_line_precision": round(lines["right"] / lines["said"], 3),
        "same_line_recall": round(lines["right"] / lines["same"], 3),
        "against_threads_precision": round(threads["right"] / threads["said"], 3),
        "against_threads_recall": round(threads["right"] / threads["same"], 3),
        "against_outdated_threads_precision": round(outdated["right"] / outdated["said"], 3),
        "against_outdated_threads_recall": round(outdated["right"] / outdated["same"], 3),
        "on_the_same_code_precision": round(same_code["right"] / same_code["said"], 3),
        "on_the_same_code_recall": round(same_code["right"] / same_code["same"], 3),
    }


def findings_of(rows: Sequence[dict[str, Any]]) -> list[Finding]:
    """Return judged rows as findings of as many voices as there were set-ups."""
    return [
        Finding(
            path=row["path"],
            line=row["line"],
            severity=Severity.parse(row["severity"]),
            category=Category(row["category"]),
            title=row["title"],
            body=row["body"],
            source=f"model:{row['saw']}",
            fingerprint=str(number),
            confidence=row["confidence"],
            evidence=("context",) if row["used_context"] else (),
            quote=str(number),
        )
        for number, row in enumerate(rows)
    ]


def groups_of(rows: Sequence[dict[str, Any]], weights: Mapping[str, float]) -> list[list[int]]:
    """Merge rows with these weights; return the positions in each group, the speaker's first."""
    groups = merge(findings_of(rows), weights=weights)
    return [[int(finding.quote) for finding in group.findings] for group in groups]


def _merged(
    rows: Sequence[dict[str, Any]], weights: Mapping[str, float]
) -> Callable[[dict[str, Any], dict[str, Any]], bool]:
    group_of = {id(rows[at]): number for number, group in enumerate(groups_of(rows, weights)) for at in group}
    return lambda first, second: group_of[id(first)] == group_of[id(second)]


def _count_earlier(
    rows: Sequence[dict[str, Any]], weights: Mapping[str, float], counts: Counter[str], *, lost: bool
) -> None:
    """Hold every set-up's findings against threads of each other's, with other fingerprints and moved lines.

    `lost` threads are outdated: GitHub no longer gives their line.
    """
    for before, after in itertools.permutations(sorted({row["saw"] for row in rows}), 2):
        old = [row for row in rows if row["saw"] == before]
        new = [row for row in rows if row["saw"] == after]
        threads = [
            EarlierFinding(
                "", row["path"], row["title"], row["body"], None if lost else row["line"] + MOVED, "open"
            )
            for row in old
        ]
        groups = merge(findings_of(new), earlier=threads, weights=weights)
        for group in groups:
            for finding in group.findings:
                said = group.disposition is not None
                truth = new[int(finding.quote)]["issue"] in {row["issue"] for row in old}
                counts.update(said=said, same=truth, right=said and truth)


def _count_same_code(rows: Sequence[dict[str, Any]], weights: Mapping[str, float], counts: Counter[str]) -> None:
    """Hold findings against threads on the same line, whose fingerprint is the finding's own."""

    def code(row: Mapping[str, Any]) -> str:
        return f"{row['path']}:{row['line']}"

    for before, after in itertools.permutations(sorted({row["saw"] for row in rows}), 2):
        old = [row for row in rows if row["saw"] == before]
        new = [row for row in rows if row["saw"] == after and code(row) in set(map(code, old))]
        threads = [
            EarlierFinding(code(row), row["path"], row["title"], row["body"], row["line"], "open") for row in old
        ]
        findings = [replace(found, fingerprint=code(row)) for found, row in zip(findings_of(new), new, strict=True)]
        for group in merge(findings, earlier=threads, weights=weights):
            for finding in group.findings:
                row = new[int(finding.quote)]
                truth = row["issue"] in {other["issue"] for other in old}
                counts.update(
                    said=group.disposition is not None, same=truth, right=truth and group.disposition is not None
                )


def _count(
    rows: Sequence[dict[str, Any]], same: Callable[[dict[str, Any], dict[str, Any]], bool], counts: Counter[str]
) -> None:
    for first, second in itertools.combinations(rows, 2):
        said, truth = same(first, second), first["issue"] == second["issue"]
        counts.update(said=said, same=truth, right=said and truth)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
