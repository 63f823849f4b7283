"""Review public pull requests with the model of the environment, and put the experts' comments beside its findings.

    python -m bench.trial --mirrors DIR --out DIR [--pull owner/name#N …] [--wait SECONDS]

Reads the pull requests of review-dev whose commits are in the mirrors, and writes `owner+name+N.json` for each: the
review as `kilo-review-uncommitted --format json` prints it, and the comments that experts judged valid or not. What
matches, what is true and what is worth acting on is for a reader to say. Nothing of the comments reaches the model.
No analyser runs: the trial is of the prompts. `--wait` is the patience with an answer that a person writes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.context_recall import find_mirror, has_commits, load_reviews, mirrors_or_say
from policies.load import load_policy
from policies.policy import Policy
from reviewer import pipeline
from reviewer.change.parse import parse_diff
from reviewer.git.commit import GitSnapshot
from reviewer.local.report import as_json
from reviewer.models.clocking import TimeLimits
from reviewer.models.meter import NullMeter
from reviewer.models.open import open_client
from reviewer.settings import Settings
from reviewer.steps.context import ReviewContext
from reviewer.steps.request import ReviewRequest


def review_one(
    row: dict[str, Any], git_dir: Path, settings: Settings, policy: Policy, limits: TimeLimits
) -> dict[str, Any]:
    change = replace(parse_diff(row["diff"].encode()), base=row["base"], head=row["head"])
    client = open_client(settings, policy.providers, private=False, meter=NullMeter(), limits=limits)
    with GitSnapshot.open(git_dir, row["base"]) as base, GitSnapshot.open(git_dir, row["head"]) as head:
        return as_json(pipeline.review(ReviewRequest(change=change), ReviewContext(policy, client, head, base)))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.trial", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mirrors", default="", help="folder of git mirrors (default: KILO_REVIEW_MIRRORS)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the reviews")
    parser.add_argument("--pull", action="append", default=[], help="owner/name#N; may be repeated (default: all)")
    parser.add_argument("--wait", type=float, default=TimeLimits.total, help="seconds for one answer")
    options = parser.parse_args(argv)
    mirrors = mirrors_or_say(options.mirrors)
    if mirrors is None:
        return 2
    settings = Settings.from_environ()
    policy = replace(load_policy(), analysers=(), max_seconds=round(options.wait * 100))
    limits = replace(TimeLimits(), first_token=options.wait, between_tokens=options.wait, total=options.wait)
    options.out.mkdir(parents=True, exist_ok=True)
    for row in load_reviews():
        name = f"{row['repo']}#{row['pr']}"
        git_dir = find_mirror(mirrors, row["repo"])
        if options.pull and name not in options.pull:
            continue
        if git_dir is None or not has_commits(git_dir, row["base"], row["head"]):
            sys.stderr.write(f"{name}: no mirror with its commits, left out\n")
            continue
        sys.stderr.write(f"{name} ...\n")
        found = review_one(row, git_dir, settings, policy, limits)
        path = options.out / f"{name.replace('/', '+').replace('#', '+')}.json"
        told = {"pull": name, "review": found, "comments": row["comments"]}
        path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
