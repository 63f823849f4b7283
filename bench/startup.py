"""Cold start of `kilo-review --help`, beside an empty Python and `git --help`; the processes take turns."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from bench.measure import Ran, load, median, program, ran

ROUNDS = 15
COMMANDS = {
    "kilo_review_help": [program("kilo-review"), "--help"],
    "kilo_review_local_help": [program("kilo-review-uncommitted"), "--help"],
    "python_pass": [sys.executable, "-c", "pass"],
    "git_help": ["git", "--help"],
}


def run(rounds: int = ROUNDS) -> dict[str, object]:
    """Measure wall and CPU seconds; the first round, which reads the disk, is not counted."""
    runs: dict[str, list[Ran]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, command in COMMANDS.items():
            done = ran(command)
            assert done.status == 0, f"{command}: status {done.status}"
            if number:
                runs[name].append(done)
    report: dict[str, object] = {"rounds": rounds, "load_average": load()}
    for name, found in runs.items():
        report[f"{name}_wall_s"] = median([one.wall for one in found])
        report[f"{name}_cpu_s"] = median([one.cpu for one in found])
    ours, python = (median([one.cpu for one in runs[name]]) for name in ("kilo_review_help", "python_pass"))
    report["ratio_to_python_cpu"] = round(ours / python, 1) if python else None
    report["aim_kilo_review_help_wall_s"] = 0.3
    return report


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    print(json.dumps(run(parser.parse_args(argv).rounds), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
