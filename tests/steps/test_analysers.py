"""The analysers beside the model calls; the analyser that runs is the real one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from reviewer.change.model import Change
from reviewer.steps.analysers import Analysers
from reviewer.steps.scope import Scope
from tests.findings.builders import Files
from tests.steps.parts import POLICY, change, context_of, edit

SHELL = "import subprocess\nsubprocess.call(cmd, shell=True)"
DIFF = (
    "diff --git a/run.py b/run.py\nnew file mode 100644\n--- /dev/null\n+++ b/run.py\n@@ -0,0 +1,2 @@\n"
    + "".join(f"+{line}\n" for line in SHELL.split("\n"))
)


class Counting(ThreadPoolExecutor):
    """Threads that count what they are given."""

    given = 0

    def submit(self, *args, **kwargs):
        self.given += 1
        return super().submit(*args, **kwargs)


def analysers_of(changed: Change, scope: Scope, threads: ThreadPoolExecutor, *tools: str) -> Analysers:
    context = context_of(policy=replace(POLICY, analysers=tools), head=Files({"run.py": SHELL.encode()}))
    return Analysers(changed, scope, threads, context)


def test_nothing_runs_before_it_is_started_and_everything_runs_once() -> None:
    changed = change(DIFF)
    with Counting(2) as threads:
        analysers = analysers_of(changed, Scope(changed.files, ()), threads)
        assert threads.given == 0
        analysers.start()
        assert threads.given == 1
        analysers.start()
        assert analysers.evidence() is analysers.evidence()
        assert threads.given == 1


def test_waiting_for_evidence_starts_the_analysers_where_nobody_did() -> None:
    changed = change(DIFF)
    with Counting(2) as threads:
        evidence = analysers_of(changed, Scope(changed.files, ()), threads, "ruff").evidence()
    assert [run.tool for run in evidence.runs] == ["ruff"]
    assert any(found.path == "run.py" and found.line == 2 for found in evidence.findings)


def test_a_file_out_of_scope_is_not_analysed() -> None:
    with Counting(2) as threads:
        evidence = analysers_of(change(DIFF + edit("b.txt")), Scope((), ()), threads, "ruff").evidence()
    assert evidence.findings == ()
