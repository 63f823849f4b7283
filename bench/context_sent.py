"""Needed definitions in the prompts that are really sent, and how long these are: the context figure that counts.

    python -m bench context_sent --mirrors DIR [--only needed|review] [--repo owner/name] [--limit N] [--held-out]

Each change of the development sets goes through the pipeline up to its prompts, with the policy that ships. A need
is met where a line of its definition stands in a prompt: in the diff, in a function around it, or in a snippet.
Prompts are counted in tokens beside the diff of the files in scope, instructions included. Repositories that no
choice may rest on (`bench.fit.kept_out`) are left out; `--held-out` measures these alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.context_recall import (
    change_of,
    find_mirror,
    has_commits,
    in_diff,
    load_context,
    load_reviews,
    mirrors_folder,
    mirrors_or_say,
    shared_folder,
)
from bench.fit.kept_out import is_kept_out
from bench.prompt_size import OneModel
from policies.load import load_policy
from reviewer.change.model import Change
from reviewer.change.parse import parse_diff
from reviewer.context.tokens import count_tokens
from reviewer.git.commit import GitSnapshot
from reviewer.steps.context import ReviewContext
from reviewer.steps.estimate import plan_review
from reviewer.steps.plan import Plan
from reviewer.steps.request import ReviewRequest

KINDS: Final = ("needed", "review")
# Measured before functions were shown whole, with a context of 200 tokens at least.
BEFORE: Final = {"needed": 0.30, "review": 0.21}
AIM: Final = {"needed": ">= 0.80", "review": ">= 0.60"}


@dataclass
class Sent:
    """What the prompts of some changes held: needs and those met, by repository, and sizes in tokens."""

    cases: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    outside: Counter[bool] = field(default_factory=Counter)
    confirmed: Counter[bool] = field(default_factory=Counter)
    prompts: int = 0
    diff: int = 0
    units: int = 0
    rows: int = 0
    skipped: int = 0

    def report(self, kind: str) -> dict[str, object]:
        total = sum(self.cases.values())
        found = {
            f"{kind}_rows": self.rows,
            f"{kind}_rows_skipped": self.skipped,
            f"{kind}_cases": total,
            f"{kind}_in_prompts_sent": round(sum(self.hits.values()) / max(1, total), 3),
            f"{kind}_in_prompts_sent_before": BEFORE[kind],
            f"aim_{kind}_in_prompts_sent": AIM[kind],
            f"{kind}_outside_of_the_diff": _share(self.outside),
            f"{kind}_by_repository": {repo: f"{self.hits[repo]}/{n}" for repo, n in sorted(self.cases.items())},
            f"{kind}_units": self.units,
            f"{kind}_prompt_over_diff_in_scope": round(self.prompts / max(1, self.diff), 2),
        }
        if kind == "review":
            # The rest of the names were matched by an expression: many are local variables or words in prose.
            found["review_confirmed_in_prompts_sent"] = _share(self.confirmed)
        return found


def _share(counted: Counter[bool]) -> float:
    return round(counted[True] / max(1, counted.total()), 3)


def lines_sent(plans: Iterable[Plan]) -> dict[str, set[int]]:
    """Return the lines of the head that stand in these prompts beside the diff, by path."""
    shown: dict[str, set[int]] = defaultdict(set)
    for plan in plans:
        for item in plan.seen:
            shown[item.path].update(range(item.start_line, item.end_line + 1))
    return shown


def _rows(kind: str) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return the rows of a kind, each with the names that it needs."""
    for row in load_reviews() if kind == "review" else load_context():
        needs = (
            row["needed"]
            if kind == "needed"
            else [
                need
                for comment in row["comments"]
                if comment["valid"] and comment["context"] != "Diff Level"
                for need in comment["needed"]
            ]
        )
        if needs:
            yield row, needs


def _change(row: dict[str, Any], git_dir: Path) -> Change:
    if "diff" in row:
        return parse_diff(row["diff"], base=row["base"], head=row["head"])
    return change_of(git_dir, row["base"], row["head"])


def _add(sent: Sent, row: dict[str, Any], needs: Sequence[dict[str, Any]], git_dir: Path) -> None:
    change = _change(row, git_dir)
    with GitSnapshot.open(git_dir, row["head"]) as head, GitSnapshot.open(git_dir, row["base"]) as base:
        planned = plan_review(ReviewRequest(change), ReviewContext(load_policy(), OneModel(), head, base))
    shown = lines_sent(planned.plans)
    sent.rows += 1
    sent.units += len(planned.plans)
    sent.prompts += sum(count_tokens(plan.prompt.text) for plan in planned.plans)
    sent.diff += sum(
        count_tokens(line.text) + 1 for plan in planned.plans for hunk in plan.unit.hunks for line in hunk.lines
    )
    for need in needs:
        visible = in_diff(change, need["defs"])
        hit = visible or any(place["line"] in shown[place["path"]] for place in need["defs"])
        sent.cases[row["repo"]] += 1
        sent.hits[row["repo"]] += hit
        if not visible:
            sent.outside[hit] += 1
        if need.get("ctags"):
            sent.confirmed[hit] += 1


def measure(
    mirrors: Path,
    *,
    kinds: Sequence[str] = KINDS,
    repo: str = "",
    limit: int = 0,
    held_out: bool = False,
) -> dict[str, object]:
    report: dict[str, object] = {"held_out": held_out}
    for kind in kinds:
        sent = Sent()
        for row, needs in _rows(kind):
            if (repo and row["repo"] != repo) or is_kept_out(row["repo"]) is not held_out:
                continue
            if limit and sent.rows >= limit:
                break
            git_dir = find_mirror(mirrors, row["repo"])
            if git_dir is None or not has_commits(git_dir, row["base"], row["head"]):
                sent.skipped += 1
                continue
            _add(sent, row, needs, git_dir)
        report |= sent.report(kind)
    return report


def run() -> dict[str, object]:
    mirrors = mirrors_folder()
    if mirrors is None or not shared_folder().is_dir():
        return {"skipped": "set KILO_REVIEW_MIRRORS to a folder of git mirrors, and KILO_REVIEW_SHARED to the data"}
    return measure(mirrors)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench context_sent", description=__doc__.splitlines()[0])
    parser.add_argument("--mirrors", default="", help="folder of git mirrors (default: KILO_REVIEW_MIRRORS)")
    parser.add_argument("--only", choices=KINDS, action="append", help="measure just this")
    parser.add_argument("--repo", default="", help="just this repository, as owner/name")
    parser.add_argument("--limit", type=int, default=0, help="at most so many rows of each kind")
    parser.add_argument("--held-out", action="store_true", help="measure the repositories that are held out")
    options = parser.parse_args(argv)
    mirrors = mirrors_or_say(options.mirrors)
    if mirrors is None:
        return 2
    kinds = options.only or KINDS
    found = measure(mirrors, kinds=kinds, repo=options.repo, limit=options.limit, held_out=options.held_out)
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
