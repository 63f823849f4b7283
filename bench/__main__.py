"""`python -m bench`: run every benchmark that this machine can, and print what came out as one table.

`python -m bench NAME [options]` runs one, `--list` says what there is. Each module of this folder with a function
`run` is a benchmark; each runs in a process of its own, so that none warms another's caches or counts its memory.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
SECONDS: Final = 600
AIM: Final = "aim_"
EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module of this folder: its name, its first sentence, and whether it has a command line of its own."""

    name: str
    summary: str
    own_main: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run gave: figures, or the reason why there are none."""

    name: str
    seconds: float
    figures: Mapping[str, object]
    skipped: str = ""
    failed: str = ""


def benchmarks() -> dict[str, Benchmark]:
    """Read what there is from the sources, importing none of them."""
    found = {}
    for path in sorted(FOLDER.glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if "run" in functions and path.stem != "__main__":
            summary = (ast.get_docstring(tree) or "").split("\n")[0]
            found[path.stem] = Benchmark(path.stem, summary, "main" in functions)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    known = benchmarks()
    if arguments and not arguments[0].startswith("-"):
        name = arguments[0]
        if name not in known:
            sys.stderr.write(f"bench: no benchmark {name!r}; there are {', '.join(known)}\n")
            return EXIT_USAGE
        return _one(known[name], arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="say what there is and leave")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of a table")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"most of one benchmark (default: {SECONDS})"
    )
    options = parser.parse_args(arguments)
    if options.list:
        for benchmark in known.values():
            print(f"{benchmark.name:<18} {benchmark.summary}")
        return 0
    outcomes = []
    for name in known:
        sys.stderr.write(f"{name} ...\n")
        outcomes.append(_apart(name, options.seconds))
        if not options.json:
            print(table(outcomes[-1]), flush=True)
    if options.json:
        print(json.dumps({outcome.name: _as_json(outcome) for outcome in outcomes}, indent=2))
    else:
        print(closing(outcomes))
    return EXIT_FAILED if any(outcome.failed for outcome in outcomes) else 0


def table(outcome: Outcome) -> str:
    """Return the figures of one benchmark, an aim and whether it was met beside the figure that it names."""
    lines = [f"\n{outcome.name}  ({outcome.seconds:.0f} s)"]
    if outcome.skipped or outcome.failed:
        lines.append(f"  {'not run' if outcome.skipped else 'FAILED'}: {outcome.skipped or outcome.failed}")
    figures = dict(_flat(outcome.figures))
    for name, value in figures.items():
        if not name.startswith(AIM):
            lines.append(f"  {name:<52} {_shown(value):>14}  {_aim(value, figures.get(AIM + name))}".rstrip())
    lines += [f"  {name:<52} {_shown(value):>14}" for name, value in figures.items() if _unbound(name, figures)]
    return "\n".join(lines)


def closing(outcomes: Sequence[Outcome]) -> str:
    """Return one paragraph: how many ran, which aims were missed, what was not run and why."""
    ran = [outcome for outcome in outcomes if not outcome.skipped and not outcome.failed]
    missed = [
        f"{outcome.name}.{name} {_shown(value)} (aim {_shown(figures[AIM + name])})"
        for outcome in ran
        for figures in [dict(_flat(outcome.figures))]
        for name, value in figures.items()
        if AIM + name in figures and not _met(value, figures[AIM + name])
    ]
    lines = [f"\n{len(ran)} of {len(outcomes)} benchmarks ran; load average {os.getloadavg()[0]:.1f}"]
    lines.append(f"aims missed: {'; '.join(missed) or 'none'}")
    lines += [f"not run: {outcome.name}: {outcome.skipped}" for outcome in outcomes if outcome.skipped]
    lines += [f"FAILED: {outcome.name}: {outcome.failed}" for outcome in outcomes if outcome.failed]
    return "\n".join(lines)


def _one(benchmark: Benchmark, arguments: Sequence[str]) -> int:
    try:
        module = import_module(f"bench.{benchmark.name}")
        if benchmark.own_main:
            status: int = module.main(list(arguments))
            return status
        parser = argparse.ArgumentParser(prog=f"python -m bench {benchmark.name}", description=benchmark.summary)
        parser.parse_args(list(arguments))
        print(json.dumps(module.run(), indent=2))
    except FileNotFoundError as error:
        print(json.dumps({"skipped": _missing(error)}))
    except ModuleNotFoundError as error:
        print(json.dumps({"skipped": f"needs {error.name}, which is not installed: pip install -e '.[train]'"}))
    return 0


def _apart(name: str, seconds: float) -> Outcome:
    """Run a benchmark in a process of its own, which is ended when it takes too long."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", name],
        cwd=FOLDER.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        return Outcome(name, time.monotonic() - started, {}, failed=f"took longer than {seconds:.0f} s")
    except BaseException:
        _end(process)
        raise
    took = time.monotonic() - started
    last = errors.strip().splitlines()[-1:] or ["no word on standard error"]
    try:
        figures = json.loads(output)
    except ValueError:
        figures = None
    if isinstance(figures, dict) and isinstance(figures.get("skipped"), str):
        return Outcome(name, took, {}, skipped=figures["skipped"])
    # Status 2 is a benchmark that lacks something and says what.
    if process.returncode == EXIT_USAGE:
        return Outcome(name, took, {}, skipped=last[0])
    if process.returncode or not isinstance(figures, dict):
        return Outcome(name, took, {}, failed=f"status {process.returncode}: {last[0]}")
    return Outcome(name, took, figures)


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 15)
    process.communicate()


def _missing(error: FileNotFoundError) -> str:
    name = Path(str(error.filename)).name
    return f"{name} is not here: set KILO_REVIEW_SHARED to the folder that holds data/"


def _as_json(outcome: Outcome) -> dict[str, object]:
    if outcome.skipped or outcome.failed:
        return {"skipped" if outcome.skipped else "failed": outcome.skipped or outcome.failed}
    return dict(outcome.figures)


def _flat(figures: Mapping[str, object], above: str = "") -> list[tuple[str, object]]:
    """Return figures with dotted names; lists and tables by repository stay in the JSON."""
    flat: list[tuple[str, object]] = []
    for name, value in figures.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{above}{name}.") if not name.endswith("_by_repository") else []
        elif not isinstance(value, list):
            flat.append((f"{above}{name}", value))
    return flat


def _unbound(name: str, figures: Mapping[str, object]) -> bool:
    return name.startswith(AIM) and name.removeprefix(AIM) not in figures


def _aim(value: object, aim: object) -> str:
    return "" if aim is None else f"aim {_shown(aim)}: {'met' if _met(value, aim) else 'MISSED'}"


def _met(value: object, aim: object) -> bool:
    """An aim is an upper bound, of time, memory or share; a text such as ">= 0.9" is a lower one."""
    if not isinstance(value, int | float):
        return False
    if isinstance(aim, str):
        return value >= float(aim.removeprefix(">=").strip())
    return isinstance(aim, int | float) and value <= aim


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
