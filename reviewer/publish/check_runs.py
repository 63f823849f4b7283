"""Write check runs: the one place that creates, updates and concludes them.

A check run belongs to one pull request. Two of them may have the same head commit, so the pull request's number is
in `external_id`, and only check runs with that number are touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from policies.words import Conclusion
from reviewer.github.client import GitHub
from reviewer.github.records import CheckRun
from reviewer.publish.check import CheckOutput
from reviewer.publish.once import create_once
from reviewer.publish.settle import Settle

CHECK_NAME: Final = "Kilo Review"
_EXTERNAL_ID: Final = re.compile(r"pr-(\d{1,18})/review-(\d{1,18})")


def external_id(number: int, review_id: int) -> str:
    """Return what a check run of this pull request and review carries."""
    return f"pr-{number}/review-{review_id}"


def pull_request_of(identity: str) -> int:
    """Return the number of the pull request that an `external_id` of ours names, 0 where it names none."""
    match = _EXTERNAL_ID.fullmatch(identity)
    return int(match[1]) if match else 0


def no_fence() -> None:
    """Let every write through: for callers whose client has a fence of its own."""


@dataclass(frozen=True, slots=True)
class CheckRuns:
    """The check runs of one App and pull request. `external_id` is what new ones carry.

    `fence` is called before every write and raises where this worker may write no more. `announce` is called
    before a creation is sent: where the worker ends then, the next one waits until GitHub's lists can show it.
    `known` is a check run that was created a moment ago: lists may not show it yet.
    """

    gh: GitHub
    repository: str
    app_id: int
    external_id: str = ""
    fence: Callable[[], object] = no_fence
    announce: Callable[[], object] = no_fence
    settle: Settle = field(default_factory=Settle)
    known: int | None = None

    def start(self, head: str, *, title: str = "Reviewing") -> CheckRun:
        """Show on the head that a review is under way; the check run of an earlier review is used again."""
        output = {"title": title, "summary": "The review is under way."}
        return self._put(head, {"status": "in_progress", "output": output})

    def queue(self, head: str, ahead: int) -> CheckRun:
        """Show on the head that a review waits for `ahead` others."""
        reviews = f"{ahead} review{'s' if ahead != 1 else ''}"
        output = {
            "title": f"Queued behind {reviews}",
            "summary": f"When this was asked for, {reviews} of this installation came first, and others wait too.",
        }
        return self._put(head, {"status": "queued", "output": output})

    def conclude(self, head: str, output: CheckOutput) -> CheckRun:
        """Conclude the pull request's check run on a head (`known` first, else the newest), or create one."""
        fields = {
            "status": "completed",
            "conclusion": output.conclusion.value,
            "output": dict(output.output),
        }
        return self._put(head, fields)

    def on(self, head: str) -> list[CheckRun]:
        """Return the pull request's check runs on a head, newest first."""
        number = pull_request_of(self.external_id)
        listed = self.gh.check_runs(self.repository, head, CHECK_NAME)
        if self.known is not None and all(run.id != self.known for run in listed):
            fresh = self.gh.check_run(self.repository, self.known)
            listed += [fresh] if fresh is not None and fresh.head_sha == head else []
        runs = [run for run in listed if run.app_id == self.app_id and pull_request_of(run.external_id) == number]
        return sorted(runs, key=lambda run: -run.id)

    def is_open(self, head: str) -> bool:
        """Tell whether a check run on a head still shows a review as under way."""
        return any(run.status != "completed" for run in self.on(head))

    def end_open(self, head: str, *, title: str, summary: str, conclusion: Conclusion = Conclusion.NEUTRAL) -> None:
        """Conclude what shows a review of a head as under way."""
        for run in self.on(head):
            if run.status == "completed":
                continue
            fields = {
                "status": "completed",
                "conclusion": conclusion.value,
                "output": {"title": title, "summary": summary},
            }
            self.fence()
            self.gh.update_check_run(self.repository, run.id, fields)

    def end_superseded(self, head: str, by: str) -> None:
        """Conclude as cancelled what is under way on a head that the pull request has left for the head `by`."""
        self.end_open(
            head,
            title="A newer commit has taken over",
            summary=f"The pull request moved on to {by[:7]}; its review is the one that counts.",
            conclusion=Conclusion.CANCELLED,
        )

    def _put(self, head: str, fields: Mapping[str, Any]) -> CheckRun:
        body = {
            "name": CHECK_NAME,
            **fields,
            **({"external_id": self.external_id} if self.external_id else {}),
        }
        own = self.on(head)
        run = next((run for run in own if run.id == self.known), own[0] if own else None)
        if run is not None:
            self.fence()
            return self.gh.update_check_run(self.repository, run.id, body)
        self.announce()
        self.fence()
        return create_once(
            lambda: self.gh.create_check_run(self.repository, {**body, "head_sha": head}),
            lambda: next(iter(self.on(head)), None),
            self.settle,
        )
