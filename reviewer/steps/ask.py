"""Ask about the units: each question, its look-ups, checks, repair and escalation, until an answer stands."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING

from policies.escalation import Attempt
from policies.words import AtLimit
from reviewer.errors import BudgetRefused, KiloReviewError
from reviewer.findings.parse import parse_answer
from reviewer.models.model import Completion
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.cache import reuse_stored, store_answer
from reviewer.steps.check import AnswerChecks, check_completion
from reviewer.steps.context import ReviewContext
from reviewer.steps.look_up import look_ups_at, wants_look_up
from reviewer.steps.next_question import next_question, step_down
from reviewer.steps.plan import Plan
from reviewer.steps.progress import Progress
from reviewer.steps.result import add_costs, total_usage
from reviewer.steps.second_pass import add_second_pass
from reviewer.steps.unit_state import UnitState

if TYPE_CHECKING:
    from reviewer.models.ask import Answer


def ask_units(
    plans: Iterable[Plan], checks: AnswerChecks, threads: Executor, context: ReviewContext
) -> tuple[UnitAnswer, ...]:
    """Ask about every unit, the first while the rest is planned; return the answers in the order of the plans.

    Nothing is planned or asked where no model is usable.
    """
    if not context.models.usable:
        return ()
    jobs = []
    with context.gates.planning:
        for plan in plans:
            jobs.append(threads.submit(answer_unit, plan, checks, context))
            checks.analysers.start()
    answers: list[UnitAnswer] = []
    progress = Progress("units", total=len(jobs))
    for job in jobs:
        answer = job.result()
        answers.append(answer)
        progress = replace(
            progress,
            done=len(answers),
            usage=progress.usage + total_usage(answer.calls),
            cost=add_costs(progress.cost, answer.calls),
        )
        context.watch(progress)
    return tuple(answers)


def answer_unit(plan: Plan, checks: AnswerChecks, context: ReviewContext) -> UnitAnswer:
    """Answer a unit from the store where the same was paid for before, else by asking."""
    stored = reuse_stored(plan, checks, context)
    if stored is not None:
        return stored
    answer = ask_unit(plan, checks, context)
    store_answer(answer, context)
    return answer


def ask_unit(plan: Plan, checks: AnswerChecks, context: ReviewContext) -> UnitAnswer:
    """Ask about one unit until an answer passes its checks, the caps are reached, or a limit ends it."""
    state = UnitState.of(plan)
    look_up = look_ups_at(context.head)
    while True:
        if context.run.stopped:
            return state.give_up(context.run.stopped, limit=True)
        if late := context.run.out_of_time():
            return state.give_up(late)
        completion, error = _send(state, context)
        if completion is None:
            if step_down(state, error, context.policy):
                continue
            return _end_by_error(state, error, context)
        parsed = parse_answer(completion.text, plan.unit)
        if wants_look_up(parsed, state, context.policy):
            first = state.answer(completion, check_completion(parsed, completion, plan.unit, checks))
            more = state.lookup_rounds + 1 < context.policy.lookups
            state.show(parsed.lookups, look_up(parsed.lookups), first=replace(first, problem=""), more=more)
            continue
        checked = check_completion(parsed, completion, plan.unit, checks)
        failure, answer = checked.failure, state.answer(completion, checked)
        state.attempts.append(Attempt(state.stage.value, state.tier, failure.check if failure else None))
        if failure is None:
            return state.close(add_second_pass(answer, state, checks, context))
        state.note_failure(failure.check, answer if checked.usable else None)
        stop = next_question(state, completion.text, checked, failure, context)
        if stop is not None:
            if stop.cap:
                state.notices.append(f"a unit failed the {failure.check.value} check: {stop.reason} ({stop.cap})")
            return state.give_up(
                f"its answers failed the {failure.check.value} check: {failure.detail} ({stop.reason})"
            )


def _send(state: UnitState, context: ReviewContext) -> tuple[Completion | None, KiloReviewError | None]:
    """Send the question that is next and note its calls; return the answer, or why there is none."""
    result: Answer = context.models.ask(
        state.prompt,
        tier=state.tier,
        unit=state.plan.unit.identity,
        stage=state.stage,
        attempt=len(state.attempts) + 1,
    )
    state.calls.extend(result.calls)
    state.notices.extend(result.notes)
    if result.completion is not None:
        # What a weaker model says for want of a better one is checked and ranked as the weaker one's.
        state.tier = next((call.tier for call in reversed(result.calls) if call.ok), state.tier)
    return result.completion, result.error


def _end_by_error(state: UnitState, error: KiloReviewError | None, context: ReviewContext) -> UnitAnswer:
    """End a unit that no model answered; a spending limit ends the whole run where policy says to stop."""
    limit = isinstance(error, BudgetRefused)
    reason = str(error) if error else "no model answered"
    if limit and context.policy.at_limit is AtLimit.STOP:
        context.run.stopped = reason
    return state.give_up(reason, limit=limit)
