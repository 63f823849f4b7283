"""Cold start of `kilo-review-uncommitted` to its first model request: a real process, repository and socket.

The time is from the start of the process to the request's arrival at an instant model on loopback. The lower
bound beside it, in the same run, is a Python that imports httpx and asks that model one question. PR-Agent's
local mode can take turns with it: `--pr-agent PYTHON`, an interpreter that has pr-agent installed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.measure import MODEL, InstantModel, load, median, program, ran
from bench.sample import Sample, build, check_out

ROUNDS = 7
FILES, CHANGED, DIFF_LINES = 500, 6, 300
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


def run(rounds: int = ROUNDS, pr_agent: str = "") -> dict[str, object]:
    """Measure seconds to the first request, and CPU seconds of the whole run with its children."""
    with tempfile.TemporaryDirectory() as folder, InstantModel() as model:
        home = Path(folder)
        sample = build(home, files=FILES, changed=CHANGED, diff_lines=DIFF_LINES)
        check_out(sample, home / "work")
        env = model.environ(home)
        ours = [program("kilo-review-uncommitted"), "--no-cache", "--fail-on=never", "--repo", str(home / "work")]
        commands = {"kilo_review": (ours, env, home), "python_httpx": ([sys.executable, "-c", BARE], env, home)}
        if pr_agent:
            committed = _committed(sample, home / "committed")
            commands["pr_agent"] = ([pr_agent, "-c", PR_AGENT], _for_pr_agent(env), committed)
        first: dict[str, list[float]] = {name: [] for name in commands}
        whole: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(rounds + 1):
            for name, (command, environ, cwd) in commands.items():
                model.times()
                done = ran(command, env=environ, cwd=cwd)
                times = model.times()
                assert times, f"{name} asked nothing: status {done.status}"
                # The first round makes the ledger's tables and reads the disk.
                if number:
                    first[name].append(times[0] - done.started)
                    whole[name].append(done.cpu)
    report: dict[str, object] = {
        "repository_files": sample.files,
        "changed_files": sample.changed_files,
        "diff_lines": sample.diff_lines,
        "rounds": rounds,
        "load_average": load(),
    }
    for name in commands:
        report[f"{name}_first_request_s"] = median(first[name])
        report[f"{name}_first_request_best_s"] = round(min(first[name]), 3)
        report[f"{name}_whole_cpu_s"] = median(whole[name])
    report["aim_kilo_review_first_request_s"] = 0.8
    if not pr_agent:
        report["pr_agent_first_request_s_as_given"] = "5-6"
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
    options = parser.parse_args(argv)
    print(json.dumps(run(options.rounds, options.pr_agent), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
