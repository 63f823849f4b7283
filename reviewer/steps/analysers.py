"""Analysers: run the static analysers of one review in a thread beside the model calls."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future
from dataclasses import replace

from policies.words import Severity
from reviewer.change.model import Change, Unit
from reviewer.evidence.run import Evidence, run_analysers
from reviewer.findings.model import Finding
from reviewer.steps.context import ReviewContext
from reviewer.steps.scope import Scope


class Analysers:
    """The analysers of one review. They run beside the model calls, so that neither sees the other's findings.

    They are started when the first question is on its way, or when its tier depends on what they find: on two
    processors they double the time until then.
    """

    def __init__(self, change: Change, scope: Scope, threads: Executor, context: ReviewContext) -> None:
        self._change = replace(change, files=(*scope.files, *scope.credentials))
        self._threads = threads
        self._context = context
        self._lock = threading.Lock()
        self._running: Future[Evidence] | None = None

    def start(self) -> None:
        """Start the analysers; calling it again does nothing."""
        self._started()

    def evidence(self) -> Evidence:
        """Return what the analysers found; wait for them, and start them where they were not started."""
        return self._started().result()

    def worst(self, unit: Unit) -> Severity | None:
        """Return the worst severity that they found on the lines of a unit, None for nothing."""
        found = self.evidence().findings
        return max((finding.severity for finding in found if is_about(finding, unit)), default=None)

    def _started(self) -> Future[Evidence]:
        with self._lock:
            if self._running is None:
                self._running = self._threads.submit(self._run)
            return self._running

    def _run(self) -> Evidence:
        with self._context.gates.analysing:
            return run_analysers(self._change, self._context.head, tools=self._context.policy.analysers)


def is_about(finding: Finding, unit: Unit) -> bool:
    """Tell whether a finding stands on lines that a unit shows."""
    return any(
        hunk.path == finding.path and hunk.new_start <= finding.line < hunk.new_start + max(1, hunk.new_length)
        for hunk in unit.hunks
    )
