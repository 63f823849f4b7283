"""How long context takes, beside one batched search of the same tree: `python -m bench context_speed`.

Two repositories are made with `git fast-import` (500 and 20,000 files of Python, TypeScript and Go whose functions
call each other), and a change of 50 symbols in each. Cold is a new process with no cache of ours; warm is the same
process gathering for a second change. The alternative in the same run is one `git grep` of the same 50 words (and
ripgrep over a checkout where `rg` is on PATH). Memory is the peak of the process. Times are wall seconds; on a busy
machine read the ratios, and `cpu_s`, which counts our process and its children.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

SIZES = (500, 20_000)
SYMBOLS = 50
BUDGET_TOKENS = 6000

_PROBE = """
import json, sys, time, resource
began = time.perf_counter()
from bench.context_speed import gather_once
from pathlib import Path
loaded = time.perf_counter()
git_dir, first, second = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
cold, items = gather_once(git_dir, first)
warm, _ = gather_once(git_dir, second)
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({
    "import_s": round(loaded - began, 3), "cold_s": round(cold, 3),
    "warm_s": round(warm, 3), "items": items,
    "cpu_s": round(sum(one.ru_utime + one.ru_stime for one in used), 3),
    "peak_mib": round(used[0].ru_maxrss / 1024),
}))
"""


def gather_once(git_dir: Path, commit: str) -> tuple[float, int]:
    """Gather for the whole change of a commit as one unit; return seconds and how many items came."""
    from reviewer.change.model import Unit
    from reviewer.change.parse import parse_diff
    from reviewer.context.gather import ContextGatherer
    from reviewer.context.git import run_git
    from reviewer.context.snapshot import GitSnapshot

    diff = run_git(["diff", "--no-ext-diff", "--no-textconv", f"{commit}^", commit], git_dir=git_dir)
    change = parse_diff(diff, base=f"{commit}^", head=commit)
    began = time.perf_counter()
    with GitSnapshot.open(git_dir, commit) as head, GitSnapshot.open(git_dir, f"{commit}^") as base:
        gatherer = ContextGatherer(head=head, base=base, change=change)
        items = gatherer.for_unit(Unit("all", change.hunks, "the whole change"), budget=BUDGET_TOKENS)
    return time.perf_counter() - began, len(items)


def source(number: int, files: int) -> tuple[str, str]:
    """Return path and text of one made-up file: eight functions that call those of others."""
    folder = f"pkg{number % 97:02d}/part{number % 11:02d}"
    calls = [f"step_{(number * 31 + at * 7919) % files}_{at}" for at in range(8)]
    kind = number % 3
    if kind == 0:
        body = "\n\n".join(
            f"def step_{number}_{at}(value: int, other: str) -> int:\n"
            f'    """Do step {at} of {number}."""\n    total = {call}(value, other)\n    if total > {at}:\n'
            f"        total += len(other)\n    return total"
            for at, call in enumerate(calls)
        )
        return f"{folder}/module_{number}.py", f"from shared import helper\n\n\n{body}\n"
    if kind == 1:
        body = "\n\n".join(
            f"export function step_{number}_{at}(value: number, other: string): number {{\n"
            f"  const total = {call}(value, other)\n  return total > {at} ? total + other.length : total\n}}"
            for at, call in enumerate(calls)
        )
        return f"{folder}/module_{number}.ts", f"import {{ helper }} from '../shared'\n\n{body}\n"
    body = "\n\n".join(
        f"// step_{number}_{at} does a step.\nfunc step_{number}_{at}(value int, other string) int {{\n"
        f"\ttotal := {call}(value, other)\n\tif total > {at} {{\n\t\ttotal += len(other)\n\t}}\n\treturn total\n}}"
        for at, call in enumerate(calls)
    )
    return f"{folder}/module_{number}.go", f"package part\n\n{body}\n"


def edit(seed: int, files: int) -> tuple[str, str, list[str]]:
    """Return path, text and words of a new file that calls SYMBOLS functions of the repository."""
    words = [f"step_{(seed + at * 2711) % files // 3 * 3}_{at % 8}" for at in range(SYMBOLS)]
    lines = "\n".join(f"    result += {word}(value, name)" for word in words)
    return f"pkg00/new_{seed}.py", f"def combine(value, name):\n    result = 0\n{lines}\n    return result\n", words


def make_repository(folder: Path, files: int) -> tuple[Path, list[str], list[str]]:
    """Make a bare repository; return its git directory, the two commits to gather for, and the first's words."""
    git_dir = folder / f"{files}.git"
    subprocess.run(["git", "init", "-q", "--bare", str(git_dir)], check=True)
    stream: list[bytes] = []

    def commit(paths: Sequence[tuple[str, str]], parent: str) -> None:
        stream.append(
            f"commit refs/heads/main\ncommitter A <a@example.org> {1_700_000_000 + len(stream)} +0000\n".encode()
        )
        stream.append(b"data 1\nx\n" + parent.encode())
        for path, text in paths:
            data = text.encode()
            stream.append(f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n")

    commit([source(number, files) for number in range(files)], "")
    first, second = edit(1, files), edit(2, files)
    commit([first[:2]], "")
    commit([second[:2]], "")
    subprocess.run(["git", f"--git-dir={git_dir}", "fast-import", "--quiet"], input=b"".join(stream), check=True)
    log = subprocess.run(
        ["git", f"--git-dir={git_dir}", "rev-list", "--reverse", "main"], check=True, capture_output=True, text=True
    )
    return git_dir, log.stdout.split()[1:], first[2]


def time_grep(git_dir: Path, commit: str, words: Sequence[str]) -> float:
    pattern = f"({'|'.join(words)})"
    began = time.perf_counter()
    subprocess.run(
        ["git", f"--git-dir={git_dir}", "grep", "-n", "-I", "-w", "-E", "-e", pattern, commit],
        stdout=subprocess.DEVNULL,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    return time.perf_counter() - began


def time_ripgrep(git_dir: Path, commit: str, words: Sequence[str], folder: Path) -> float | None:
    if shutil.which("rg") is None:
        return None
    tree = folder / "checkout"
    tree.mkdir()
    subprocess.run(
        ["git", f"--git-dir={git_dir}", f"--work-tree={tree}", "checkout", "-q", "-f", commit], check=True
    )
    began = time.perf_counter()
    subprocess.run(
        ["rg", "-n", "-w", "-e", f"({'|'.join(words)})", str(tree)], stdout=subprocess.DEVNULL, check=False
    )
    spent = time.perf_counter() - began
    shutil.rmtree(tree)
    return spent


def measure(files: int, *, rounds: int = 3) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        git_dir, commits, words = make_repository(folder, files)
        root = Path(__file__).parent.parent
        probes = []
        for _ in range(rounds):
            done = subprocess.run(
                [sys.executable, "-c", _PROBE, str(git_dir), *commits],
                cwd=root,
                check=True,
                capture_output=True,
                text=True,
            )
            probes.append(json.loads(done.stdout))
        best = min(probes, key=lambda probe: probe["cold_s"])
        grep = min(time_grep(git_dir, commits[0], words) for _ in range(rounds))
        ripgrep = time_ripgrep(git_dir, commits[0], words, folder)
        warm = min(probe["warm_s"] for probe in probes)
        return {
            "files": files,
            **best,
            "warm_s": warm,
            "git_grep_s": round(grep, 3),
            "ripgrep_s": round(ripgrep, 3) if ripgrep is not None else "not on PATH",
            "cold_over_git_grep": round(best["cold_s"] / grep, 2),
            "warm_over_git_grep": round(warm / grep, 2),
            "load_average": round(os.getloadavg()[0], 1),
        }


def run() -> dict[str, object]:
    return {str(files): measure(files) for files in SIZES}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench context_speed", description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, action="append", help=f"sizes to measure (default {SIZES})")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    report = {str(files): measure(files, rounds=options.rounds) for files in options.files or SIZES}
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
