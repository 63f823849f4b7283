"""What a review would ask and about what it would cost; real repositories are read, nothing is asked."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from policies.budgets import Estimate
from policies.words import Tier
from reviewer.context.tokens import count_tokens
from reviewer.models.model import Candidate
from reviewer.models.prices import Price
from reviewer.steps.estimate import REPAIR_LIKELIHOOD, Planned, estimate_plans, estimate_table, plan_review
from reviewer.steps.plan import Plan
from reviewer.steps.request import ReviewRequest
from tests.findings.builders import DIFF
from tests.steps.parts import POLICY, ScriptedModels, change, context_of, edit, plan_of, prepared_of

# A dollar for each token of input, ten for each of output.
PRICE = Price.per_million(Decimal(1_000_000), Decimal(10_000_000))


class Priced(ScriptedModels):
    def price(self, candidate: Candidate) -> Price | None:
        return PRICE if self.usable else None


def planned(diff: str = DIFF, **fields: Any) -> Planned:
    models = fields.pop("models", Priced())
    return plan_review(ReviewRequest(change(diff)), context_of(models, **fields))


def test_every_unit_is_planned_and_nothing_is_asked() -> None:
    models = Priced()
    done = planned(DIFF + edit("docs/readme.md") + edit("package-lock.json"), models=models)
    assert {path for plan in done.plans for path in plan.unit.paths} == {"shop/cart.py", "docs/readme.md"}
    assert [skip.path for skip in done.prepared.scope.skipped] == ["package-lock.json"]
    assert models.questions == []


def test_what_the_units_cost_adds_up() -> None:
    done = planned(DIFF + edit("docs/readme.md"), policy=replace(POLICY, unit_tokens=60))
    assert len(done.each) == len(done.plans) > 0
    assert done.estimate.high == sum(one.high for one in done.each)
    assert done.estimate.likely == sum(one.likely for one in done.each)


def test_what_the_context_engine_chose_and_where_it_stopped_is_told() -> None:
    done = planned()
    assert set(done.choices) == {unit.identity for unit in done.prepared.units}
    assert done.limits == ()


def test_a_bare_diff_is_planned_without_context() -> None:
    done = planned(head=None, base=None)
    assert len(done.plans) == len(done.each) == 1
    assert (done.choices, done.limits) == ({}, ())
    assert done.estimate.high > 0


def test_a_price_that_nobody_knows_is_unknown() -> None:
    assert not planned().estimate.unknown
    assert planned(models=ScriptedModels()).estimate.unknown
    assert planned(models=Priced(usable=False)).estimate.unknown


def estimated(*plans: Plan) -> Estimate:
    return estimate_plans(plans, lambda _candidate: PRICE)


def test_a_unit_is_estimated_with_the_repair_that_some_need() -> None:
    plan = plan_of()
    one = count_tokens(plan.prompt.text) + 10 * plan.prompt.max_output_tokens
    assert estimated(plan).high == 2 * one
    assert estimated(plan, plan).high == 4 * one
    assert Decimal("0.1") == REPAIR_LIKELIHOOD
    assert estimated(plan).likely < estimated(plan).high


def test_nothing_to_ask_costs_nothing() -> None:
    assert (estimated().high, estimated().likely) == (0, 0)


def test_the_table_counts_units_by_tier_and_model() -> None:
    free = plan_of(tier=Tier.FREE)
    none = plan_of()
    none = replace(none, route=replace(none.route, model=""))
    table = estimate_table(Planned(prepared_of(), (free, none, none), estimated(free)))
    rows = table.split("\n")
    assert rows[:2] == ["| Tier | Model | Units |", "|:--|:--|--:|"]
    assert rows[2:4] == ["| efficient | `no usable model` | 2 |", "| free | `openai/a-free-model` | 1 |"]
    assert f"Estimated cost: **{estimated(free)}**. Nothing was asked yet." in table


def test_a_change_that_is_left_out_whole_says_so() -> None:
    table = estimate_table(Planned(prepared_of(), (), estimated()))
    assert table.startswith("Nothing to review: policy leaves every changed file out.\n\nEstimated cost: ")
