"""Run the fault campaigns on both databases, and write what came of them into docs/explanation/reliability.md.

    python -m tools.faults                      everything, for hours; goes on where it was stopped (make faults)
    python -m tools.faults --short              a cut of some minutes (make faults-short)
    python -m tools.faults --rows T1 T2 --minutes 30 --lanes 2
    python -m tools.faults --report             only print the table and write the page

PostgreSQL is the server of TEST_DATABASE_URL, where databases of our own are made and dropped; without it the runs
are on SQLite, and the page says so.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
import xml.etree.ElementTree as ET
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.campaigns.lanes import Campaign, commit_of, tasks
from tests.campaigns.report import page, table
from tests.campaigns.rows import ROWS, SUITE
from tests.campaigns.trials import Results, Trial
from tests.shared import ROOT

PAGE = ROOT / "docs" / "explanation" / "reliability.md"


def main(words: Sequence[str] | None = None) -> int:
    options = _options(words)
    # The simulator's own web server says each request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    results = Results(
        options.results or ROOT / "build" / ("faults-short.jsonl" if options.short else "faults.jsonl")
    )
    if options.short and not options.report:
        results.path.unlink(missing_ok=True)
    if not options.report:
        _run(options, results)
    trials = results.read()
    print(f"\n{table(trials)}\n")
    if not options.no_page:
        PAGE.write_text(
            page(PAGE.read_text("utf-8") if PAGE.exists() else "", trials, short=options.short), "utf-8"
        )
        print(f"written: {PAGE.relative_to(ROOT)}; the trials are in {results.path}")
    return 1 if any(trial.problems or trial.again for trial in trials) else 0


def _run(options: argparse.Namespace, results: Results) -> None:
    server = os.environ.get("TEST_DATABASE_URL", "")
    databases = options.databases or (["sqlite", "postgresql"] if server else ["sqlite"])
    if "postgresql" in databases and not server:
        sys.exit(
            "--databases postgresql needs TEST_DATABASE_URL, such as postgresql://postgres@127.0.0.1:5432/test"
        )
    if not server:
        print("TEST_DATABASE_URL is not set: PostgreSQL is not tried")
    rows = [name for name in options.rows if name in ROWS]
    todo = tasks(rows, databases, results.read(), short=options.short)
    print(f"{len(todo)} trials to be made, results in {results.path}")
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        campaign = Campaign(results, deque(todo), Path(folder), server, options.again, _say)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: campaign.stop())
        timer = threading.Timer(options.minutes * 60, campaign.stop)
        timer.daemon = True
        if options.minutes:
            timer.start()
        campaign.run([database for database in databases for _ in range(options.lanes)])
        timer.cancel()
    known = {trial.row for trial in results.read()}
    for name in options.rows:
        if name in SUITE and name not in known and not options.short and not campaign.stopped.is_set():
            _suite(name, results)


def _suite(name: str, results: Results) -> None:
    """Run the tests that hold a row and write each down as one trial."""
    _, paths, words = SUITE[name]
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "junit.xml"
        marks = ["-m", "campaign or not campaign", "-k", words, f"--junitxml={written}"]
        command = [sys.executable, "-m", "pytest", "-n", "0", *marks, *paths.split()]
        subprocess.run(command, cwd=ROOT, check=False)
        cases = ET.parse(written).getroot().iter("testcase") if written.exists() else iter(())
        for case in cases:
            skipped = case.find("skipped") is not None
            failed = [str(each.get("message", ""))[:300] for each in case if each.tag in ("failure", "error")]
            trial = Trial(
                id=uuid.uuid4().hex[:12],
                row=name,
                case=str(case.get("name")),
                database="suite",
                lag=0.0,
                commit=commit_of(ROOT),
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                load=round(os.getloadavg()[0], 1),
                problems=failed,
                void="skipped" if skipped else "",
            )
            results.add(trial)


def _say(line: str) -> None:
    print(line, flush=True)


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.faults", description=(__doc__ or "").split("\n")[0])
    names = sorted([*ROWS, *SUITE], key=lambda name: int(name[1:]))
    parser.add_argument("--short", action="store_true", help="a few cases, each once")
    parser.add_argument("--rows", nargs="+", choices=names, default=names, metavar="T", help="rows of the table")
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), help="default: both")
    parser.add_argument("--lanes", type=int, default=1, help="services side by side for each database (1)")
    parser.add_argument("--again", type=float, default=100.0, help="seconds until the second judgement (100)")
    parser.add_argument("--minutes", type=float, default=0.0, help="start no trial after this time")
    parser.add_argument("--results", type=Path, help="the file of trials (build/faults.jsonl)")
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--no-page", action="store_true", help="leave docs/explanation/reliability.md alone")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
