"""How much of what a reviewer needs is in the context: needed definitions, files that should have changed too.

    python -m bench context_recall --mirrors DIR [--only needed|hidden|review] [--repo owner/name] [--limit N]
                                   [--rows FILE]

`--mirrors` (or KILO_REVIEW_MIRRORS) is a folder of git repositories named `owner+name`, `owner+name/repo`,
`owner/name` or `name.git`; rows whose commits are not there are skipped and counted. The data are the development
sets of the shared folder (KILO_REVIEW_SHARED); `--rows` reads others instead, as
`bench.fit.mine_context` writes them.

Budgets here are characters, as in the baselines: 8,000 characters of snippets hold .778 of the needed definitions,
fused search finds .642 / .772 of the hidden files in the first 5 / 10, and .68 of the definitions that File- and
Repo-level review comments name are in 16,000 characters.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reviewer.change.model import Change, Unit
from reviewer.change.parse import parse_diff
from reviewer.context.gather import ContextGatherer
from reviewer.context.model import ContextItem
from reviewer.errors import KiloReviewError
from reviewer.git.commit import GitSnapshot
from reviewer.git.git import run_git

CHARS = (4000, 8000, 16000, 32000)
REVIEW_CHARS = 16000
BASELINE = {"needed@8000": 0.778, "hidden@5": 0.642, "hidden@10": 0.772, "review@16000": 0.68}


def shared_folder() -> Path:
    return Path(os.environ.get("KILO_REVIEW_SHARED", Path(__file__).parent.parent.parent / "shared"))


def find_mirror(mirrors: Path, repo: str) -> Path | None:
    joined = repo.replace("/", "+")
    for name in (f"{joined}/repo", joined, f"{joined}.git", repo, f"{repo}.git", f"{repo}/.git"):
        path = mirrors / name
        if (path / "objects").is_dir():
            return path
        if (path / ".git" / "objects").is_dir():
            return path / ".git"
    return None


def has_commits(git_dir: Path, *commits: str) -> bool:
    try:
        for commit in commits:
            run_git(["cat-file", "-e", f"{commit}^{{commit}}"], git_dir=git_dir)
    except KiloReviewError:
        return False
    return True


@dataclass
class Tally:
    """Hits and cases of each repository, under the name of a measure."""

    hits: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    cases: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    rows: int = 0
    skipped: int = 0

    def add(self, measure: str, repo: str, *, hit: bool) -> None:
        self.cases[measure][repo] += 1
        self.hits[measure][repo] += hit

    def recall(self, measure: str) -> float:
        total = sum(self.cases[measure].values())
        return round(sum(self.hits[measure].values()) / total, 3) if total else float("nan")

    def macro(self, measure: str) -> float:
        shares = [self.hits[measure][repo] / n for repo, n in self.cases[measure].items() if n]
        return round(sum(shares) / len(shares), 3) if shares else float("nan")


def load_context(rows: Path | None = None) -> list[dict[str, Any]]:
    with (rows or shared_folder() / "data" / "context-dev.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def load_reviews() -> list[dict[str, Any]]:
    with gzip.open(shared_folder() / "data" / "review-dev.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def change_of(git_dir: Path, base: str, head: str) -> Change:
    diff = run_git(["diff", "--no-ext-diff", "--no-textconv", "--no-color", base, head], git_dir=git_dir)
    return parse_diff(diff, base=base, head=head)


def whole(change: Change) -> Unit:
    return Unit("whole change", change.hunks, "measured as one unit")


def covers(items: Sequence[ContextItem], need: dict[str, Any]) -> bool:
    """Tell whether any of a name's definitions is in the context: an item over its line that shows the name."""
    return any(
        item.path == definition["path"]
        and item.start_line <= definition["line"] <= item.end_line
        and need["name"] in item.text
        for definition in need["defs"]
        for item in items
    )


def in_diff(change: Change, definitions: Sequence[dict[str, Any]]) -> bool:
    return any(
        hunk.path == definition["path"] and any(line.new_no == definition["line"] for line in hunk.lines)
        for definition in definitions
        for hunk in change.hunks
    )


def measure_needed(row: dict[str, Any], git_dir: Path, tally: Tally) -> None:
    change = change_of(git_dir, row["base"], row["head"])
    with GitSnapshot.open(git_dir, row["head"]) as head, GitSnapshot.open(git_dir, row["base"]) as base:
        gatherer = ContextGatherer(head=head, base=base, change=change, count=len)
        for budget in CHARS:
            items = gatherer.for_unit(whole(change), budget=budget)
            for need in row["needed"]:
                visible = in_diff(change, need["defs"])
                hit = visible or covers(items, need)
                tally.add(f"needed@{budget}", row["repo"], hit=hit)
                if not visible:
                    tally.add(f"outside@{budget}", row["repo"], hit=hit)


def measure_hidden(row: dict[str, Any], git_dir: Path, tally: Tally) -> None:
    change = change_of(git_dir, row["base"], row["head"])
    rest = replace(change, files=tuple(file for file in change.files if file.path != row["hidden"]))
    with GitSnapshot.open(git_dir, row["base"]) as base:
        # The head's tree holds the hidden file's new text, which would give it away.
        gatherer = ContextGatherer(head=base, base=base, change=rest, count=len)
        ranked = [item.path for item in gatherer.related_files(limit=10)]
    tally.add("hidden@5", row["repo"], hit=row["hidden"] in ranked[:5])
    tally.add("hidden@10", row["repo"], hit=row["hidden"] in ranked)


def measure_review(row: dict[str, Any], git_dir: Path, tally: Tally) -> None:
    wanted = [
        need
        for comment in row["comments"]
        if comment["valid"] and comment["context"] != "Diff Level"
        for need in comment["needed"]
    ]
    if not wanted:
        return
    change = parse_diff(row["diff"], base=row["base"], head=row["head"])
    with GitSnapshot.open(git_dir, row["head"]) as head, GitSnapshot.open(git_dir, row["base"]) as base:
        gatherer = ContextGatherer(head=head, base=base, change=change, count=len)
        items = gatherer.for_unit(whole(change), budget=REVIEW_CHARS)
        for need in wanted:
            hit = in_diff(change, need["defs"]) or covers(items, need)
            tally.add(f"review@{REVIEW_CHARS}", row["repo"], hit=hit)
            # The rest of the names were matched by an expression: many are local variables or words in prose.
            if need["ctags"]:
                tally.add(f"review_confirmed@{REVIEW_CHARS}", row["repo"], hit=hit)


MEASURES = {"needed": measure_needed, "hidden": measure_hidden, "review": measure_review}


def rows_of(kind: str, rows: Path | None = None) -> Iterator[dict[str, Any]]:
    if kind == "review":
        yield from load_reviews()
    else:
        yield from (row for row in load_context(rows) if kind == "hidden" or row["needed"])


def measure(
    mirrors: Path,
    *,
    kinds: Sequence[str] = tuple(MEASURES),
    repo: str = "",
    limit: int = 0,
    rows: Path | None = None,
    progress: bool = False,
) -> dict[str, object]:
    report: dict[str, object] = {}
    for kind in kinds:
        tally = Tally()
        for row in rows_of(kind, rows):
            if repo and row["repo"] != repo:
                continue
            if limit and tally.rows >= limit:
                break
            git_dir = find_mirror(mirrors, row["repo"])
            if git_dir is None or not has_commits(git_dir, row["base"], row["head"]):
                tally.skipped += 1
                continue
            tally.rows += 1
            MEASURES[kind](row, git_dir, tally)
            if progress:
                print(f"\r{kind} {tally.rows}", end="", file=sys.stderr, flush=True)
        if progress:
            print(file=sys.stderr)
        report[f"{kind}_rows"] = tally.rows
        report[f"{kind}_rows_skipped"] = tally.skipped
        for name in sorted(tally.cases, key=lambda name: (name.split("@")[0], int(name.split("@")[1]))):
            report[name] = tally.recall(name)
            report[f"{name}_by_repository_mean"] = tally.macro(name)
            report[f"{name}_cases"] = sum(tally.cases[name].values())
            if name in BASELINE:
                report[f"{name}_baseline"] = BASELINE[name]
                report[f"{name}_by_repository"] = {
                    repo: f"{tally.hits[name][repo]}/{n}" for repo, n in sorted(tally.cases[name].items())
                }
    return report


def mirrors_folder(given: str = "") -> Path | None:
    name = given or os.environ.get("KILO_REVIEW_MIRRORS", "")
    return Path(name) if name else None


def mirrors_or_say(given: str) -> Path | None:
    """Return the folder of mirrors; None, and a line on standard error, where there is none."""
    mirrors = mirrors_folder(given)
    if mirrors is not None and mirrors.is_dir():
        return mirrors
    print("no mirrors: pass --mirrors DIR or set KILO_REVIEW_MIRRORS", file=sys.stderr)
    return None


def run() -> dict[str, object]:
    mirrors = mirrors_folder()
    if mirrors is None or not shared_folder().is_dir():
        return {"skipped": "set KILO_REVIEW_MIRRORS to a folder of git mirrors, and KILO_REVIEW_SHARED to the data"}
    return measure(mirrors)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench context_recall", description=__doc__.splitlines()[0])
    parser.add_argument("--mirrors", default="", help="folder of git mirrors (default: KILO_REVIEW_MIRRORS)")
    parser.add_argument("--only", choices=sorted(MEASURES), action="append", help="measure just this")
    parser.add_argument("--repo", default="", help="just this repository, as owner/name")
    parser.add_argument("--rows", type=Path, help="rows of commits to read instead of the development set")
    parser.add_argument("--limit", type=int, default=0, help="at most so many rows of each kind")
    options = parser.parse_args(argv)
    mirrors = mirrors_or_say(options.mirrors)
    if mirrors is None:
        return 2
    kinds = options.only or [kind for kind in MEASURES if kind != "review" or options.rows is None]
    report = measure(mirrors, kinds=kinds, repo=options.repo, limit=options.limit, rows=options.rows, progress=True)
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
