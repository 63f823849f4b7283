"""Cold start of `kilo-review-uncommitted` to its first model request: a real process, repository and socket.

The time is from the start of the process to the request's arrival at an instant model on loopback, for a small and
a medium change. The lower bound beside it, in the same run, is a Python that imports httpx and asks that model one
question; a clean tree stands beside `git status`. Other installations of this program take turns with ours with
`--beside NAME=PROGRAM`, PR-Agent's local mode with `--pr-agent PYTHON`, an interpreter that has pr-agent installed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.measure import MIB, MODEL, InstantModel, Ran, load, median, program, ran
from bench.sample import Sample, build, check_out

ROUNDS = 7
FILES = 500
# Changed files and lines of the diff.
SIZES = {"small": (1, 20), "medium": (6, 300)}
AIMS = {"small": 0.35, "medium": 0.6}
BARE = """
import httpx, os
body = {"model": os.environ["KILO_REVIEW_MODEL"], "messages": [{"role": "user", "content": "hello"}]}
key = {"Authorization": "Bearer " + os.environ["KILO_REVIEW_MODEL_KEY"]}
httpx.post(os.environ["KILO_REVIEW_MODEL_URL"] + "/chat/completions", json=body, headers=key)
"""
# Offline it would wait for a price list and a tokenizer; litellm brings both with it.
PR_AGENT = """
import importlib.util, os, pathlib, sys
package = pathlib.Path(importlib.util.find_spec("litellm").origin).parent
os.environ["TIKTOKEN_CACHE_DIR"] = str(package / "litellm_core_utils" / "tokenizers")
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
sys.argv = ["pr-agent", "--pr_url", "base", "review"]
from pr_agent.cli import run
run()
"""


def run(rounds: int = ROUNDS, pr_agent: str = "", beside: Sequence[tuple[str, str]] = ()) -> dict[str, object]:
    """Measure seconds to the first request, CPU seconds of the whole run with its children, and peak memory."""
    programs = {"kilo_review": program("kilo-review-uncommitted"), **dict(beside)}
    report: dict[str, object] = {"rounds": rounds, "repository_files": FILES}
    with InstantModel() as model:
        for size in SIZES:
            with tempfile.TemporaryDirectory() as folder:
                report |= _one_size(size, rounds, model, Path(folder), programs, pr_agent)
        with tempfile.TemporaryDirectory() as folder:
            report |= _clean_tree(rounds, model, Path(folder), programs)
    report["load_average"] = load()
    if not pr_agent:
        report["pr_agent_first_request_s_as_given"] = "5-6"
    return report


def _one_size(
    size: str, rounds: int, model: InstantModel, home: Path, programs: Mapping[str, str], pr_agent: str
) -> dict[str, object]:
    changed, lines = SIZES[size]
    sample = build(home, files=FILES, changed=changed, diff_lines=lines)
    check_out(sample, home / "work")
    options = ["--no-cache", "--fail-on=never", "--repo", str(home / "work")]
    commands: dict[str, tuple[list[str], Mapping[str, str], Path]] = {}
    for name, path in programs.items():
        # A ledger and a cache of its own: versions of the program need not agree on them.
        (home / name).mkdir()
        commands[name] = ([path, *options], model.environ(home / name), home)
    env = model.environ(home)
    commands["python_httpx"] = ([sys.executable, "-c", BARE], env, home)
    if pr_agent:
        committed = _committed(sample, home / "committed")
        commands["pr_agent"] = ([pr_agent, "-c", PR_AGENT], _for_pr_agent(env), committed)
    first: dict[str, list[float]] = {name: [] for name in commands}
    whole: dict[str, list[Ran]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, (command, environ, cwd) in commands.items():
            model.times()
            done = ran(command, env=environ, cwd=cwd)
            times = model.times()
            assert times, f"{name} asked nothing: status {done.status}"
            # The first round makes the ledger's tables and reads the disk.
            if number:
                first[name].append(times[0] - done.started)
                whole[name].append(done)
    report: dict[str, object] = {
        f"{size}_changed_files": sample.changed_files,
        f"{size}_diff_lines": sample.diff_lines,
    }
    for name in commands:
        report[f"{size}_{name}_first_request_s"] = median(first[name])
        report[f"{size}_{name}_first_request_best_s"] = round(min(first[name]), 3)
        report[f"{size}_{name}_whole_cpu_s"] = median([one.cpu for one in whole[name]])
        report[f"{size}_{name}_peak_mib"] = round(median([one.peak for one in whole[name]]) / MIB)
    report[f"aim_{size}_kilo_review_first_request_s"] = AIMS[size]
    return report


def _clean_tree(rounds: int, model: InstantModel, home: Path, programs: Mapping[str, str]) -> dict[str, object]:
    sample = build(home, files=FILES, changed=1, diff_lines=20)
    check_out(sample, home / "work")
    subprocess.run(["git", "checkout", "--quiet", "--force", "."], cwd=home / "work", check=True)
    subprocess.run(["git", "clean", "-qfd"], cwd=home / "work", check=True)
    env = model.environ(home)
    commands = {name: [path, "--repo", str(home / "work")] for name, path in programs.items()}
    commands["git_status"] = ["git", "-C", str(home / "work"), "status", "--porcelain"]
    commands["python_pass"] = [sys.executable, "-c", "pass"]
    runs: dict[str, list[Ran]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            done = ran(command, env=env, cwd=home)
            assert done.status == 0, f"{name}: status {done.status}"
            if number:
                runs[name].append(done)
    report: dict[str, object] = {}
    for name, found in runs.items():
        report[f"clean_{name}_s"] = median([one.wall for one in found])
        report[f"clean_{name}_cpu_s"] = median([one.cpu for one in found])
    status = median([one.wall for one in runs["git_status"]], 6)
    report["clean_ratio_to_git_status"] = round(median([one.wall for one in runs["kilo_review"]]) / status, 1)
    report["aim_clean_ratio_to_git_status"] = 3.0
    return report


def _committed(sample: Sample, folder: Path) -> Path:
    """Make what PR-Agent needs: a clean tree on a branch, and a branch to compare with."""
    check_out(sample, folder)
    for args in (("branch", "base", sample.base), ("checkout", "--quiet", "--force", "-B", "topic", sample.head)):
        subprocess.run(["git", *args], cwd=folder, check=True)
    return folder


def _for_pr_agent(env: Mapping[str, str]) -> dict[str, str]:
    return {
        **env,
        "CONFIG.GIT_PROVIDER": "local",
        "CONFIG.MODEL": f"openai/{MODEL}",
        "CONFIG.CUSTOM_MODEL_MAX_TOKENS": "32000",
        "OPENAI.API_BASE": env["KILO_REVIEW_MODEL_URL"],
        "OPENAI.KEY": env["KILO_REVIEW_MODEL_KEY"],
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench local_start", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    parser.add_argument(
        "--pr-agent", default="", metavar="PYTHON", help="an interpreter that has pr-agent installed"
    )
    parser.add_argument(
        "--beside",
        action="append",
        default=[],
        metavar="NAME=PROGRAM",
        help="another installation's kilo-review-uncommitted, to take turns with",
    )
    options = parser.parse_args(argv)
    beside = [(name, path) for name, _, path in (one.partition("=") for one in options.beside)]
    print(json.dumps(run(options.rounds, options.pr_agent, beside), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
