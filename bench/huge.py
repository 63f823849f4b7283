"""A change of 2,700 files and 239,000 diff lines, from the bytes of its diff to a review; a process of its own.

Nothing of the pipeline is left out but the analysers (`--analysers` has them too): parse, scope, units, route,
context, prompts, the wire to a model that answers at once over a socket with findings, their checks,
verification, merging, ranking, placing. What policy caps is stated: `max_units` bounds how many units are asked
about, and what is above it is listed in the coverage, not lost.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measure import MIB, ROOT, InstantModel, load
from bench.sample import build

FILES, CHANGED, DIFF_LINES = 3600, 2700, 239_000


def run(
    files: int = FILES, changed: int = CHANGED, diff_lines: int = DIFF_LINES, *, analysers: bool = False
) -> dict[str, object]:
    """Measure seconds from the diff's bytes to the Review, CPU seconds, and peak memory in MiB."""
    with tempfile.TemporaryDirectory() as folder, InstantModel(findings=True) as model:
        home = Path(folder)
        sample = build(home, files=files, changed=changed, diff_lines=diff_lines)
        (home / "diff").write_bytes(sample.diff)
        task = {
            "git_dir": str(sample.git_dir),
            "base": sample.base,
            "head": sample.head,
            "diff": str(home / "diff"),
        }
        done = subprocess.run(
            [sys.executable, "-m", "bench.huge", "--child", json.dumps({**task, "analysers": analysers})],
            cwd=ROOT,
            env=model.environ(home),
            stdout=subprocess.PIPE,
            check=True,
        )
        asked = len(model.times())
    measured: dict[str, object] = json.loads(done.stdout)
    return {
        "repository_files": sample.files,
        "changed_files": sample.changed_files,
        "diff_lines": sample.diff_lines,
        "diff_mib": round(len(sample.diff) / MIB, 1),
        "load_average": load(),
        **measured,
        "questions": asked,
        "aim_seconds": 10,
        "aim_peak_mib": 400,
    }


def _child(task: dict[str, Any]) -> dict[str, object]:
    """Do the work; imports are not counted as time, their memory is."""
    from dataclasses import replace

    from policies.load import load_policy
    from reviewer import pipeline
    from reviewer.change.parse import parse_diff
    from reviewer.git.commit import GitSnapshot
    from reviewer.jobs.models import open_models
    from reviewer.models.meter import NullMeter
    from reviewer.settings import Settings
    from reviewer.steps.context import ReviewContext
    from reviewer.steps.progress import Progress
    from reviewer.steps.request import ReviewRequest

    policy = load_policy()
    if not task["analysers"]:
        policy = replace(policy, analysers=())
    settings = Settings.from_environ()
    stages: dict[str, float] = {}
    imported = _peak_mib()
    cpu, started = time.process_time(), time.monotonic()
    diff = Path(task["diff"]).read_bytes()
    change = replace(parse_diff(diff), base=task["base"], head=task["head"])
    stages["parse"] = time.monotonic() - started
    del diff
    git_dir = Path(task["git_dir"])

    def watch(progress: Progress) -> None:
        stages.setdefault(f"to_{progress.stage}", time.monotonic() - started)

    with GitSnapshot.open(git_dir, task["base"]) as base, GitSnapshot.open(git_dir, task["head"]) as head:
        models = open_models(settings, policy, NullMeter(), private=False)
        review = pipeline.review(
            ReviewRequest(change=change), ReviewContext(policy, models.client, head, base, watch=watch)
        )
    seconds = time.monotonic() - started
    coverage = review.coverage
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "peak_mib": _peak_mib(),
        "peak_mib_after_imports": imported,
        "stages_s": {name: round(value, 2) for name, value in stages.items()},
        "status": review.status.value,
        "parts_reviewed": len(coverage.reviewed),
        "parts_listed_as_not_reviewed": sum(not skipped.excluded for skipped in coverage.skipped),
        "parts_left_out_on_purpose": sum(skipped.excluded for skipped in coverage.skipped),
        "units_asked": len(review.routes),
        "policy_max_units": policy.max_units,
        "findings": len(review.findings),
        "input_tokens": review.usage.input,
    }


def _peak_mib() -> int:
    status = Path("/proc/self/status")
    if status.is_file():
        # Linux's ru_maxrss of a new process begins with what the process that forked it had.
        row = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return round(int(row.split()[1]) * 1024 / MIB)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return round(peak / MIB)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench huge", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--files", type=int, default=FILES, help="files of the repository")
    parser.add_argument("--changed", type=int, default=CHANGED, help="files that the change touches")
    parser.add_argument("--lines", type=int, default=DIFF_LINES, help="lines of the diff")
    parser.add_argument("--analysers", action="store_true", help="run the analysers of the shipped policy too")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child is not None:
        report = _child(options.child)
    else:
        report = run(options.files, options.changed, options.lines, analysers=options.analysers)
    print(json.dumps(report, indent=None if options.child else 2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
