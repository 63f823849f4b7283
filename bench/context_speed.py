"""How long context takes, beside one batched search and an indexer: `python -m bench context_speed`.

Two repositories are made with `git fast-import` (500 and 20,000 files of Python, TypeScript and Go whose
functions call each other), and a change in each that calls 50 functions of other files, imports included. Cold is
a new process with no cache of ours; warm is the same process gathering for a second change. Beside it in the same
run: one `git grep` of the same 50 words; ripgrep over a work tree where `rg` is on PATH; and, with an interpreter
that has it named by `--code-review-graph PYTHON`, the build, the size and the answers of that index. Memory is
the peak of the process. Times are wall seconds; on a busy machine read the ratios, and `cpu_s`, which counts our
process with its children.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.context_rivals import check_out, code_review_graph, git_grep, ripgrep
from bench.measure import ROOT, load

SIZES = (500, 20_000)
AIMS = {500: 0.3, 20_000: 1.5}
SYMBOLS = 50
BUDGET_TOKENS = 6000
CALLER = "combine"

_PROBE = """
import json, sys, time, resource
began = time.perf_counter()
from bench.context_speed import gather_once
from pathlib import Path
loaded = time.perf_counter()
git_dir, first, second, needed = Path(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
cold, items = gather_once(git_dir, first)
warm, _ = gather_once(git_dir, second)
own, git = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
held = {name for name, path in items if needed.get(name) == path}
print(json.dumps({
    "import_s": round(loaded - began, 3), "cold_s": round(cold, 3),
    "warm_s": round(warm, 3), "items": len(items), "needed_shown": f"{len(held)} of {len(needed)}",
    "cpu_s": round(own.ru_utime + own.ru_stime + git.ru_utime + git.ru_stime, 3),
    "peak_mib": round(own.ru_maxrss / 1024),
}))
"""


def gather_once(git_dir: Path, commit: str) -> tuple[float, list[tuple[str, str]]]:
    """Gather for the whole change of a commit as one unit; return seconds and (symbol, path) of what came."""
    from reviewer.change.model import Unit
    from reviewer.change.parse import parse_diff
    from reviewer.context.gather import ContextGatherer
    from reviewer.git.commit import GitSnapshot
    from reviewer.git.git import run_git
    from reviewer.prompts.snippets import AsPrompted

    diff = run_git(["diff", "--no-ext-diff", "--no-textconv", f"{commit}^", commit], git_dir=git_dir)
    change = parse_diff(diff, base=f"{commit}^", head=commit)
    began = time.perf_counter()
    with GitSnapshot.open(git_dir, commit) as head, GitSnapshot.open(git_dir, f"{commit}^") as base:
        gatherer = ContextGatherer(head=head, base=base, change=change, tariff=AsPrompted)
        items = gatherer.for_unit(Unit("all", change.hunks, "the whole change"), budget=BUDGET_TOKENS)
    return time.perf_counter() - began, [(item.symbol, item.path) for item in items]


def folder_of(number: int) -> str:
    return f"pkg{number % 97:02d}/part{number % 11:02d}"


def source(number: int, files: int) -> tuple[str, str]:
    """Return path and text of one made-up file: eight functions that call those of others."""
    folder = folder_of(number)
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


def edit(seed: int, files: int) -> tuple[str, str, dict[str, str]]:
    """Return path and text of a new file that calls SYMBOLS functions, and where each of those is defined."""
    needed = {}
    for at in range(SYMBOLS):
        number = (seed + at * 2711) % files // 3 * 3
        needed[f"step_{number}_{at % 8}"] = source(number, files)[0]
    imports = "\n".join(
        f"from {path.removesuffix('.py').replace('/', '.')} import {word}" for word, path in needed.items()
    )
    lines = "\n".join(f"    result += {word}(value, name)" for word in needed)
    text = f"{imports}\n\n\ndef {CALLER}(value, name):\n    result = 0\n{lines}\n    return result\n"
    return f"pkg00/new_{seed}.py", text, needed


def make_repository(folder: Path, files: int) -> tuple[Path, list[str], dict[str, str]]:
    """Make a bare repository; return its git directory, its three commits, and what the first change needs."""
    git_dir = folder / f"{files}.git"
    subprocess.run(["git", "init", "-q", "--bare", str(git_dir)], check=True)
    first, second = edit(1, files), edit(2, files)
    everything = (source(number, files) for number in range(files))
    with subprocess.Popen(["git", f"--git-dir={git_dir}", "fast-import", "--quiet"], stdin=subprocess.PIPE) as git:
        assert git.stdin is not None
        # As a stream: a process is measured with the memory of the one that started it.
        for number, paths in enumerate((everything, [first[:2]], [second[:2]])):
            at = 1_700_000_000 + number
            git.stdin.write(f"commit refs/heads/main\ncommitter A <a@example.org> {at} +0000\ndata 1\nx\n".encode())
            for path, text in paths:
                data = text.encode()
                git.stdin.write(f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
    assert git.returncode == 0, "git fast-import failed"
    log = subprocess.run(
        ["git", f"--git-dir={git_dir}", "rev-list", "--reverse", "main"], check=True, capture_output=True, text=True
    )
    return git_dir, log.stdout.split(), first[2]


def measure(files: int, *, rounds: int = 3, crg_python: str = "") -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        git_dir, (empty, first, second), needed = make_repository(folder, files)
        words = list(needed)
        probes = [_probe(git_dir, first, second, needed) for _ in range(rounds)]
        best = min(probes, key=lambda probe: probe["cold_s"])
        warm = min(probe["warm_s"] for probe in probes)
        grep = min(git_grep(git_dir, first, words) for _ in range(rounds))
        tree = folder / "checkout"
        check_out(git_dir, first, tree)
        return {
            "files": files,
            **best,
            "warm_s": warm,
            "git_grep_s": round(grep, 3),
            "cold_over_git_grep": round(best["cold_s"] / grep, 2),
            "warm_over_git_grep": round(warm / grep, 2),
            "ripgrep": ripgrep(tree, words, rounds=rounds),
            "code_review_graph": code_review_graph(crg_python, tree, (empty, first), needed, function=CALLER),
            "load_average": load(),
        }


def _probe(git_dir: Path, first: str, second: str, needed: Mapping[str, str]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, str(git_dir), first, second, json.dumps(needed)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


def run() -> dict[str, object]:
    aims = {f"aim_{files}.cold_s": seconds for files, seconds in AIMS.items()}
    return {**{str(files): measure(files) for files in SIZES}, **aims}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench context_speed", description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, action="append", help=f"sizes to measure (default {SIZES})")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--code-review-graph", default="", metavar="PYTHON", help="an interpreter that has code-review-graph"
    )
    options = parser.parse_args(argv)
    report = {
        str(files): measure(files, rounds=options.rounds, crg_python=options.code_review_graph)
        for files in options.files or SIZES
    }
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
