"""Warm time from dequeue to the first model request on a change of 92 files and about 9,600 diff lines.

The process has reviewed another change of the repository before. The time starts with the diff's bytes in memory
and both commits in a bare repository, as the service has them after its fetch; it ends when the request arrives at
a model's socket. Scope, redaction, units, context, routing, prompt and reservation are in it. PR-Agent takes 0.54 s
to prepare such a change without any context, as given; it is not run here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measure import ROOT, InstantModel, load, median
from bench.sample import build

ROUNDS = 5
FILES, CHANGED, DIFF_LINES = 500, 92, 9600


def run(rounds: int = ROUNDS) -> dict[str, object]:
    """Measure seconds from the start to the arrival of the first request at the model's socket."""
    report: dict[str, object] = {"rounds": rounds}
    with tempfile.TemporaryDirectory() as folder, InstantModel() as model:
        home = Path(folder)
        # A change of another seed warms the process; its answers and its files are not those that are measured.
        (home / "other").mkdir()
        warm = build(home / "other", files=FILES, changed=CHANGED // 4, diff_lines=DIFF_LINES // 4, seed=1)
        sample = build(home, files=FILES, changed=CHANGED, diff_lines=DIFF_LINES)
        tasks = []
        for number, one in enumerate((warm, sample)):
            (home / f"diff{number}").write_bytes(one.diff)
            tasks.append(
                {
                    "git_dir": str(one.git_dir),
                    "base": one.base,
                    "head": one.head,
                    "diff": str(home / f"diff{number}"),
                }
            )
        for analysers in (True, False):
            command = {"tasks": [tasks[0], *([tasks[1]] * rounds)], "analysers": analysers}
            child = subprocess.Popen(
                [sys.executable, "-m", "bench.first_request", "--child", json.dumps(command)],
                cwd=ROOT,
                env=model.environ(home),
                stdout=subprocess.PIPE,
                text=True,
            )
            assert child.stdout is not None
            starts = [json.loads(line) for line in child.stdout]
            assert child.wait() == 0
            times = model.times()
            first = [min(at for at in times if at > start["at"]) - start["at"] for start in starts[1:]]
            word = "with_analysers" if analysers else "without_analysers"
            report[f"pipeline_{word}_first_request_s"] = median(first)
            report[f"pipeline_{word}_best_s"] = round(min(first), 3)
            report[f"pipeline_{word}_cpu_s"] = median([start["cpu"] for start in starts[1:]])
    report |= {
        "repository_files": sample.files,
        "changed_files": sample.changed_files,
        "diff_lines": sample.diff_lines,
        "load_average": load(),
        "aim_pipeline_with_analysers_first_request_s": 0.3,
        "pr_agent_without_context_s_as_given": 0.54,
    }
    return report


def _child(command: dict[str, Any]) -> None:
    """Review each change in turn, with a line for each: when it began, and CPU seconds to the first question."""
    from dataclasses import replace

    from policies.load import load_policy
    from reviewer import pipeline
    from reviewer.change.parse import parse_diff
    from reviewer.git.commit import GitSnapshot
    from reviewer.jobs.models import open_models
    from reviewer.models.meter import CallIntent, NullMeter
    from reviewer.settings import Settings
    from reviewer.steps.context import ReviewContext
    from reviewer.steps.request import ReviewRequest

    class FirstReservation(NullMeter):
        """Notes the CPU time of the process at the first reservation, the last step before the wire."""

        cpu: float | None = None

        def reserve(self, *, amount: Any, call: CallIntent) -> str:
            if self.cpu is None:
                self.cpu = time.process_time()
            return super().reserve(amount=amount, call=call)

    policy = load_policy()
    if not command["analysers"]:
        policy = replace(policy, analysers=())
    settings = Settings.from_environ()
    for task in command["tasks"]:
        diff = Path(task["diff"]).read_bytes()
        git_dir = Path(task["git_dir"])
        meter = FirstReservation()
        started, cpu = time.monotonic(), time.process_time()
        change = replace(parse_diff(diff), base=task["base"], head=task["head"])
        with GitSnapshot.open(git_dir, task["base"]) as base, GitSnapshot.open(git_dir, task["head"]) as head:
            models = open_models(settings, policy, meter, private=False)
            pipeline.review(ReviewRequest(change=change), ReviewContext(policy, models.client, head, base))
        assert meter.cpu is not None
        print(json.dumps({"at": started, "cpu": meter.cpu - cpu}), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench first_request", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child is not None:
        _child(options.child)
    else:
        print(json.dumps(run(options.rounds), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
