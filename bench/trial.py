"""Review public pull requests with the model of the environment, and put the experts' comments beside its findings.

    python -m bench.trial --mirrors DIR --out DIR [--pull owner/name#N …] [--ten] [--plain] [--wait SECONDS]

Reads the pull requests of review-dev whose commits are in the mirrors, and writes `owner+name+N.json` for each: the
review as `kilo-review-uncommitted --format json` prints it, and the comments that experts judged valid or not. What
matches, what is true and what is worth acting on is for a reader to say. Nothing of the comments reaches the model.
No analyser runs: the trial is of the prompts. `--ten` takes the ten pull requests that `prompt_size` measures.
`--plain` asks the frontier tier once about each whole diff as well, with a plain prompt and nothing but the diff,
and writes what it answered and what that took to `owner+name+N.plain.json`. `--wait` is the patience with an answer
that a person writes. `bench.trial_tokens` counts what was sent.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bench.context_recall import find_mirror, has_commits, load_reviews, mirrors_or_say
from bench.prompt_size import chosen
from policies.load import load_policy
from policies.policy import Policy
from policies.words import Tier
from reviewer import pipeline
from reviewer.change.parse import parse_diff
from reviewer.git.commit import GitSnapshot
from reviewer.local.report import as_json
from reviewer.models.clocking import TimeLimits
from reviewer.models.meter import NullMeter
from reviewer.models.model import Prompt, Stage
from reviewer.models.open import open_client
from reviewer.settings import Settings
from reviewer.steps.context import ReviewContext
from reviewer.steps.request import ReviewRequest

# The named alternative: what a plain script asks.
PLAIN: Final = """\
You are an experienced software engineer. Review this pull request and report every problem that its author \
should know of: defects, security, performance, missing handling, unclear code, missing tests. For each give the \
file, the line after the change, a severity, a category, a title, an explanation and your confidence from 0 to 1 \
that a maintainer would act on it. Answer with one JSON object."""
_PLAIN_FINDING: Final = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "line": {"type": "integer"},
        "severity": {"type": "string", "enum": ["critical", "high", "medium", "low"]},
        "category": {"type": "string"},
        "title": {"type": "string"},
        "body": {"type": "string"},
        "confidence": {"type": "number"},
    },
    "required": ["path", "line", "severity", "category", "title", "body", "confidence"],
    "additionalProperties": False,
}
PLAIN_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"findings": {"type": "array", "items": _PLAIN_FINDING}},
    "required": ["findings"],
    "additionalProperties": False,
}


def ask_plainly(row: dict[str, Any], settings: Settings, policy: Policy, limits: TimeLimits) -> dict[str, Any]:
    """Ask once about the whole diff; return the answer as it came, and the tokens that the provider counted."""
    prompt = Prompt(PLAIN, "", row["diff"], PLAIN_SCHEMA, "review", policy.max_output_tokens)
    client = open_client(settings, policy.providers, private=False, meter=NullMeter(), limits=limits)
    answer = client.ask(prompt, tier=Tier.FRONTIER, unit="plain", stage=Stage.REVIEW, attempt=1)
    if answer.completion is None:
        return {"error": str(answer.error)}
    usage = answer.completion.usage
    return {"answer": answer.completion.text, "input": usage.input, "output": usage.output}


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
    parser.add_argument("--ten", action="store_true", help="the ten pull requests of bench prompt_size")
    parser.add_argument("--plain", action="store_true", help="ask a plain prompt about each as well")
    parser.add_argument("--wait", type=float, default=TimeLimits.total, help="seconds for one answer")
    options = parser.parse_args(argv)
    mirrors = mirrors_or_say(options.mirrors)
    if mirrors is None:
        return 2
    settings = Settings.from_environ()
    policy = replace(load_policy(), analysers=(), max_seconds=round(options.wait * 100))
    limits = replace(TimeLimits(), first_token=options.wait, between_tokens=options.wait, total=options.wait)
    options.out.mkdir(parents=True, exist_ok=True)
    for row in chosen(mirrors)[0] if options.ten else load_reviews():
        name = f"{row['repo']}#{row['pr']}"
        git_dir = find_mirror(mirrors, row["repo"])
        if options.pull and name not in options.pull:
            continue
        if git_dir is None or not has_commits(git_dir, row["base"], row["head"]):
            sys.stderr.write(f"{name}: no mirror with its commits, left out\n")
            continue
        sys.stderr.write(f"{name} ...\n")
        found = review_one(row, git_dir, settings, policy, limits)
        stem = options.out / name.replace("/", "+").replace("#", "+")
        told = {"pull": name, "review": found, "comments": row["comments"]}
        Path(f"{stem}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        if options.plain:
            plain = {"pull": name, **ask_plainly(row, settings, policy, limits)}
            Path(f"{stem}.plain.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
