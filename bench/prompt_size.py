"""How long the prompts of a review are beside the raw diff: `python -m bench prompt_size --mirrors DIR`.

Ten real pull requests of the development set (those whose base is exact, every repository in turn) go through the
pipeline up to the prompts, with context from their repositories. Everything that is sent counts: instructions,
guidelines, context, diff, once per unit. The raw diff is what `git diff` prints for the files in scope. PR-Agent's
prompt for the same changes was measured at 1.55 times the raw diff, with no context.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.context_recall import (
    find_mirror,
    has_commits,
    load_reviews,
    mirrors_folder,
    mirrors_or_say,
    shared_folder,
)
from policies.load import load_policy
from policies.words import Payment, Tier
from reviewer.change.parse import parse_diff
from reviewer.change.render import render_hunk
from reviewer.context.tokens import count_tokens
from reviewer.git.commit import GitSnapshot
from reviewer.models.model import Candidate
from reviewer.steps.context import ReviewContext
from reviewer.steps.estimate import plan_review
from reviewer.steps.request import ReviewRequest

CHANGES = 10
PR_AGENT = 1.55
TARGET = 2.5


class OneModel:
    """Every tier is one model with a large window: what is asked does not depend on a key being there."""

    def candidate(self, tier: Tier) -> Candidate:
        return Candidate(tier, "openai", "measured", Payment.OWN_KEY, "openai-chat", "", 200_000, 8_000)

    def price(self, candidate: Candidate) -> None:  # noqa: ARG002 - the seam's signature
        return None


def chosen(mirrors: Path) -> tuple[list[dict[str, Any]], int]:
    """Return ten rows, every repository in turn, and how many were passed over for want of a mirror."""
    seen: Counter[str] = Counter()
    rows, skipped = [], 0
    for row in load_reviews():
        if row["base_from"] != "exact":
            continue
        git_dir = find_mirror(mirrors, row["repo"])
        if git_dir is None or not has_commits(git_dir, row["base"], row["head"]):
            skipped += 1
            continue
        rows.append((seen[row["repo"]], len(rows), row))
        seen[row["repo"]] += 1
    return [row for _, _, row in sorted(rows, key=lambda item: item[:2])[:CHANGES]], skipped


def measure(mirrors: Path) -> dict[str, object]:
    rows, skipped = chosen(mirrors)
    policy, table = load_policy(), []
    for row in rows:
        git_dir = find_mirror(mirrors, row["repo"])
        if git_dir is None:
            continue
        change = parse_diff(row["diff"], base=row["base"], head=row["head"])
        with GitSnapshot.open(git_dir, row["head"]) as head, GitSnapshot.open(git_dir, row["base"]) as base:
            planned = plan_review(ReviewRequest(change), ReviewContext(policy, OneModel(), head, base))
        units = {plan.unit.identity: plan for plan in planned.plans}
        paths = {path for plan in units.values() for path in plan.unit.paths}
        in_scope = replace(change, files=tuple(file for file in change.files if file.path in paths))
        raw = count_tokens(row["diff"])
        scoped = sum(
            count_tokens(render_hunk(hunk, numbered=False)) for file in in_scope.files for hunk in file.hunks
        )
        table.append(
            {
                "change": f"{row['repo']}#{row['pr']}",
                "raw_diff": raw,
                "raw_diff_in_scope": scoped,
                "units": len(planned.plans),
                "prompt": sum(count_tokens(plan.prompt.text) for plan in planned.plans),
                "instructions": sum(count_tokens(plan.prompt.system) for plan in planned.plans),
                "context": sum(item.tokens for plan in planned.plans for item in plan.items),
                "shared": sum(count_tokens(plan.prompt.shared) for plan in planned.plans),
            }
        )
    totals = {key: sum(int(row[key]) for row in table) for key in ("raw_diff", "raw_diff_in_scope", "prompt")}
    return {
        "changes": table,
        "changes_skipped": skipped,
        **totals,
        "prompt_over_raw_diff": round(totals["prompt"] / max(1, totals["raw_diff"]), 3),
        "prompt_over_raw_diff_in_scope": round(totals["prompt"] / max(1, totals["raw_diff_in_scope"]), 3),
        "pr_agent_over_raw_diff": PR_AGENT,
        "target": TARGET,
    }


def run() -> dict[str, object]:
    mirrors = mirrors_folder()
    if mirrors is None or not shared_folder().is_dir():
        return {"skipped": "set KILO_REVIEW_MIRRORS to a folder of git mirrors, and KILO_REVIEW_SHARED to the data"}
    return measure(mirrors)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench prompt_size", description="Prompt size beside the diff.")
    parser.add_argument("--mirrors", default="", help="folder of git mirrors (default: KILO_REVIEW_MIRRORS)")
    options = parser.parse_args(argv)
    mirrors = mirrors_or_say(options.mirrors)
    if mirrors is None:
        return 2
    print(json.dumps(measure(mirrors), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
