"""The second pass: ask a cheap tier the same question again, where policy buys that."""

from __future__ import annotations

from dataclasses import replace

from policies.words import Tier
from reviewer.findings.parse import parse_answer
from reviewer.models.model import Completion, Stage
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.check import AnswerChecks, check_completion
from reviewer.steps.context import ReviewContext
from reviewer.steps.model_size import is_small
from reviewer.steps.unit_state import UnitState


def add_second_pass(
    answer: UnitAnswer, state: UnitState, checks: AnswerChecks, context: ReviewContext
) -> UnitAnswer:
    """Add what a second cheap pass finds, where policy buys one: findings that both raise rank higher."""
    candidate, unit = state.plan.candidate, state.plan.unit
    if not context.policy.second_pass or candidate is None or is_small(candidate) or context.run.out_of_time():
        return answer
    result = context.models.ask(
        state.unanswered,
        tier=max(context.policy.min_tier, min(state.tier, Tier.EFFICIENT)),
        unit=unit.identity,
        stage=Stage.SECOND_PASS,
        attempt=len(state.attempts) + 1,
    )
    state.calls.extend(result.calls)
    if result.completion is None:
        state.notices.append(f"the second pass was left out: {result.error}")
        return answer
    return with_second(answer, result.completion, checks)


def with_second(answer: UnitAnswer, second: Completion, checks: AnswerChecks) -> UnitAnswer:
    """Add the findings of a second pass. It may look nothing up: it is asked what the first answer was asked."""
    # A name of its own, so that it counts as a second voice where both raise the same.
    named = replace(second, model=f"{second.model}, second pass")
    unit = answer.plan.unit
    checked = check_completion(parse_answer(second.text, unit), named, unit, checks)
    return replace(
        answer,
        findings=(*answer.findings, *checked.findings),
        rejected=(*answer.rejected, *checked.rejected),
        second=second.text,
        second_model=second.model,
    )
