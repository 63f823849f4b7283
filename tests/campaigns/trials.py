"""The results of a campaign: one line of JSON for each trial, appended as it ends, and the figures over them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Trial:
    """One fault that was caused. Seconds count from it; `count` is how many deliveries or reviews it put at risk.

    `void` says why the fault did not happen: such a trial counts for nothing. `again` is what was wrong when the
    pull request was judged a second time, None where that did not happen.
    """

    id: str
    row: str
    case: str
    database: str
    lag: float
    commit: str
    at: str
    load: float
    resumed: float = 0.0
    published: float = 0.0
    extra: int = 0
    count: int = 1
    lost: bool = False
    doubled: bool = False
    problems: Sequence[str] = field(default_factory=tuple)
    void: str = ""
    note: str = ""
    again: Sequence[str] | None = None
    again_after: float = 0.0


class Results:
    """A file of trials that several lanes append to, and that a later run goes on with."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def add(self, trial: Trial) -> None:
        """Append a trial."""
        self._append({"trial": asdict(trial)})

    def judged_again(self, trial_id: str, problems: Sequence[str], after: float) -> None:
        """Append what the second look at a trial's pull request found, so many seconds after the first."""
        self._append({"again": trial_id, "problems": list(problems), "after": round(after, 1)})

    def read(self) -> list[Trial]:
        """Return the trials of the file; a last line that was cut off by a kill is left out."""
        trials: dict[str, Trial] = {}
        for line in self._lines():
            if "trial" in line:
                trial = Trial(**line["trial"])
                trials[trial.id] = trial
            elif line["again"] in trials:
                known = trials[line["again"]]
                trials[known.id] = replace(known, again=line["problems"], again_after=line["after"])
        return list(trials.values())

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for line in self.path.read_text("utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue

    def _append(self, line: dict[str, Any]) -> None:
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                # What a kill cut off must not swallow the line that comes now.
                if file.tell() and not _ends_a_line(file):
                    file.write(b"\n")
                file.write(json.dumps(line).encode() + b"\n")


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, 2)
    return bool(file.read(1) == b"\n")


def quantile(values: Iterable[float], share: float) -> float | None:
    """Return the smallest value that at least this share of the values does not exceed; None for no values."""
    ordered = sorted(values)
    return ordered[max(0, -(-round(share * 1000) * len(ordered) // 1000) - 1)] if ordered else None


def bound(failures: int, trials: int) -> float | None:
    """Return the upper bound of the failure rate at 95 %: the rule of three for none, else Wilson's interval."""
    if not trials:
        return None
    if not failures:
        return min(1.0, 3 / trials)
    z, rate = 1.6449, failures / trials
    middle = rate + z * z / (2 * trials)
    spread = z * ((rate * (1 - rate) + z * z / (4 * trials)) / trials) ** 0.5
    return float(max(rate, min(1.0, (middle + spread) / (1 + z * z / trials))))


@dataclass(frozen=True)
class Figures:
    """What the trials of one row on one database come to; `bad` counts trials with any problem at all."""

    trials: int
    count: int
    void: int
    lost: int
    doubled: int
    bad: int
    again: int
    again_bad: int
    bound: float | None
    resumed: tuple[float | None, float | None]
    published: tuple[float | None, float | None]
    extra: int
    lags: tuple[float, ...]


def figures(trials: Sequence[Trial]) -> Figures:
    """Sum trials up."""
    real = [trial for trial in trials if not trial.void]
    failed = [trial for trial in real if trial.problems or trial.again]
    count = sum(trial.count for trial in real)

    def spread(values: Sequence[float]) -> tuple[float | None, float | None]:
        known = [value for value in values if value > 0]
        return quantile(known, 0.5), quantile(known, 0.95)

    return Figures(
        trials=len(real),
        count=count,
        void=len(trials) - len(real),
        lost=sum(trial.lost for trial in real),
        doubled=sum(trial.doubled for trial in real),
        bad=len(failed),
        again=sum(trial.again is not None for trial in real),
        again_bad=sum(bool(trial.again) for trial in real),
        bound=bound(len(failed), count),
        resumed=spread([trial.resumed for trial in real]),
        published=spread([trial.published for trial in real]),
        extra=sum(trial.extra for trial in real),
        lags=tuple(sorted({trial.lag for trial in real})),
    )
