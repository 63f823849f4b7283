"""After an answer that cannot be used: choose the next question about the unit, or say why there is none."""

from __future__ import annotations

from typing import Final

from policies.escalation import Escalate, Repair, Stop, escalations_are_used, next_step
from policies.policy import Policy
from policies.words import AtLimit, Check, Tier
from reviewer.errors import BudgetRefused, KiloReviewError
from reviewer.findings.check import CheckFailure
from reviewer.models.model import Stage
from reviewer.prompts.build import repair_prompt
from reviewer.steps.check import CheckedAnswer
from reviewer.steps.context import ReviewContext
from reviewer.steps.model_size import is_small
from reviewer.steps.result import Escalation
from reviewer.steps.unit_state import UnitState

# What to do about a failed check, for the model that failed it.
ADVICE: Final = {
    Check.QUOTE: "Copy each quote from the diff, character for character, or leave the finding out.",
    Check.ANCHOR: "A finding is about a file of the diff: copy its path from there.",
    Check.TRUNCATED: "Report only the most serious findings, each in two sentences, with no suggestion.",
    Check.SELF_REPORTED_UNCERTAIN: "Judge by what is shown, and state the confidence that this deserves.",
}


def next_question(
    state: UnitState, text: str, checked: CheckedAnswer, failure: CheckFailure, context: ReviewContext
) -> Stop | None:
    """Prepare the next call after a failed check; return the reason where there is none. `text` is the answer.

    A small local model is not asked to repair its answer.
    """
    policy, highest = context.policy, context.models.highest
    if is_small(state.plan.candidate) and highest <= state.tier:
        return Stop("a small local model is not asked to repair its answer")
    step = next_step(state.attempts, policy, escalations_used=context.run.escalations, highest=highest)
    if isinstance(step, Repair):
        state.stage = Stage.REPAIR
        problem = failure.detail or "a check failed"
        advice = ADVICE.get(failure.check, "")
        state.prompt = repair_prompt(state.question, text, problem, checked.hints, advice=advice)
        return None
    if isinstance(step, Stop):
        return step
    if not context.run.take_escalation(policy.max_escalations):
        return escalations_are_used(policy)
    _escalate(state, step, checked, failure)
    return None


def _escalate(state: UnitState, step: Escalate, checked: CheckedAnswer, failure: CheckFailure) -> None:
    """Put the question to a stronger tier, with what the analysers found where that was passed over."""
    unit = state.plan.unit.identity
    state.escalations.append(Escalation(unit, failure.check, state.tier, step.tier, failure.detail))
    state.stage, state.tier = Stage.ESCALATION, step.tier
    hints = checked.hints
    state.prompt = repair_prompt(state.question, "", failure.detail, hints) if hints else state.question


def step_down(state: UnitState, error: KiloReviewError | None, policy: Policy) -> bool:
    """Step one tier down where a limit leaves no room and policy says to degrade; return False elsewhere."""
    if not isinstance(error, BudgetRefused) or policy.at_limit is not AtLimit.DEGRADE:
        return False
    if state.tier <= policy.min_tier:
        return False
    lower = Tier(state.tier - 1)
    state.notices.append(f"{error.rule}: {state.tier.label} would pass the limit, {lower.label} was used instead")
    state.tier = lower
    return True
