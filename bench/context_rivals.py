"""What stands beside our context: one batched search by git grep or ripgrep, and `code-review-graph`'s index.

The last two need a work tree, which ours does not: one is checked out for them, and that is not counted.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.measure import MIB, ran

# Of code-review-graph what its own MCP server calls for a review, and what it has for the callees of a function.
_QUERY = """
import contextlib, io, json, sys, time, resource
began = time.perf_counter()
from importlib.metadata import version
from code_review_graph.tools.query import query_graph
from code_review_graph.tools.review import get_review_context
loaded = time.perf_counter()
times, (tree, function) = [], sys.argv[1:]
with contextlib.redirect_stdout(io.StringIO()):
    for _ in range(2):
        at = time.perf_counter()
        context = get_review_context(repo_root=tree, base="HEAD~1")
        times.append(time.perf_counter() - at)
    at = time.perf_counter()
    callees = query_graph("callees_of", function, repo_root=tree)
    times.append(time.perf_counter() - at)
graph = context["context"]["graph"]
def places(nodes):
    return [[node["name"], node["file_path"]] for node in nodes]
print(json.dumps({
    "version": version("code-review-graph"), "import_s": loaded - began, "times": times,
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "context": json.dumps(context),
    "in_context": places(graph["changed_nodes"] + graph["impacted_nodes"]), "callees": places(callees["results"]),
}))
"""


def check_out(git_dir: Path, commit: str, tree: Path) -> None:
    """Make a work tree of a commit, its objects shared."""
    for command in (
        ["git", "clone", "-q", "--no-checkout", "--shared", str(git_dir), str(tree)],
        ["git", "-C", str(tree), "checkout", "-q", "--detach", commit],
    ):
        subprocess.run(command, check=True)


def pattern_of(words: Sequence[str]) -> str:
    return f"({'|'.join(words)})"


def git_grep(git_dir: Path, commit: str, words: Sequence[str]) -> float:
    """Return the seconds of one `git grep` for all words in a commit's tree."""
    command = ["git", f"--git-dir={git_dir}", "grep", "-n", "-I", "-w", "-E", "-e", pattern_of(words), commit]
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False, env={**os.environ, "LC_ALL": "C"})
    return time.perf_counter() - began


def ripgrep(tree: Path, words: Sequence[str], *, rounds: int) -> dict[str, object] | str:
    """Return what one `rg` for all words over a work tree takes, or why it was not run."""
    if shutil.which("rg") is None:
        return "not run: no rg on PATH"
    runs = [ran(["rg", "-n", "-w", "-e", pattern_of(words), str(tree)]) for _ in range(rounds)]
    best = min(runs, key=lambda one: one.wall)
    return {"wall_s": round(best.wall, 3), "cpu_s": round(best.cpu, 3), "peak_mib": round(best.peak / MIB)}


def code_review_graph(
    python: str, tree: Path, commits: Sequence[str], needed: Mapping[str, str], *, function: str
) -> dict[str, object] | str:
    """Return what code-review-graph takes to index the first commit, to take in the second, and to answer for it.

    `python` is an interpreter that has it; `needed` are the definitions that the change calls, by name, with their
    paths, and `function` is what calls them. The work tree is left at the second commit.
    """
    if not python:
        return "not run: name an interpreter that has it with --code-review-graph PYTHON"
    with tempfile.TemporaryDirectory() as home:
        env = {"PATH": os.environ["PATH"], "HOME": home}
        crg = [python, "-m", "code_review_graph"]
        base, head = commits
        subprocess.run(["git", "-C", str(tree), "checkout", "-q", "--detach", base], check=True)
        build = ran([*crg, "build", "-q", "--repo", str(tree)], env=env)
        assert build.status == 0, f"code-review-graph build ended with {build.status}"
        subprocess.run(["git", "-C", str(tree), "checkout", "-q", "--detach", head], check=True)
        update = ran([*crg, "update", "-q", "--base", base, "--repo", str(tree)], env=env)
        assert update.status == 0, f"code-review-graph update ended with {update.status}"
        database = sum(file.stat().st_size for file in (tree / ".code-review-graph").rglob("*") if file.is_file())
        done = subprocess.run(
            [python, "-c", _QUERY, str(tree), function], env=env, check=True, capture_output=True, text=True
        )
    told = json.loads(done.stdout)
    cold, warm, callees = told["times"]
    return {
        "version": told["version"],
        "build_s": round(build.wall, 1),
        "build_cpu_s": round(build.cpu, 1),
        "build_peak_mib": round(build.peak / MIB),
        "database_mib": round(database / MIB, 1),
        "update_s": round(update.wall, 2),
        "import_s": round(told["import_s"], 3),
        "review_context_cold_s": round(cold, 3),
        "review_context_warm_s": round(warm, 3),
        "review_context_tokens": _tokens(told["context"]),
        "query_peak_mib": round(told["peak"] / (MIB if sys.platform == "darwin" else 1024)),
        "needed_in_review_context": _held(told["in_context"], needed),
        "callees_query_s": round(callees, 3),
        "needed_by_callees_query": _held(told["callees"], needed),
    }


def _held(places: Sequence[Sequence[str]], needed: Mapping[str, str]) -> str:
    """Return how many definitions are named with their file."""
    named = {name for name, path in places if name in needed and path.endswith(needed[name])}
    return f"{len(named)} of {len(needed)}"


def _tokens(text: str) -> int:
    from reviewer.context.tokens import count_tokens

    return count_tokens(text)
