"""What the analysers say of real commits: every hit to be judged by reading, and the time that they take.

    python -m bench analysers_noise --repositories FOLDER... [--commits 30] [--skip 0]

A folder is a clone. Its newest commits that change code are taken, merges left out; a hit counts where it stands on
an added line.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from policies.keys import ANALYSERS
from reviewer.change.parse import parse_diff
from reviewer.evidence.run import Evidence, run_analysers
from reviewer.evidence.tools import LANGUAGE_TOOLS, TOOLS

_SHOW: Final = ("show", "--format=", "--no-renames", "--no-color", "--no-ext-diff")


class Commit:
    """The files of a commit of a clone."""

    def __init__(self, folder: Path, commit: str) -> None:
        self.folder, self.commit = folder, commit

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        found = {}
        for path in paths:
            shown = _git(self.folder, "show", f"{self.commit}:{path}", check=False)
            if shown.returncode == 0:
                found[path] = shown.stdout
        return found


def commits(folder: Path, most: int) -> list[str]:
    """Return the newest commits that change files which an analyser of a language reads."""
    out = _git(
        folder, "log", "--no-merges", "--format=%x01%H", "--name-only", "--no-renames", "-n", "2000", _tip(folder)
    ).stdout.decode()
    found = []
    for block in out.split("\x01")[1:]:
        name, _, files = block.partition("\n")
        paths = [line for line in files.splitlines() if line]
        if any(TOOLS[tool].wants(path) for tool in LANGUAGE_TOOLS for path in paths):
            found.append(name.strip())
    # A clone may lack the largest files.
    whole = (commit for commit in found if _git(folder, *_SHOW, commit, check=False).returncode == 0)
    return list(islice(whole, most))


def evidence_of(folder: Path, commit: str) -> tuple[Evidence, int, float]:
    """Return what is found in a commit, its added lines and the seconds that it took."""
    diff = _git(folder, *_SHOW, commit).stdout
    change = parse_diff(diff.decode("utf-8", "replace"))
    lines = sum(len(hunk.added) for file in change.files for hunk in file.hunks)
    head = Commit(folder, commit)
    files = head.read_many([file.path for file in change.files])
    started = time.monotonic()
    evidence = run_analysers(change, _Read(commit, files), tools=ANALYSERS)
    return evidence, lines, time.monotonic() - started


class _Read:
    def __init__(self, commit: str, files: Mapping[str, bytes]) -> None:
        self.commit, self.files = commit, files

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        return {path: self.files[path] for path in paths if path in self.files}


def _tip(folder: Path) -> str:
    for name in ("main", "master", "refs/remotes/origin/main", "refs/remotes/origin/master"):
        if _git(folder, "rev-parse", "--verify", "--quiet", name, check=False).returncode == 0:
            return name
    return "HEAD"


def _git(folder: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=check)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repositories", nargs="+", type=Path, required=True)
    parser.add_argument("--commits", type=int, default=30)
    parser.add_argument("--skip", type=int, default=0, help="leave out the newest ones")
    options = parser.parse_args(arguments)
    total_lines, total_seconds, total_commits = 0, 0.0, 0
    counted: Counter[str] = Counter()
    for folder in options.repositories:
        for commit in commits(folder, options.skip + options.commits)[options.skip :]:
            evidence, lines, seconds = evidence_of(folder, commit)
            total_commits, total_lines, total_seconds = (
                total_commits + 1,
                total_lines + lines,
                total_seconds + seconds,
            )
            for run in evidence.runs:
                if run.error:
                    print(f"{folder} {commit[:10]} {run.tool}: {run.error}")
            for found in evidence.findings:
                counted[f"{found.severity.name} {found.source}"] += 1
                print(f"{folder.parent.name or folder} {commit[:10]} {found.severity.name} {found.source} "
                      f"{found.path}:{found.line}  {found.quote.strip()[:140]}")  # fmt: skip
    for name, count in counted.most_common():
        print(f"{count:5} {name}")
    rate = 1000 * total_seconds / max(1, total_lines)
    print(
        f"{total_commits} commits, {total_lines} added lines, {total_seconds:.1f} s, {rate:.2f} s per 1,000 lines"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
