"""The life of reviews as a state machine, against the real jobs, ledger, web application and simulated GitHub.

Whatever people do, and however late answers and deliveries come: once everything has settled, the live head of
every open pull request has exactly one concluded check, which belongs to that pull request and its newest review,
and it is green only where the change against the live base is clean.
"""

from __future__ import annotations

import os
import random
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from reviewer.demo.simulator.state import Delivery, PullRequest
from reviewer.ledger.keys import ReviewState
from reviewer.publish.check_runs import pull_request_of
from reviewer.publish.marker import Kind, read_marker
from tests.demo.world import commit, git
from tests.service.rig import DEFECTS, REPOSITORY, Rig, rig

LONG = int(os.environ.get("KILO_REVIEW_LIFE_EXAMPLES", "150"))
# Which of what there is: drawn before it is known how many there are.
PICK = st.integers(0, 99)
# When the worker looks again, after the last event: the waits of a review are shorter than the last one.
TIMES = tuple(timedelta(seconds=s) for s in (0, 4, 8, 20, 40, 3_600, 7_200, 10_800, 14_400, 18_000))
GRAVE = tuple(defect.line for defect in DEFECTS if defect.severity == "high")
NAMES = ("shop", "store")


@dataclass
class World:
    """One service for all runs: it costs a second to start. Each run has pull requests of its own."""

    rig: Rig
    runs: int = 0

    @property
    def name(self) -> str:
        return self.rig.simulator.state.repository_by_id(self.repo_id).full_name  # type: ignore[union-attr]

    @property
    def repo_id(self) -> int:
        return self.rig.simulator.state.named(REPOSITORY).id  # type: ignore[union-attr]


class Life(RuleBasedStateMachine):
    """What people, GitHub and workers do; `settle` lets everything come to rest and looks."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.world.runs += 1
        self.rig = self.world.rig
        self.rig.reviewer.always = None
        if self.world.name != REPOSITORY:
            self.rig.simulator.rename_repository(self.world.name, NAMES[0])
        self.rig.clock.ahead = timedelta(0)
        self.address = self.rig.simulator.app.webhook_url
        self.numbers: list[int] = []
        self.revisions: list[str] = []
        self.first_delivery = max(self.rig.simulator.state.deliveries, default=0)
        tag = f"run-{self.world.runs}"
        self.low, self.topic = f"{tag}-low", f"{tag}-topic"
        # The lower branch has a defect of its own, which a pull request into it does not show.
        self._branch(self.low, "main", {f"{tag}/low.py": f"def low(price, count):\n{GRAVE[0]}\n"})
        contents = {
            "clean": {f"{tag}/names.py": "NAMES = ('ann',)\n"},
            "bad": {f"{tag}/last.py": f"def last(items):\n{GRAVE[1]}\n"},
            "mild": {f"{tag}/load.py": "def load(name):\n    handle = open(name)\n    return handle\n"},
        }
        for kind, files in contents.items():
            git(self.rig.source, "checkout", "--quiet", "-B", f"{tag}-{kind}", self.low)
            self.revisions.append(commit(self.rig.source, kind, files))
        self._branch(self.topic, self.revisions[0], {})

    def teardown(self) -> None:
        if not hasattr(self, "numbers"):
            return
        self.rig.simulator.app.webhook_url = self.address
        self.settle()
        for number in self.numbers:
            if self._pull(number).state == "open":
                self.rig.simulator.act(self.world.name, number, "closed")
        assert self.rig.simulator.hooks.wait()

    # What people do

    @rule(low=st.booleans(), draft=st.booleans())
    def open(self, *, low: bool, draft: bool) -> None:
        # Two pull requests may have one head: GitHub allows it with another base.
        base = self.low if low else "main"
        if any(self._pull(number).base_ref == base for number in self.numbers):
            return
        self._tick()
        self.numbers.append(
            self.rig.simulator.open_pull_request(
                self.world.name, title="A change", head=self.topic, base=base, draft=draft
            )
        )

    @rule(which=st.integers(0, 2), lag=st.integers(0, 3))
    def push(self, which: int, lag: int) -> None:
        for number in self.numbers:
            if lag:
                self.rig.simulator.lag(self.world.name, number, answers=lag)
        self._branch(self.topic, self.revisions[which], {})

    @rule(low=st.booleans(), lag=st.integers(0, 1))
    def retarget(self, *, low: bool, lag: int) -> None:
        if len(self.numbers) != 1:
            return
        (number,) = self.numbers
        base = self.low if low else "main"
        if self._pull(number).state == "open" and self._pull(number).base_ref != base:
            if lag:
                self.rig.simulator.lag(self.world.name, number, answers=lag)
            self._tick()
            self.rig.simulator.retarget(self.world.name, number, base)

    @rule(pick=PICK)
    def close_or_reopen(self, pick: int) -> None:
        if not self.numbers:
            return
        number = self._one(pick)
        self._act(number, "closed" if self._pull(number).state == "open" else "reopened")

    @rule(pick=PICK)
    def draft_or_ready(self, pick: int) -> None:
        if not self.numbers:
            return
        number = self._one(pick)
        if self._pull(number).state == "open":
            self._act(number, "ready_for_review" if self._pull(number).draft else "converted_to_draft")

    @rule(pick=PICK, suite=st.booleans())
    def press_rerun(self, pick: int, *, suite: bool) -> None:
        if not self.numbers:
            return
        number = self._one(pick)
        checks = self._checks(self._pull(number))
        if checks:
            press = self.rig.simulator.rerun_suite if suite else self.rig.simulator.rerun_check
            press(checks[0])

    @rule(pick=PICK)
    def command(self, pick: int) -> None:
        if not self.numbers:
            return
        number = self._one(pick)
        self.rig.simulator.comment(self.world.name, number, "/kilo review", author="octocat")

    @rule()
    def rename(self) -> None:
        name = NAMES[1] if self.world.name.endswith(f"/{NAMES[0]}") else NAMES[0]
        self.rig.simulator.rename_repository(self.world.name, name)

    # What GitHub does

    @rule()
    def outage(self) -> None:
        """Lose what is delivered from now on, until everything settles."""
        assert self.rig.simulator.hooks.wait()
        self.rig.simulator.app.webhook_url = "http://127.0.0.1:9/webhooks/github"

    @rule(pick=PICK)
    def redeliver(self, pick: int) -> None:
        assert self.rig.simulator.hooks.wait()
        sent = self._deliveries()
        if sent:
            self.rig.simulator.hooks.redeliver(sent[pick % len(sent)])

    # What workers do

    @rule()
    def work(self) -> None:
        assert self.rig.simulator.hooks.wait()
        self.rig.work()

    @rule(order=PICK)
    def come_to_rest(self, order: int) -> None:
        self.settle(order)

    def settle(self, order: int = 0) -> None:
        """Send again what was lost, in some order, let the worker come as often as it likes, and look."""
        simulator = self.rig.simulator
        assert simulator.hooks.wait()
        simulator.app.webhook_url = self.address
        taken = {row.guid for row in self._deliveries() if row.status_code < 300}
        missed = {row.guid: row for row in self._deliveries() if row.guid not in taken}
        lost = list(missed.values())
        random.Random(order).shuffle(lost)
        for row in lost:
            simulator.hooks.redeliver(row)
        assert simulator.hooks.wait()
        for after in TIMES:
            self.rig.work(after=after)
        simulator.state.replicas.clear()
        self.rig.work(after=timedelta(days=1))
        self.rig.announce()
        assert simulator.hooks.wait()
        for number in self.numbers:
            self._look(number)

    def _look(self, number: int) -> None:
        pull = self._pull(number)
        rows = [row for row in self.rig.ledger.reviews.recent(200) if row.key.number == number]
        assert all(row.state.final for row in rows), rows
        assert not [row for row in rows if row.state in (ReviewState.FAILED, ReviewState.PARKED)], rows
        for run in self.rig.simulator.check_runs(self.world.name):
            assert pull_request_of(run.external_id) != number or run.status == "completed", (number, run)
        checks = self._checks(pull)
        assert len(checks) <= 1, checks
        self._say_nothing_twice(number)
        if pull.state != "open" or pull.draft:
            return
        assert len(checks) == 1, (rows, self._told(number))
        newest = self.rig.ledger.publications.newest(self.world.repo_id, number)
        assert newest is not None, rows
        assert (newest.head_sha, newest.base_sha) == (pull.head_sha, pull.base_sha), (newest, rows)
        assert checks[0].conclusion == self._verdict(pull), (checks[0], rows)

    def _say_nothing_twice(self, number: int) -> None:
        marks = [
            read_marker(row.body)
            for row in (
                *self.rig.simulator.issue_comments(self.world.name, number),
                *self.rig.simulator.review_comments(self.world.name, number),
            )
        ]
        ours = [mark for mark in marks if mark is not None]
        assert sum(mark.kind is Kind.SUMMARY for mark in ours) <= 1
        said = [mark.fingerprint for mark in ours if mark.kind is Kind.FINDING]
        assert len(said) == len(set(said)), said

    def _verdict(self, pull: PullRequest) -> str:
        """What a reader of the diff says, from git alone."""
        base = git(self.rig.source, "merge-base", pull.base_sha, pull.head_sha).strip()
        diff = git(self.rig.source, "diff", base, pull.head_sha)
        grave = any(re.search(rf"^\+{re.escape(line)}$", diff, re.MULTILINE) for line in GRAVE)
        return "failure" if grave else "success"

    def _told(self, number: int) -> list[tuple[str, str | None, int, str]]:
        return [
            (row.event, row.action, row.status_code, row.response_body)
            for row in self._deliveries()
            if row.payload.get("number") == number
        ]

    def _checks(self, pull: PullRequest) -> list:
        found = self.rig.simulator.check_runs(self.world.name, pull.head_sha)
        return [run for run in found if pull_request_of(run.external_id) == pull.number]

    def _one(self, pick: int) -> int:
        return self.numbers[pick % len(self.numbers)]

    def _pull(self, number: int) -> PullRequest:
        return self.rig.simulator.pull(self.world.name, number)

    def _deliveries(self) -> list[Delivery]:
        state = self.rig.simulator.state
        with state.lock:
            return [row for row in state.deliveries.values() if row.id > self.first_delivery and row.delivered_at]

    def _act(self, number: int, action: str) -> None:
        self._tick()
        self.rig.simulator.act(self.world.name, number, action)

    def _branch(self, name: str, start: str, files: dict[str, str]) -> None:
        git(self.rig.source, "checkout", "--quiet", "-B", name, start)
        sha = commit(self.rig.source, name, dict(files)) if files else start
        self._tick()
        self.rig.simulator.push(self.world.name, name, source=self.rig.source, revision=sha)

    def _tick(self) -> None:
        """GitHub's moments are whole seconds: each change is in one of its own."""
        self.rig.clock.ahead += timedelta(seconds=1)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        yield World(stack.enter_context(rig(Path(folder))))


def live(world: World, *, examples: int, steps: int, derandomize: bool) -> None:
    Life.world = world
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=derandomize,
            deadline=None,
            database=None,
            # A failing run is short enough to read; to shorten it takes minutes.
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=checks,
        ),
    )


def test_whatever_happens_the_live_head_has_one_verdict_of_its_newest_review(world: World) -> None:
    live(world, examples=4, steps=8, derandomize=True)


@pytest.mark.campaign
@pytest.mark.timeout(0)
def test_whatever_happens_for_long(world: World) -> None:
    live(world, examples=LONG, steps=25, derandomize=False)
