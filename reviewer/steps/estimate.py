"""Estimate a review: what it would ask and about what that would cost, before anything is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from policies.budgets import Estimate, PlannedCall, estimate
from reviewer.context.fill import Choice
from reviewer.context.tokens import count_tokens
from reviewer.git.limits import Reached
from reviewer.models.model import Candidate
from reviewer.models.prices import Price
from reviewer.steps.context import ReviewContext
from reviewer.steps.plan import Plan
from reviewer.steps.plan_units import gatherer_of, plan_units
from reviewer.steps.prepare import Prepared, prepare
from reviewer.steps.request import ReviewRequest
from reviewer.steps.scope import decide_scope
from reviewer.steps.side_question import side_tier
from reviewer.steps.statements import plan_criteria, plan_statements

# How often, seen over many runs, a unit's answer buys a second call.
REPAIR_LIKELIHOOD: Final = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Planned:
    """Everything that is decided before anything is asked, and the estimate of asking it.

    `limits` are those of the context engine that were reached, `choices` what it left out, by the unit's identity;
    `each` is the estimate of each plan, `checks` that of the questions beside the units.
    """

    prepared: Prepared
    plans: tuple[Plan, ...]
    estimate: Estimate
    limits: tuple[Reached, ...] = ()
    choices: Mapping[str, Choice] = field(default_factory=dict)
    each: tuple[Estimate, ...] = ()
    checks: Estimate | None = None


def plan_review(request: ReviewRequest, context: ReviewContext) -> Planned:
    """Go through the pipeline up to the prompts; spends nothing."""
    scope = decide_scope(request.change, context.policy, head=context.head, base=context.base)
    prepared = prepare(request, scope, context)
    gatherer = gatherer_of(prepared, context)
    plans = tuple(plan_units(prepared, gatherer, context))
    each = tuple(estimate_plans([plan], context.models.price) for plan in plans)
    aside = _estimate_statements(prepared, context.bounded_by(request.strategy))
    checks = estimate(aside) if aside else None
    total = estimate((*_calls(plans, context.models.price), *aside))
    if gatherer is None:
        return Planned(prepared, plans, total, each=each, checks=checks)
    choices = {unit.identity: choice for unit in prepared.units if (choice := gatherer.choice(unit)) is not None}
    return Planned(prepared, plans, total, gatherer.limits_reached(), choices, each, checks)


def estimate_plans(plans: Sequence[Plan], price: Callable[[Candidate], Price | None]) -> Estimate:
    """Add up the calls of the plans: each unit's first one, and the repair that some need."""
    return estimate(_calls(plans, price))


def _calls(plans: Sequence[Plan], price: Callable[[Candidate], Price | None]) -> list[PlannedCall]:
    calls = []
    for plan in plans:
        found = price(plan.candidate) if plan.candidate else None
        tokens = count_tokens(plan.prompt.text)
        calls += [
            PlannedCall(
                input_tokens=tokens,
                max_output_tokens=plan.prompt.max_output_tokens,
                input_price=found.input if found else None,
                output_price=found.output if found else None,
                likelihood=likelihood,
            )
            for likelihood in (Decimal(1), REPAIR_LIKELIHOOD)
        ]
    return calls


def _estimate_statements(prepared: Prepared, context: ReviewContext) -> tuple[PlannedCall, ...]:
    """Return the calls that ask about the checks in plain language and the acceptance criteria."""
    questions = (plan_statements(prepared, context.policy), plan_criteria(prepared, context.policy))
    candidate = context.models.candidate(side_tier(context.policy))
    if candidate is None:
        return ()
    found = context.models.price(candidate)
    return tuple(
        PlannedCall(
            input_tokens=count_tokens(question.prompt.text),
            max_output_tokens=question.prompt.max_output_tokens,
            input_price=found.input if found else None,
            output_price=found.output if found else None,
        )
        for question in questions
        if question is not None and question.shown
    )


def estimate_table(planned: Planned) -> str:
    """Return the plan as Markdown: units by tier and model, and the estimate."""
    rows: dict[tuple[str, str], int] = {}
    for plan in planned.plans:
        key = (plan.route.tier.label, plan.route.model or "no usable model")
        rows[key] = rows.get(key, 0) + 1
    lines = ["| Tier | Model | Units |", "|:--|:--|--:|"]
    lines += [f"| {tier} | `{model}` | {number} |" for (tier, model), number in sorted(rows.items())]
    table = "\n".join(lines) if rows else "Nothing to review: policy leaves every changed file out."
    checks = (
        f" Of it for the checks in plain language and the acceptance criteria: {planned.checks}."
        if planned.checks
        else ""
    )
    return f"{table}\n\nEstimated cost: **{planned.estimate}**.{checks} Nothing was asked yet."
