"""Check one answer: hold it against the diff, the files and the analysers, and say whether it may stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from policies.words import Check, Severity
from reviewer.change.anchor import Anchors
from reviewer.change.model import Unit
from reviewer.findings.check import CheckFailure, check_answer
from reviewer.findings.model import Disposition, Finding, PlacedFinding
from reviewer.findings.parse import Parsed
from reviewer.git.snapshot import Snapshot
from reviewer.models.model import Completion
from reviewer.steps.analysers import Analysers

# Losing a suggestion loses no finding: these never buy another call.
SUGGESTION_CHECKS: Final = frozenset({Check.SUGGESTION_APPLIES, Check.SUGGESTION_PARSES})
# An answer that could be read stands for what passed, also where the model was unsure or was cut off.
READABLE: Final = frozenset({Check.EMPTY_ON_EVIDENCE, Check.SELF_REPORTED_UNCERTAIN, Check.TRUNCATED})
# Checks of a whole answer after which only a part of it was read.
_UNREAD: Final = {
    Check.TRUNCATED: "its answer was cut off",
    Check.SCHEMA: "its answer could not be read whole",
    Check.SELF_REPORTED_UNCERTAIN: "nobody judged it",
}


@dataclass(frozen=True, slots=True)
class AnswerChecks:
    """What answers are checked against: the lines of the diff, the files at the head, what the analysers found."""

    anchors: Anchors
    head: Snapshot | None
    analysers: Analysers


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """An answer after its checks: the findings that passed, and those that could not be placed or graded.

    `failure` is the one that is worth another call, None where the answer passed. `hints` are the analysers'
    findings of the unit where the answer passed them over.
    """

    findings: tuple[Finding, ...]
    rejected: tuple[PlacedFinding, ...]
    failure: CheckFailure | None
    hints: tuple[Finding, ...] = ()

    @property
    def usable(self) -> bool:
        """True where what passed may stand although a check failed."""
        if self.failure is None or self.failure.finding is not None or self.failure.check in READABLE:
            return True
        return self.failure.check is Check.SCHEMA and bool(self.findings or self.rejected)

    @property
    def problem(self) -> str:
        """Why a part of the unit was not looked at although the answer stands, "" where all of it was."""
        if not self.usable or self.failure is None or self.failure.finding is not None:
            return ""
        if self.failure.check not in _UNREAD:
            return ""
        return f"{_UNREAD[self.failure.check]}: {self.failure.detail}"


def check_completion(parsed: Parsed, completion: Completion, unit: Unit, checks: AnswerChecks) -> CheckedAnswer:
    """Check an answer about a unit; this waits for the analysers."""
    evidence = [found for found in checks.analysers.evidence().findings if _is_about(found, unit)]
    checked = check_answer(
        parsed, completion, unit, checks.anchors, checks.head, evidence, source=f"model:{completion.model}"
    )
    failure = next((failure for failure in checked.failures if _is_worth_a_call(failure)), None)
    passed_over = failure is not None and failure.check is Check.EMPTY_ON_EVIDENCE
    rejected = tuple(
        PlacedFinding(failure.finding, Disposition.UNPLACED, f"{failure.check.value}: {failure.detail}")
        for failure in checked.failures
        if failure.finding is not None and failure.check not in SUGGESTION_CHECKS
    )
    return CheckedAnswer(checked.good, rejected, failure, tuple(evidence) if passed_over else ())


def _is_worth_a_call(failure: CheckFailure) -> bool:
    """Tell whether a failure is worth another call: the whole answer failed, or a finding that would matter."""
    if failure.finding is None:
        return True
    return failure.check not in SUGGESTION_CHECKS and failure.finding.severity >= Severity.MEDIUM


def _is_about(finding: Finding, unit: Unit) -> bool:
    """Tell whether a finding stands on lines that a unit shows."""
    return any(
        hunk.path == finding.path and hunk.new_start <= finding.line < hunk.new_start + max(1, hunk.new_length)
        for hunk in unit.hunks
    )
