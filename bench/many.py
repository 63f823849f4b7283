"""Many small reviews at once: how many are in flight, what each costs in memory and processor time, and how fast.

`kilo-review serve` for real, beside a simulated GitHub and a model behind a socket that takes its time. The reviews
are in the ledger before the service starts. Processor time and memory are those of the service's processes alone;
the simulators have the same two cores, so that reviews a minute are fewer here than on a machine of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.measure import MIB, load
from reviewer.demo.processes import free_port
from tests.process_tree import command_line, descendants, start_python
from tests.service.rig import POLICY, Rig, answer, rig
from tests.simulators.behaviour import Behaviour, Say
from tests.simulators.provider import KEY

SERVE = "import sys; from kilo_review import main; sys.exit(main(['serve']))"
TICKS = os.sysconf("SC_CLK_TCK")
GIVE_UP_SECONDS = 600.0
REVIEWS, SECONDS = 200, 75.0
QUICK = """
[triggers]
max_reviews_per_hour = 1000
max_reviews_per_author_day = 10000
max_reviews_per_repository_day = 100000
"""


class SlowModel:
    """Answers after so many seconds, and knows how many wait."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self.waiting = self.most = 0
        self.models: list[str] = []

    def __call__(self, body: object) -> Behaviour:
        with self._lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        time.sleep(self._seconds)
        with self._lock:
            self.waiting -= 1
        return Say(answer(body))


def run(reviews: int = REVIEWS, seconds: float = SECONDS, *, analysers: bool = False) -> dict[str, object]:
    """Measure `reviews` small reviews with a model that takes `seconds`; memory in MiB, times in seconds."""
    policy = POLICY.replace("analysers = []\n", "") if analysers else POLICY
    with tempfile.TemporaryDirectory() as folder, rig(Path(folder), policy=policy + QUICK) as made:
        for _ in range(reviews):
            made.open()
        model = SlowModel(seconds)
        made.provider.default = model
        requests = len(made.simulator.state.seen)
        with _service(made) as pid:
            began = time.monotonic()
            idle = _workers(pid)
            while not idle:
                time.sleep(0.2)
                idle = _workers(pid)
            time.sleep(3)
            empty, most, at = _memory(_workers(pid)), 0.0, 0.0
            before = _processor(_workers(pid))
            while not model.most and time.monotonic() - began < GIVE_UP_SECONDS:
                # The scheduler leaves a new review to the queue for its first seconds.
                time.sleep(0.05)
            began = time.monotonic()
            while _published(made) < reviews and time.monotonic() - began < GIVE_UP_SECONDS:
                if model.waiting >= model.most and model.waiting:
                    most, at = _memory(_workers(pid)), time.monotonic() - began
                time.sleep(0.5)
            took = time.monotonic() - began
            used = _processor(_workers(pid)) - before
        done = _published(made)
        asked = len(made.simulator.state.seen) - requests
    return {
        "reviews": done,
        "model_seconds": seconds,
        "analysers": analysers,
        "load_average": load(),
        "in_flight": model.most,
        "in_flight_after_seconds": round(at, 1),
        "mib_idle": round(empty),
        "mib_in_flight": round(most),
        "mib_each": round((most - empty) / max(1, model.most), 1),
        "reviews_a_minute": round(done / took * 60, 1),
        "cpu_seconds_each": round(used / max(1, done), 2),
        "github_requests_each": round(asked / max(1, done), 1),
        "aim_in_flight": ">= 200",
        "aim_mib_in_flight": 1024,
        "aim_mib_each": 5,
        "aim_cpu_seconds_each": 0.4,
    }


@contextmanager
def _service(made: Rig) -> Iterator[int]:
    settings = made.settings
    environ = {
        "KILO_REVIEW_STATE_DIR": str(settings.state_dir),
        "KILO_REVIEW_CACHE_DIR": str(settings.cache_dir),
        "KILO_REVIEW_POLICY": str(settings.policy_file),
        "KILO_REVIEW_OPENAI_BASE_URL": made.provider.base_url,
        "OPENAI_API_KEY": KEY,
        "GITHUB_API_URL": made.simulator.url,
        "GITHUB_APP_ID": str(made.simulator.app.id),
        "GITHUB_PRIVATE_KEY": made.simulator.app.private_key,
        "GITHUB_WEBHOOK_SECRET": made.simulator.app.webhook_secret,
        "PORT": str(free_port()),
    }
    process = start_python(SERVE, environ, settings.state_dir / "serve.log")
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(40)


def _workers(pid: int) -> list[int]:
    """Return the processes that reviews run in: the workers, and all that they started."""
    tops = [child for child in descendants(pid) if "kilo_review worker " in command_line(child)]
    return sorted({*tops, *(below for top in tops for below in descendants(top))})


def _memory(processes: Sequence[int]) -> float:
    """Return the memory of processes in MiB, what they share counted once (PSS)."""
    total = 0
    for pid in processes:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    return total / MIB


def _processor(processes: Sequence[int]) -> float:
    """Return the processor seconds of processes and of their children that have ended."""
    total = 0
    for pid in processes:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def _published(made: Rig) -> int:
    return sum(row.state == "published" for row in made.ledger.reviews.recent(5000))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench many", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--reviews", type=int, default=REVIEWS, help="how many pull requests wait")
    parser.add_argument("--model-seconds", type=float, default=SECONDS, help="how long the model takes")
    parser.add_argument("--analysers", action="store_true", help="run the analysers of the shipped policy too")
    options = parser.parse_args(argv)
    print(json.dumps(run(options.reviews, options.model_seconds, analysers=options.analysers), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
