"""`kilo-review serve` for real, with the simulated GitHub and provider outside, and a way to kill it at a point.

The points are requests as they arrive at the servers outside, files of the ledger and processes as the system shows
them: nothing inside the program is touched.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import Engine, create_engine

from reviewer.demo.processes import free_port
from reviewer.demo.simulator import Fault
from reviewer.ledger.database import Database
from reviewer.ledger.ledger import Ledger
from reviewer.queue.embedded import running_url
from tests.process_tree import command_line, is_running, start_python, wait_for
from tests.service.rig import POLICY, REPOSITORY, Rig, answer, rig
from tests.simulators.behaviour import Behaviour, Say, Status
from tests.simulators.provider import KEY

SERVE = "import sys; from kilo_review import main; sys.exit(main(['serve']))"
FOUND = [("shop/orders.py", 5), ("shop/orders.py", 9), ("shop/report.py", 5)]
UNDISTURBED_CALLS = 2
# One person causes more here within minutes than anybody may cause in a day.
MANY = """
[triggers]
max_reviews_per_hour = 1000
max_reviews_per_author_day = 10000
max_reviews_per_repository_day = 100000
"""


@dataclass
class Killed:
    """What a kill came to. Times in seconds after it; `extra` model requests beyond those of a quiet review."""

    point: str
    resumed: float
    published: float
    extra: int
    problems: list[str] = field(default_factory=list)
    number: int = 0
    # How many deliveries, reviews or kills this one stands for.
    count: int = 1
    lost: bool = False
    doubled: bool = False
    note: str = ""


@dataclass
class Served:
    """A running service. `rig` has the servers outside; its own `work()` is not used."""

    rig: Rig
    environ: dict[str, str]
    state: Path
    process: subprocess.Popen[bytes] = field(init=False)
    # The PostgreSQL that holds the ledger; None for a SQLite file in `state`.
    postgres: Engine | None = None
    starts: int = 0
    killed_at: float = 0.0

    @property
    def log(self) -> str:
        """What the service said since it was started last."""
        return (self.state / f"serve-{self.starts}.log").read_text(errors="replace")

    @property
    def port(self) -> int:
        return int(self.environ["PORT"])

    def start(self) -> None:
        """Start the service and wait until it takes deliveries and reviews."""
        self.starts += 1
        self.process = start_python(SERVE, self.environ, self.state / f"serve-{self.starts}.log")
        wait_for(lambda: "ready " in self.log, 60, "the service")
        wait_for(lambda: self.child("worker") and "takes reviews" in self.log, 60, "the worker")

    def stop(self) -> float:
        """Stop the service as a host does; return the seconds that it took."""
        began = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(25)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - began

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(running_url(self.state))

    def wait_until_published(self, number: int, seconds: float) -> None:
        """Wait for the end of a pull request's newest review."""
        wait_for(lambda: self.review(number)[1] == "published", seconds, f"the review of #{number}")

    def problems(self, number: int) -> list[str]:
        """What is wrong with a pull request that should carry one whole review of its newest commit."""
        judged = Killed("", 0, 0, 0)
        head = self.rig.simulator.pull(REPOSITORY, number).head_sha
        # Deliveries out of order leave rows of older commits behind the newest one's.
        query = "select state from reviews where number = ? and head_sha = ?"
        states = {row[0] for row in self.rows(query, number, head)}
        judge(self, number, "published" if "published" in states else "lost", judged)
        return judged.problems

    def child(self, role: str) -> int:
        """The process of a role, 0 where none runs."""
        found = [
            pid for pid in _children(self.process.pid) if f"kilo_review {role} " in _quietly(command_line, pid)
        ]
        return found[0] if found else 0

    def kill(self, *, supervisor_too: bool = False) -> None:
        """Kill -9 the worker, and before it its supervisor if asked: then nobody gives its leases back."""
        worker = self.child("worker")
        assert worker, "no worker to kill"
        for pid in (self.process.pid, worker) if supervisor_too else (worker,):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not is_running(worker), 5, "the death of the worker")
        self.killed_at = time.monotonic()
        if supervisor_too:
            self.process.wait()
            # In a thread of its own: the request at whose arrival this happens is still being answered.
            threading.Thread(target=self.start, daemon=True).start()

    def rows(self, query: str, *values: Any) -> list[Any]:
        if self.postgres is not None:
            with self.postgres.connect() as session:
                return [tuple(row) for row in session.exec_driver_sql(query.replace("?", "%s"), values)]
        with contextlib.closing(sqlite3.connect(self.state / "ledger.sqlite", timeout=10)) as connection:
            return connection.execute(query, values).fetchall()

    def write(self, statement: str, *values: Any) -> None:
        if self.postgres is not None:
            with self.postgres.begin() as session:
                session.exec_driver_sql(statement.replace("?", "%s"), values)
            return
        with contextlib.closing(sqlite3.connect(self.state / "ledger.sqlite", timeout=10)) as connection:
            connection.execute(statement, values)
            connection.commit()

    def review(self, number: int) -> tuple[int, str, int]:
        """Id, state and fence of a pull request's review; zeros where there is none yet."""
        found = self.rows("select id, state, fence from reviews where number = ? order by id desc", number)
        return found[0] if found else (0, "", 0)


def _quietly(read: Callable[[int], str], pid: int) -> str:
    try:
        return read(pid)
    except OSError:
        return ""


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@contextmanager
def served(
    folder: Path,
    *,
    policy: str = POLICY + MANY,
    database: str = "",
    more: Mapping[str, str] | None = None,
    **settings: Any,
) -> Iterator[Served]:
    """Start the service with everything around it; `more` are variables of its environment.

    `database` is the URL of an empty PostgreSQL database for the ledger, "" for a SQLite file.
    """
    with rig(folder, policy=policy, **settings) as made:
        state = folder / "served"
        state.mkdir()
        port = free_port()
        environ = {
            "KILO_REVIEW_STATE_DIR": str(state),
            "KILO_REVIEW_CACHE_DIR": str(folder / "cache"),
            "KILO_REVIEW_POLICY": str(folder / "policy.toml"),
            "KILO_REVIEW_OPENAI_BASE_URL": made.provider.base_url,
            "OPENAI_API_KEY": KEY,
            "GITHUB_API_URL": made.simulator.url,
            "GITHUB_APP_ID": str(made.simulator.app.id),
            "GITHUB_PRIVATE_KEY": made.simulator.app.private_key,
            "GITHUB_WEBHOOK_SECRET": made.simulator.app.webhook_secret,
            "PORT": str(port),
            # One worker, so that it is known which process holds a review.
            "KILO_REVIEW_WORKER_PROCESSES": "1",
            **(more or {}),
        }
        if database:
            environ["DATABASE_URL"] = database
        made.ledger.close()
        made.ledger = Ledger.open(database or f"sqlite:///{state / 'ledger.sqlite'}")
        if database:
            # `serve` migrates its own file; a server's tables are the operator's business.
            made.ledger.migrate()
        made.simulator.app.webhook_url = f"http://127.0.0.1:{port}/webhooks/github"
        postgres = create_engine(Database(database).url) if database else None
        running = Served(made, environ, state, postgres)
        try:
            running.start()
            yield running
        finally:
            running.stop()
            if postgres is not None:
                postgres.dispose()


class Points:
    """K1 to K12: each arms one kill on the next review."""

    def __init__(self, service: Served, *, supervisor_too: bool = False) -> None:
        self.service = service
        self.supervisor_too = supervisor_too
        self.struck = threading.Event()

    def strike(self) -> None:
        if not self.struck.is_set():
            self.struck.set()
            self.service.kill(supervisor_too=self.supervisor_too)

    def arm(self, point: str) -> None:
        getattr(self, point.lower())()

    # K1 is a kill of the web process, see below. K2: the worker has the job, the lease it has not, or hardly.
    def k2(self) -> None:
        def watch() -> None:
            until = time.monotonic() + 30
            with self.service.redis() as client:
                while time.monotonic() < until and not self.struck.is_set():
                    if client.zcard("rq:wip:reviews"):
                        self.strike()

        threading.Thread(target=watch, daemon=True).start()

    def k3(self) -> None:
        self._before("POST", r"/access_tokens$")

    def k4(self) -> None:
        self._before("POST", r"git-upload-pack$")

    def k5(self) -> None:
        self._after("POST", r"/graphql$")

    # K6: the request of a model call has arrived, so its reservation is in the ledger.
    def k6(self) -> None:
        def refuse(_body: object) -> Behaviour:
            self.strike()
            return Status(503)

        self.service.rig.reviewer.next = [refuse]

    def k7(self) -> None:
        def speak(body: object) -> Behaviour:
            threading.Timer(0.2, self.strike).start()
            return Say(answer(body), piece=4, pause=0.02)

        self.service.rig.reviewer.next = [speak]

    # K8: the first answer is paid and kept; the second is on its way.
    def k8(self) -> None:
        known = self.service.rows("select count(*) from unit_results")[0][0]

        def watch() -> None:
            until = time.monotonic() + 30
            while time.monotonic() < until and not self.struck.is_set():
                if self.service.rows("select count(*) from unit_results")[0][0] > known:
                    self.strike()
                time.sleep(0.002)

        def say(body: object) -> Behaviour:
            threading.Thread(target=watch, daemon=True).start()
            return Say(answer(body))

        # What follows is slow, so that there is a moment between the first answer kept and the end.
        self.service.rig.reviewer.next = [say, lambda body: Say(answer(body), piece=4, pause=0.02)]

    def k9(self) -> None:
        self._before("POST", r"/pulls/\d+/reviews$")

    def k10(self) -> None:
        self._after("POST", r"/pulls/\d+/reviews$")

    def k11(self) -> None:
        self._after("POST", r"/issues/\d+/comments$")

    def k12(self) -> None:
        self._after("PATCH", r"/check-runs/\d+$")

    def _before(self, method: str, path: str) -> None:
        self.service.rig.simulator.faults.plan(method, path, Fault(500, drop=True, hook=self.strike))

    def _after(self, method: str, path: str) -> None:
        fault = Fault(delay=0.001, after=True, drop=True, hook=self.strike)
        self.service.rig.simulator.faults.plan(method, path, fault)


POINTS = [f"K{number}" for number in range(1, 13)]


class NotStruck(Exception):
    """The fault was armed and never happened: the trial says nothing."""


def kill_at(service: Served, point: str, *, supervisor_too: bool = False, bound: float = 150.0) -> Killed:
    """Kill at a point of the review of a fresh pull request, and see what becomes of it."""
    rig = service.rig
    wait_for(lambda: service.child("worker") and service.child("clock"), 60, "the worker")
    asked, billed = rig.calls, len(rig.reviewer.models)
    if point == "K1":
        number = _kill_web_between_ledger_and_queue(service)
    else:
        points = Points(service, supervisor_too=supervisor_too)
        points.arm(point)
        number = rig.open()
        if not points.struck.wait(60):
            raise NotStruck(f"{point} of #{number}")
        wait_for(lambda: service.killed_at > 0, 10)
    began, resumed = service.killed_at, 0.0
    _, _, fence = service.review(number)
    deadline = time.monotonic() + bound
    state = ""
    while time.monotonic() < deadline and state != "published":
        _, state, now = service.review(number)
        if not resumed and now > fence:
            resumed = time.monotonic() - began
        time.sleep(0.02)
    killed = measured(service, point, resumed, time.monotonic() - began, asked)
    killed.number = number
    judge(service, number, state, killed)
    if not killed.problems:
        audit(service, number, service.rig.bill(billed), killed)
    return killed


def measured(service: Served, point: str, resumed: float, published: float, asked: int) -> Killed:
    """Clear what was armed and say what came of it; `asked` is how many model requests there were before."""
    service.killed_at = 0.0
    service.rig.simulator.faults.clear()
    service.rig.reviewer.next.clear()
    return Killed(point, resumed, published, service.rig.calls - asked - UNDISTURBED_CALLS)


def audit(service: Served, number: int, bill: Decimal, killed: Killed) -> None:
    """Hold the ledger to the provider's books: what it knows is at most the bill, and the rest is promised."""
    picos = Decimal(10) ** 12
    query = (
        "select coalesce(sum(cost_picos), 0), coalesce(sum(case when state in ('held', 'unconfirmed') "
        "or estimated and not ok then coalesce(reserved_picos, 0) else 0 end), 0), "
        "coalesce(sum(case when state = 'held' then 1 else 0 end), 0) "
        "from calls where review_id = ?"
    )
    known, open_, held = service.rows(query, service.review(number)[0])[0]
    if not known / picos <= bill <= (known + open_) / picos:
        killed.problems.append(
            f"the provider bills {bill}, the ledger has {known / picos} and {open_ / picos} open"
        )
    if held:
        killed.problems.append(f"{held} calls of a dead worker are held in silence")
    booked = {row[0] for row in service.rows("select reservation from calls")}
    strays = [r.path for r in service.rig.provider.requests if r.headers.get("x-client-request-id") not in booked]
    if strays:
        killed.problems.append(f"the provider had requests that are in no row of the ledger: {strays}")


def judge(service: Served, number: int, state: str, killed: Killed) -> None:
    """Hold what a pull request shows to one whole review: every comment once, one summary, one check run."""
    shown = service.rig.shown(number)
    if state != "published":
        killed.lost = True
        killed.problems.append(f"lost: {service.rows('select * from reviews where number = ?', number)}")
        return
    counts = (shown.reviews, len(shown.summaries), len(shown.checks))
    killed.lost = killed.lost or bool(set(FOUND) - set(shown.lines)) or 0 in counts
    killed.doubled = killed.doubled or len(shown.lines) > len(set(shown.lines)) or max(counts) > 1
    if shown.lines != FOUND:
        killed.problems.append(f"comments: {shown.lines}")
    if counts != (1, 1, 1):
        killed.problems.append(f"reviews, summaries, checks: {counts}")
    elif (shown.check.status, shown.check.conclusion) != ("completed", "failure"):
        killed.problems.append(f"check: {shown.check.status} {shown.check.conclusion}")


def _kill_web_between_ledger_and_queue(service: Served) -> int:
    """Hold Redis up until the row is committed, then kill the web process, and Redis with what it had not read."""
    with service.redis() as client:
        server = int(client.info("server")["process_id"])
    web = service.child("web")
    before = service.rows("select coalesce(max(id), 0) from reviews")[0][0]
    opened: list[int] = []
    thread = threading.Thread(target=lambda: opened.append(service.rig.open()), daemon=True)
    os.kill(server, signal.SIGSTOP)
    thread.start()
    wait_for(lambda: service.rows("select coalesce(max(id), 0) from reviews")[0][0] > before, 30, "the row")
    for pid in (*_children(web), web, server):
        os.kill(pid, signal.SIGKILL)
    service.killed_at = time.monotonic()
    thread.join(40)
    return opened[0]


def table(kills: list[Killed]) -> str:
    """The campaign as text: a line for each point, then the sums with the bound of the rule of three."""
    lines = ["point  kills  lost/doubled  resumed max  published max  extra calls"]
    for point in dict.fromkeys(kill.point for kill in kills):
        own = [kill for kill in kills if kill.point == point]
        lines.append(
            f"{point:<6} {len(own):>5} {sum(bool(kill.problems) for kill in own):>13} "
            f"{max(kill.resumed for kill in own):>10.1f} s {max(kill.published for kill in own):>12.1f} s "
            f"{sum(kill.extra for kill in own):>12}"
        )
    # K1 is another process's death, and waits for the clock.
    times = sorted(kill.resumed for kill in kills if kill.point != "K1")
    bad = sum(bool(kill.problems) for kill in kills)
    p95 = times[max(0, -(-95 * len(times) // 100) - 1)]
    bound = f"95 % bound {3 / len(kills):.1%}" if not bad else "no bound"
    lines.append(f"all    {len(kills):>5} {bad:>13}  resumed p95 {p95:.1f} s (without K1), {bound}")
    return "\n".join(lines)
