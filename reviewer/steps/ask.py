"""One unit, from its prompt to findings that passed their checks: ask, check, repair once, escalate within caps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from policies.escalation import Attempt, Escalate, Repair, next_step
from policies.policy import Policy
from policies.words import AtLimit, Check, Severity, Tier
from reviewer.change.anchor import Anchors
from reviewer.change.model import Unit
from reviewer.context.model import ContextItem
from reviewer.errors import BudgetRefused, KiloReviewError
from reviewer.findings.check import CheckFailure, check_answer
from reviewer.findings.model import Disposition, Finding, PlacedFinding
from reviewer.findings.parse import LookupRequest, parse_answer
from reviewer.git.snapshot import Snapshot
from reviewer.models.model import Call, Completion, FinishReason, Prompt, Stage, Usage
from reviewer.prompts.build import hinted_prompt, repair_prompt
from reviewer.steps.plan import Plan, is_small
from reviewer.steps.result import Escalation

# Losing a suggestion loses no finding: these never buy another call.
_SUGGESTION_CHECKS: Final = frozenset({Check.SUGGESTION_APPLIES, Check.SUGGESTION_PARSES})
# An answer that could be read stands for what passed, also where the model was unsure or was cut off.
_READABLE: Final = frozenset({Check.EMPTY_ON_EVIDENCE, Check.SELF_REPORTED_UNCERTAIN, Check.TRUNCATED})
# What to do about a failed check, for the model that failed it.
_ADVICE: Final = {
    Check.QUOTE: "Copy each quote from the diff, character for character, or leave the finding out.",
    Check.ANCHOR: "A finding is about a file of the diff: copy its path from there.",
    Check.TRUNCATED: "Report only the most serious findings, each in two sentences, with no suggestion.",
    Check.SELF_REPORTED_UNCERTAIN: "Judge by what is shown, and state the confidence that this deserves.",
}


class AskResult(Protocol):
    """What asking a model gave: `completion` or `error`, and every attempt as a Call."""

    @property
    def completion(self) -> Completion | None: ...  # noqa: D102
    @property
    def calls(self) -> tuple[Call, ...]: ...  # noqa: D102
    @property
    def error(self) -> KiloReviewError | None: ...  # noqa: D102
    @property
    def notes(self) -> tuple[str, ...]: ...  # noqa: D102


class Ask(Protocol):
    """The seam to the models: one question, with retry, failover and reservation behind it."""

    @property
    def highest(self) -> Tier:
        """The highest tier with a usable model."""
        ...

    def ask(self, prompt: Prompt, *, tier: Tier, unit: str, stage: Stage, attempt: int) -> AskResult:
        """Ask; a refusal or a fault is in the result, never raised."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a unit. `problem` is why it counts as not reviewed, "" where it was.

    `tier` is that of the model that answered, also where another was asked for. `by` is the model whose answer
    stands. `text` is that answer, for the store of results. `looked_up` is what it was shown beside its plan, and
    `lookups` the requests for that. `rejected` are findings that failed a check, with the check as their reason.
    `limit` says that a spending limit ended it.
    """

    unit: Unit
    tier: Tier
    by: str = ""
    text: str = ""
    findings: tuple[Finding, ...] = ()
    rejected: tuple[PlacedFinding, ...] = ()
    looked_up: tuple[ContextItem, ...] = ()
    lookups: tuple[LookupRequest, ...] = ()
    calls: tuple[Call, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    notices: tuple[str, ...] = ()
    problem: str = ""
    limit: bool = False
    from_store: bool = False


@dataclass(slots=True)
class Run:
    """What the units of one run share: the count of escalations, the word that a limit has ended it, the time."""

    escalations: int = 0
    stopped: str = ""
    seconds: float = float("inf")
    clock: Callable[[], float] = time.monotonic
    started: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def late(self) -> str:
        """Say that the time of the run is over, "" while it is not."""
        if self.clock() - self.started < self.seconds:
            return ""
        return f"not asked within the {self.seconds:g} s of one review (caps.max_seconds)"

    def take_escalation(self, most: int) -> bool:
        """Count one escalation of the run, False where all are used."""
        with self.lock:
            if self.escalations >= most:
                return False
            self.escalations += 1
            return True


@dataclass(frozen=True, slots=True)
class Desk:
    """What answering needs beside the plan.

    `evidence` waits for the analysers, which run meanwhile. `look_ups` makes what answers one unit's look-ups.
    """

    asker: Ask
    policy: Policy
    anchors: Anchors
    head: Snapshot | None
    evidence: Callable[[], Sequence[Finding]]
    look_ups: Callable[[], Callable[[Sequence[LookupRequest]], Sequence[ContextItem]]]
    run: Run


@dataclass(slots=True)
class _State:
    """One unit under way; `asked` is its question with what was looked up, `prompt` the one that is sent next."""

    tier: Tier
    prompt: Prompt
    asked: Prompt
    stage: Stage = Stage.REVIEW
    attempts: list[Attempt] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    escalations: list[Escalation] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    lookups: int = 0
    requests: tuple[LookupRequest, ...] = ()
    looked_up: tuple[ContextItem, ...] = ()


def answer_unit(plan: Plan, desk: Desk) -> Answered:
    """Ask about one unit until its answer passes, the caps are reached, or a limit says stop."""
    state = _State(tier=plan.route.tier, prompt=plan.prompt, asked=plan.prompt)
    look_up = desk.look_ups()
    best: Answered | None = None
    while True:
        if desk.run.stopped:
            return _closed(plan, state, best, desk.run.stopped, limit=True)
        if late := desk.run.late():
            return _closed(plan, state, best, late)
        result = desk.asker.ask(
            state.prompt,
            tier=state.tier,
            unit=plan.unit.identity,
            stage=state.stage,
            attempt=len(state.attempts) + 1,
        )
        state.calls.extend(result.calls)
        state.notices.extend(result.notes)
        if result.completion is None:
            if _degraded(state, desk, result.error):
                continue
            return _ended_by_error(plan, state, desk, result.error, best)
        # What a weaker model says for want of a better one is checked and ranked as the weaker one's.
        state.tier = next((call.tier for call in reversed(result.calls) if call.ok), state.tier)
        read = _read(plan, desk, state, result.completion)
        if read.lookups:
            state.lookups += 1
            state.requests += read.lookups
            state.looked_up += tuple(look_up(read.lookups))
            state.asked = hinted_prompt(plan.prompt, state.looked_up, paths=plan.unit.paths)
            state.prompt, state.stage = state.asked, Stage.LOOKUP
            continue
        state.attempts.append(Attempt(state.stage.value, state.tier, read.failed))
        if read.failed is None:
            return _closed(plan, state, _seconded(plan, desk, state, read.answered), "")
        _mark_failed(state, read.failed)
        if read.usable and _better(read.answered, best):
            best = read.answered
        if not _next(plan, desk, state, read):
            return _closed(plan, state, best, f"its answers failed the {read.failed.value} check: {read.detail}")


def _seconded(plan: Plan, desk: Desk, state: _State, answered: Answered) -> Answered:
    """Add what a second cheap pass says, where policy buys one: two voices that agree rank higher.

    Issues raised twice are worth acting on in .71 of cases, once in .59 (docs/how-it-works.md).
    """
    if not desk.policy.second_pass or plan.candidate is None or is_small(plan.candidate) or desk.run.late():
        return answered
    tier = min(state.tier, Tier.EFFICIENT)
    result = desk.asker.ask(
        state.asked, tier=tier, unit=plan.unit.identity, stage=Stage.SECOND_PASS, attempt=len(state.attempts) + 1
    )
    state.calls.extend(result.calls)
    if result.completion is None:
        state.notices.append(f"the second pass was left out: {result.error}")
        return answered
    second = _read(plan, desk, state, replace(result.completion, model=f"{result.completion.model}, second pass"))
    return replace(
        answered,
        findings=(*answered.findings, *second.answered.findings),
        rejected=(*answered.rejected, *second.answered.rejected),
    )


def _better(fresh: Answered, best: Answered | None) -> bool:
    """Tell whether an answer that failed a check is worth more than an earlier one: whole first, then the most."""
    if best is None:
        return True
    return (not fresh.problem, len(fresh.findings)) >= (not best.problem, len(best.findings))


def _closed(plan: Plan, state: _State, best: Answered | None, problem: str, *, limit: bool = False) -> Answered:
    """Return the answer that stands with everything that it took, else the unit as not reviewed."""
    kept = best or Answered(plan.unit, state.tier, problem=problem, limit=limit)
    return replace(
        kept,
        calls=tuple(state.calls),
        escalations=tuple(state.escalations),
        notices=tuple(state.notices),
        looked_up=state.looked_up,
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """An answer after its checks. `usable` says that what passed may stand although `failed` did not."""

    answered: Answered
    failed: Check | None
    detail: str
    usable: bool
    hints: tuple[Finding, ...]
    lookups: tuple[LookupRequest, ...] = ()
    text: str = ""


def recheck(
    plan: Plan, desk: Desk, text: str, *, by: str, tier: Tier, lookups: tuple[LookupRequest, ...] = ()
) -> Answered | None:
    """Read a stored answer against the unit as it is now; None where it does not hold any more.

    What it had looked up is looked up again: verification and ranking see what they saw the first time.
    """
    completion = Completion(text, FinishReason.STOP, Usage(), by)
    state = _State(
        tier,
        plan.prompt,
        plan.prompt,
        lookups=desk.policy.lookups,
        requests=lookups,
        looked_up=tuple(desk.look_ups()(lookups)) if lookups else (),
    )
    read = _read(plan, desk, state, completion)
    if read.failed is not None and not read.usable:
        return None
    return replace(read.answered, from_store=True)


def _read(plan: Plan, desk: Desk, state: _State, completion: Completion) -> _Read:
    parsed = parse_answer(completion.text, plan.unit)
    if parsed.lookups and state.lookups < desk.policy.lookups and state.stage is not Stage.LOOKUP:
        empty = Answered(plan.unit, state.tier)
        return _Read(empty, None, "", usable=False, hints=(), lookups=tuple(parsed.lookups))
    evidence = [found for found in desk.evidence() if _about(found, plan.unit)]
    checked = check_answer(
        parsed, completion, plan.unit, desk.anchors, desk.head, evidence, source=f"model:{completion.model}"
    )
    failures = checked.failures
    decisive = next((failure for failure in failures if _decisive(failure)), None)
    rejected = tuple(
        PlacedFinding(failure.finding, Disposition.UNVERIFIED, f"{failure.check.value}: {failure.detail}")
        for failure in failures
        if failure.finding is not None and failure.check not in _SUGGESTION_CHECKS
    )
    answered = Answered(
        plan.unit,
        state.tier,
        by=completion.model,
        text=completion.text,
        findings=checked.good,
        rejected=rejected,
        looked_up=state.looked_up,
        lookups=state.requests,
        # What stands in an answer that was cut off is kept, but the rest of the unit was not looked at.
        problem=f"its answer was cut off: {decisive.detail}"
        if decisive and decisive.check is Check.TRUNCATED
        else "",
    )
    hints = tuple(evidence) if decisive is not None and decisive.check is Check.EMPTY_ON_EVIDENCE else ()
    return _Read(
        answered,
        decisive.check if decisive else None,
        decisive.detail if decisive else "",
        usable=decisive is None or decisive.finding is not None or decisive.check in _READABLE,
        hints=hints,
        text=completion.text,
    )


def _decisive(failure: CheckFailure) -> bool:
    """Tell whether a failure is worth another call: the whole answer, or a finding that would matter."""
    if failure.finding is None:
        return True
    return failure.check not in _SUGGESTION_CHECKS and failure.finding.severity >= Severity.MEDIUM


def _next(plan: Plan, desk: Desk, state: _State, read: _Read) -> bool:
    """Prepare the next call, False where there is none. A small local model is not asked to repair itself."""
    if plan.candidate is not None and is_small(plan.candidate) and desk.asker.highest <= state.tier:
        return False
    step = next_step(state.attempts, desk.policy, escalations_used=desk.run.escalations, highest=desk.asker.highest)
    if isinstance(step, Repair):
        state.stage = Stage.REPAIR
        advice = _ADVICE.get(read.failed, "") if read.failed else ""
        state.prompt = repair_prompt(
            state.asked, read.text, read.detail or "a check failed", read.hints, advice=advice
        )
        return True
    if isinstance(step, Escalate) and desk.run.take_escalation(desk.policy.max_escalations):
        check = read.failed
        assert check is not None  # noqa: S101 - only a failed check leads here
        state.escalations.append(Escalation(plan.unit.identity, check, state.tier, step.tier, read.detail))
        state.stage, state.tier = Stage.ESCALATION, step.tier
        state.prompt = repair_prompt(state.asked, "", read.detail, read.hints) if read.hints else state.asked
        return True
    return False


def _degraded(state: _State, desk: Desk, error: KiloReviewError | None) -> bool:
    """Step one tier down where a limit leaves no room and policy says to degrade; the reader is told."""
    if not isinstance(error, BudgetRefused) or desk.policy.at_limit is not AtLimit.DEGRADE:
        return False
    if state.tier is Tier.FREE:
        return False
    lower = Tier(state.tier - 1)
    state.notices.append(f"{error.rule}: {state.tier.label} would pass the limit, {lower.label} was used instead")
    state.tier = lower
    return True


def _ended_by_error(
    plan: Plan, state: _State, desk: Desk, error: KiloReviewError | None, best: Answered | None
) -> Answered:
    limit = isinstance(error, BudgetRefused)
    reason = str(error) if error else "no model answered"
    if limit and desk.policy.at_limit is AtLimit.STOP:
        desk.run.stopped = reason
    return _closed(plan, state, best, reason, limit=limit)


def _mark_failed(state: _State, check: Check) -> None:
    for index in range(len(state.calls) - 1, -1, -1):
        if state.calls[index].ok:
            state.calls[index] = replace(state.calls[index], failed_check=check)
            return


def _about(finding: Finding, unit: Unit) -> bool:
    return any(
        hunk.path == finding.path and hunk.new_start <= finding.line < hunk.new_start + max(1, hunk.new_length)
        for hunk in unit.hunks
    )
