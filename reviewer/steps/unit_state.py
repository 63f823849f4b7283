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
from reviewer.prompts.build import Round, continued_prompt
from reviewer.prompts.change_in_code import LONGEST_LINE, cut_lines
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.check import CheckedAnswer
from reviewer.steps.plan import Plan
from reviewer.steps.result import Escalation

# So many lines that were cut are named.
CUT_NAMED = 4


@dataclass(slots=True)
class UnitState:
    """One unit while it is asked about: what is sent next, what asking took so far, and the best answer.

    `question` is the unit's prompt with what was looked up; `prompt` is what is sent next, which may be a repair.
    `best` is the most complete of the answers that failed a check and may stand all the same. `first` are the
    answers that asked for look-ups: what they found stands beside what comes after, which `rounds` show.
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
    first: tuple[UnitAnswer, ...] = ()
    rounds: tuple[Round, ...] = ()

    @classmethod
    def of(cls, plan: Plan) -> UnitState:
        """Return the state of a unit before its first question."""
        state = cls(plan, plan.route.tier, plan.prompt, plan.prompt)
        if cut := cut_lines(plan.unit):
            more = f" and {len(cut) - CUT_NAMED} more" if len(cut) > CUT_NAMED else ""
            state.notices.append(
                f"changed lines of more than {LONGEST_LINE:,} characters were shown by their beginning and end: "
                f"{', '.join(cut[:CUT_NAMED])}{more}"
            )
        return state

    def show(
        self,
        requests: Sequence[LookupRequest],
        items: Sequence[ContextItem],
        *,
        first: UnitAnswer | None = None,
        more: bool = False,
    ) -> None:
        """Continue the question with what was looked up; `first` is the answer that asked for it, and stands.

        `more` says that the model may ask once more.
        """
        self.lookup_rounds += 1
        self.lookups += tuple(requests)
        self.looked_up += tuple(items)
        if first is not None:
            self.first += (first,)
        self.rounds += (Round(first.text if first else "", tuple(items)),)
        self.question = continued_prompt(self.plan.prompt, self.rounds, paths=self.plan.unit.paths, more=more)
        self.prompt, self.stage = self.question, Stage.LOOKUP

    @property
    def unanswered(self) -> Prompt:
        """The question with what was looked up and without what was answered, for another opinion."""
        if not self.looked_up:
            return self.plan.prompt
        return continued_prompt(self.plan.prompt, (Round("", self.looked_up),), paths=self.plan.unit.paths)

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
        notices = (*self.notices, *_left_out(self.best, answer))
        return replace(
            with_first(answer, self.first),
            calls=tuple(self.calls),
            escalations=tuple(self.escalations),
            notices=notices,
            looked_up=self.looked_up,
        )

    def give_up(self, problem: str, *, limit: bool = False) -> UnitAnswer:
        """Return the best answer so far, and without one the unit as not reviewed because of `problem`."""
        if self.best is None and self.first:
            unsettled = f"what was looked up for it was not judged: {problem}"
            return self.close(replace(self.first[-1], problem=unsettled, limit=limit))
        return self.close(self.best or UnitAnswer(self.plan, self.tier, problem=problem, limit=limit))


def with_first(answer: UnitAnswer, first: Sequence[UnitAnswer]) -> UnitAnswer:
    """Return an answer with what earlier ones, which asked for look-ups, found and it does not repeat.

    What it repeats with a confidence of 0 is withdrawn.
    """
    findings, rejected = answer.findings, answer.rejected
    for earlier in reversed(first):
        known = (*findings, *(placed.finding for placed in rejected))
        unplaced = {placed.finding: placed for placed in earlier.rejected}
        kept = left_out((*earlier.findings, *unplaced), known)
        rejected = (*(unplaced[found] for found in kept if found in unplaced), *rejected)
        findings = (*(found for found in kept if found not in unplaced), *findings)
    return replace(
        answer,
        findings=tuple(found for found in findings if found.confidence != 0),
        rejected=rejected,
        earlier=tuple(one.text for one in first),
    )


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
