"""`python -m tests.fuzz [TARGET …] --minutes 10`: coverage-guided fuzzing of one target after another.

Needs `atheris` (`pip install atheris`). Each target runs in a process of its own, with what it found worth keeping
in `--corpus`, so that a later run goes on from there. Exit code 1 where one crashed: the input that did it is in
the corpus folder, and `--replay FILE` runs it again.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.targets import SEEDS, TARGETS

LONGEST_INPUT = 20_000
# A single input that takes longer is a fault too.
SLOW_SECONDS = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of: {', '.join(TARGETS)} (all)")
    parser.add_argument("--minutes", type=float, default=10, help="minutes for each target (10)")
    parser.add_argument("--corpus", type=Path, default=Path(tempfile.gettempdir()) / "kilo-fuzz")
    parser.add_argument("--replay", type=Path, help="run one target on one file and stop")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := [name for name in options.targets if name not in TARGETS]:
        parser.error(f"no such target: {', '.join(unknown)}")
    names = options.targets or list(TARGETS)
    if options.replay:
        TARGETS[names[0]](options.replay.read_bytes())
        return 0
    if options.here:
        return fuzz(names[0], options.corpus / names[0], options.minutes)
    return max(apart(name, options.corpus, options.minutes) for name in names)


def apart(name: str, corpus: Path, minutes: float) -> int:
    """Fuzz a target in a process of its own, which ends with the first fault, and print one line about it."""
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        name,
        "--here",
        "--minutes",
        str(minutes),
        "--corpus",
        str(corpus),
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stderr + done.stdout
    runs = re.findall(r"^#(\d+)", said, re.MULTILINE)
    covered = re.findall(r"cov: (\d+)", said)
    result = "no fault" if done.returncode == 0 else f"FAULT (exit {done.returncode})"
    cpu = (resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before) / 60
    inputs, edges = (found[-1] if found else "0" for found in (runs, covered))
    print(f"{name:12} {cpu:5.1f} CPU-min {inputs:>10} inputs {edges:>6} edges  {result}", flush=True)
    if done.returncode:
        print(said[-4000:])
    return min(done.returncode, 1)


def fuzz(name: str, corpus: Path, minutes: float) -> int:
    """Fuzz a target in this process until its time is over; it does not return."""
    import atheris  # type: ignore[import-untyped]

    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.instrument_all()
    arguments = [
        sys.argv[0],
        f"-max_total_time={int(minutes * 60)}",
        f"-max_len={LONGEST_INPUT}",
        f"-timeout={SLOW_SECONDS}",
        f"-artifact_prefix={corpus.parent}/{name}-",
        str(corpus),
    ]
    atheris.Setup(arguments, TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
