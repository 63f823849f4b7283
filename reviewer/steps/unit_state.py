"""UnitState: one unit while it is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from policies.escalation import Attempt
from policies.words import Check, Tier
from reviewer.context.lookup_request import LookupRequest
from reviewer.context.model import ContextItem
from reviewer.findings.merge import left_out
from reviewer.findings.model import Finding
from reviewer.models.model import Call, Completion, Prompt, Stage
from reviewer.prompts.build import hinted_prompt
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.check import CheckedAnswer
from reviewer.steps.plan import Plan
from reviewer.steps.result import Escalation


@dataclass(slots=True)
class UnitState:
    """One unit while it is asked about: what is sent next, what asking took so far, and the best answer.

    `question` is the unit's prompt with what was looked up; `prompt` is what is sent next, which may be a repair.
    `best` is the most complete of the answers that failed a check and may stand all the same.
    """

    plan: Plan
    tier: Tier
    question: Prompt
    prompt: Prompt
    stage: Stage = Stage.REVIEW
    attempts: list[Attempt] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    escalations: list[Escalation] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    lookup_rounds: int = 0
    lookups: tuple[LookupRequest, ...] = ()
    looked_up: tuple[ContextItem, ...] = ()
    best: UnitAnswer | None = None

    @classmethod
    def of(cls, plan: Plan) -> UnitState:
        """Return the state of a unit before its first question."""
        return cls(plan, plan.route.tier, plan.prompt, plan.prompt)

    def show(self, requests: Sequence[LookupRequest], items: Sequence[ContextItem]) -> None:
        """Put what was looked up into the question, and ask it again."""
        self.lookup_rounds += 1
        self.lookups += tuple(requests)
        self.looked_up += tuple(items)
        self.question = hinted_prompt(self.plan.prompt, self.looked_up, paths=self.plan.unit.paths)
        self.prompt, self.stage = self.question, Stage.LOOKUP

    def answer(self, completion: Completion, checked: CheckedAnswer) -> UnitAnswer:
        """Return an answer to the question, with the tier that gave it."""
        return UnitAnswer(
            self.plan,
            self.tier,
            model=completion.model,
            text=completion.text,
            findings=checked.findings,
            rejected=checked.rejected,
            lookups=self.lookups,
            problem=checked.problem,
        )

    def note_failure(self, check: Check, answer: UnitAnswer | None) -> None:
        """Note on the last answered call which check it failed; `answer` is what may stand all the same."""
        for index in reversed(range(len(self.calls))):
            if self.calls[index].ok:
                self.calls[index] = replace(self.calls[index], failed_check=check)
                break
        if answer is not None and _is_better(answer, self.best):
            self.best = answer

    def close(self, answer: UnitAnswer) -> UnitAnswer:
        """Return the answer that stands, with everything that asking took and what a later answer left out."""
        return replace(
            answer,
            calls=tuple(self.calls),
            escalations=tuple(self.escalations),
            notices=(*self.notices, *_left_out(self.best, answer)),
            looked_up=self.looked_up,
        )

    def give_up(self, problem: str, *, limit: bool = False) -> UnitAnswer:
        """Return the best answer so far, and without one the unit as not reviewed because of `problem`."""
        return self.close(self.best or UnitAnswer(self.plan, self.tier, problem=problem, limit=limit))


def _left_out(best: UnitAnswer | None, answer: UnitAnswer) -> tuple[str, ...]:
    """Name the findings of an earlier answer to this unit that the one that stands does not repeat."""
    if best is None or best is answer:
        return ()
    before, now = _all_findings(best), _all_findings(answer)
    return tuple(
        f"left out when the model was asked again: {finding.title!r} ({finding.severity.label}, "
        f"{finding.path}:{finding.line})"
        for finding in left_out(before, now)
    )


def _all_findings(answer: UnitAnswer) -> tuple[Finding, ...]:
    return (*answer.findings, *(placed.finding for placed in answer.rejected))


def _is_better(answer: UnitAnswer, best: UnitAnswer | None) -> bool:
    """Tell whether an answer is worth more than an earlier one: complete ones first, then the most findings."""
    if best is None:
        return True
    return (not answer.problem, len(answer.findings)) >= (not best.problem, len(best.findings))
