"""Services side by side, each with its own database, that work through the trials of a campaign.

Every trial is written down as it ends. Its pull request is judged again some time later: what a late list or a late
job doubles shows only then.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.campaigns.postgres import database_url
from tests.campaigns.rows import ROWS, Row
from tests.campaigns.served import Killed, NotStruck, Served, served
from tests.campaigns.trials import Results, Trial
from tests.shared import ROOT

LAGS = (0.0, 1.0, 2.0, 3.0)


@dataclass(frozen=True)
class Task:
    """One trial to be made: the case of a row, with GitHub's lists `lag` seconds behind."""

    row: Row
    case: str
    database: str
    lag: float


def tasks(rows: Sequence[str], databases: Sequence[str], known: Sequence[Trial], *, short: bool) -> list[Task]:
    """Return what is left to do, every case once before any case twice; void trials are made again."""
    done = Counter((it.row, it.case, it.database) for it in known if not it.void)
    left: list[tuple[int, Task]] = []
    for name in rows:
        row = ROWS[name]
        for case in row.short if short else row.cases:
            for database in databases:
                for turn in range(done[name, case, database], 1 if short else row.repeats):
                    lag = LAGS[(turn + len(case)) % len(LAGS)] if short else LAGS[turn % len(LAGS)]
                    left.append((turn, Task(row, case, database, lag)))
    return [task for _, task in sorted(left, key=lambda each: each[0])]


@dataclass
class Campaign:
    """What every lane shares. `again` is how many seconds after a trial its pull request is judged again."""

    results: Results
    queue: deque[Task]
    folder: Path
    server: str
    again: float
    say: Callable[[str], None]
    commit: str = field(default_factory=lambda: commit_of(ROOT))
    stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def take(self, database: str) -> Task | None:
        """Return the next task for a lane with this database."""
        with self._lock:
            if self.stopped.is_set():
                return None
            task = next((task for task in self.queue if task.database == database), None)
            if task is not None:
                self.queue.remove(task)
            return task

    def run(self, lanes: Sequence[str]) -> None:
        """Work through the queue with one lane for each database named."""
        threads = [
            threading.Thread(target=self._lane, args=(number, database), name=f"lane-{number}")
            for number, database in enumerate(lanes)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        """Start no trial any more; those that run end, and their results are kept."""
        if not self.stopped.is_set():
            self.say("stopping after the trials that run; the results are kept")
            self.stopped.set()

    def _lane(self, number: int, database: str) -> None:
        starts = 0
        while (task := self.take(database)) is not None:
            starts += 1
            folder = self.folder / f"{number}-{starts}"
            name = f"kilo_review_faults_{os.getpid()}_{number}"
            try:
                with ExitStack() as stack:
                    url = stack.enter_context(database_url(database, self.server, name))
                    # One after the other: a process migrates one ledger at a time.
                    with self._starting:
                        service = stack.enter_context(served(folder, database=url))
                    self._work(service, task)
            # One lane that cannot start must not end the others.
            except Exception as error:  # noqa: BLE001
                self.say(f"lane {number}: {type(error).__name__}: {error}")
                if starts > 20:
                    return
            shutil.rmtree(folder, ignore_errors=True)

    def _work(self, service: Served, task: Task | None) -> None:
        """Make trials on one service until nothing is left, or until one of them leaves it in an unknown state."""
        waiting: deque[tuple[float, Trial, int]] = deque()
        sound = True
        while task is not None and sound:
            trial, number = self._trial(service, task)
            self.results.add(trial)
            self.say(_line(trial))
            sound = not trial.problems and not trial.void
            if number and sound:
                waiting.append((time.monotonic(), trial, number))
            self._judge_again(service, waiting)
            task = self.take(task.database) if sound else None
        while waiting:
            if not sound and self.stopped.is_set():
                return
            time.sleep(0.5)
            self._judge_again(service, waiting)

    def _judge_again(self, service: Served, waiting: deque[tuple[float, Trial, int]]) -> None:
        while waiting and time.monotonic() - waiting[0][0] >= self.again:
            began, trial, number = waiting.popleft()
            problems = service.problems(number)
            self.results.judged_again(trial.id, problems, time.monotonic() - began)
            if problems:
                self.say(f"AGAIN {_line(trial)}: {problems}")

    def _trial(self, service: Served, task: Task) -> tuple[Trial, int]:
        service.rig.simulator.state.list_lag = task.lag
        trial = Trial(
            id=uuid.uuid4().hex[:12],
            row=task.row.name,
            case=task.case,
            database=task.database,
            lag=task.lag,
            commit=self.commit,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            load=round(os.getloadavg()[0], 1),
        )
        try:
            killed = task.row.trial(service, task.case)
        except NotStruck as error:
            self._keep_log(service, trial)
            return replace(trial, void=f"not struck: {error}"), 0
        # Whatever went wrong is a result of the trial, and the campaign goes on with a fresh service.
        except Exception as error:  # noqa: BLE001
            self._keep_log(service, trial)
            lost = "the review of" in str(error)
            return replace(trial, problems=[f"{type(error).__name__}: {error}"], lost=lost), 0
        if killed.problems:
            self._keep_log(service, trial)
        return _recorded(trial, killed), killed.number

    def _keep_log(self, service: Served, trial: Trial) -> None:
        folder = self.results.path.with_suffix(".logs")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{trial.row}-{trial.id}.log").write_text(service.log)


def _recorded(trial: Trial, killed: Killed) -> Trial:
    return replace(
        trial,
        resumed=round(killed.resumed, 2),
        published=round(killed.published, 2),
        extra=killed.extra,
        count=killed.count,
        lost=killed.lost,
        doubled=killed.doubled,
        problems=killed.problems,
        note=killed.note,
    )


def _line(trial: Trial) -> str:
    what = trial.void or "; ".join(trial.problems) or "ok"
    return (
        f"{trial.at[11:19]} {trial.row} {trial.case} {trial.database} lag {trial.lag:.0f} s: {what[:300]} "
        f"(taken up {trial.resumed:.1f} s, published {trial.published:.1f} s) {trial.note}".rstrip()
    )


def commit_of(root: Path) -> str:
    """Return the commit of the tree, with a "+" where product or tests differ from it; "unknown" without git."""
    try:
        name = _git(root, "rev-parse", "--short=10", "HEAD").strip()
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ":!docs").strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{name}+" if changed else name


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout
