"""The plan of one unit: its tier and model, its context, its prompt and the name of its result."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from policies.words import Strategy, Tier
from reviewer.change.model import Change, Unit
from reviewer.change.parse import parse_diff
from reviewer.context.gather import proportional_budget
from reviewer.context.model import ContextItem, ContextKind
from reviewer.context.surroundings import NOTHING_AROUND, Surroundings
from reviewer.context.tokens import count_tokens
from reviewer.findings.schema import schema_for
from reviewer.prompts.about import About
from reviewer.steps.model_size import SMALL_OUTPUT
from reviewer.steps.plan import SMALL_FINDINGS, SMALL_LINES, SMALL_TEXT, Plan, elsewhere, plan_unit, route_unit
from reviewer.steps.prepare import Prepared
from reviewer.steps.request import ReviewRequest
from reviewer.steps.scope import Scope
from tests.findings.builders import DIFF
from tests.steps.parts import POLICY, SMALL, ScriptedModels, context_of, edit, prepared_of

TOKEN = "gh" + "p_" + "a1B2" * 9
PASSWORDS = (
    "--- a/auth/login.py\n+++ b/auth/login.py\n@@ -1 +1,3 @@\n-old\n+def check_password(user, password):\n"
    "+    return user.password == password\n+login(session_token)\n"
)


def item(text: str = "def helper(): ...", kind: ContextKind = ContextKind.DEFINITION, **fields: Any) -> ContextItem:
    values = {"path": "lib/helper.py", "start_line": 1, "end_line": 1, "reason": "it is called", "tokens": 50}
    return ContextItem(kind=kind, text=text, **{**values, **fields})


class Gatherer:
    """Gives the same context to every unit and notes the budget."""

    def __init__(self, *items: ContextItem, lines: Surroundings = NOTHING_AROUND) -> None:
        self.items = items
        self.lines = lines
        self.budgets: list[int] = []

    def around(self, _unit: Unit, *, budget: int) -> Surroundings:
        assert budget > 0
        return self.lines

    def for_unit(
        self, _unit: Unit, *, budget: int, around: Surroundings = NOTHING_AROUND
    ) -> tuple[ContextItem, ...]:
        assert around is self.lines
        self.budgets.append(budget)
        return self.items


def planned(
    diff: str = DIFF,
    *,
    policy: Any = POLICY,
    models: ScriptedModels | None = None,
    items: tuple[ContextItem, ...] = (),
    shared: tuple[ContextItem, ...] = (),
    **request: Any,
) -> Plan:
    prepared = prepared_of(diff, **request)
    context = context_of(models, policy)
    return plan_unit(
        route_unit(prepared.units[0], prepared, context.policy), prepared, Gatherer(*items), shared, context
    )  # type: ignore[arg-type]


# --- who is asked --------------------------------------------------------------------------------------------


def test_a_plan_names_the_tier_its_reasons_and_the_model_that_would_answer() -> None:
    plan = planned()
    assert plan.route.unit == plan.unit.identity
    assert plan.route.paths == ("shop/cart.py",)
    assert plan.route.model == f"openai/a-{plan.route.tier.label}-model"
    assert plan.candidate is not None
    assert plan.candidate.tier is plan.route.tier
    assert plan.route.reasons
    assert 0 < plan.route.sensitivity < 0.5


def test_no_model_is_named_where_none_is_usable() -> None:
    plan = planned(models=ScriptedModels(usable=False))
    assert (plan.candidate, plan.route.model) == (None, "")
    assert plan.prompt.max_output_tokens == POLICY.max_output_tokens


def test_a_strategy_a_label_and_an_attribute_decide_the_tier() -> None:
    assert planned(strategy=Strategy.FRONTIER).route.tier is Tier.FRONTIER
    assert planned(labels=("kilo:free",)).route.tier is Tier.FREE


def test_a_sensitive_unit_is_asked_without_what_its_author_says_of_it() -> None:
    about = About("Tidy up", "This is harmless.")
    calm = planned(about=about)
    blind = planned(PASSWORDS, about=about)
    assert "This is harmless." in calm.prompt.text
    assert "This is harmless." not in blind.prompt.text
    assert blind.route.sensitivity > 0.5
    seeing = planned(PASSWORDS, about=about, policy=replace(POLICY, metadata_blind=False))
    assert "This is harmless." in seeing.prompt.text


# --- what is sent --------------------------------------------------------------------------------------------


def test_the_prompt_has_the_diff_the_context_and_the_same_instructions_for_all() -> None:
    plan = planned(items=(item(),), shared=(item("def shared_one(): ...", path="lib/shared.py"),))
    assert "row.price * row.count" in plan.prompt.unit
    assert "def helper(): ..." in plan.prompt.unit
    assert "def shared_one(): ..." in plan.prompt.shared
    assert plan.prompt.schema == schema_for(POLICY.max_output_tokens)
    assert plan.items == (item(),)
    assert [one.path for one in plan.shared] == ["lib/shared.py"]


def test_a_secret_in_the_context_is_taken_out_and_counted() -> None:
    plan = planned(items=(item(f"token = '{TOKEN}'"),))
    assert TOKEN not in plan.prompt.text
    assert plan.redacted == 1
    assert planned().redacted == 0


def test_a_small_model_gets_a_form_with_the_paths_and_lines_of_its_unit_alone() -> None:
    plan = planned(models=ScriptedModels(candidates=lambda _tier: SMALL))
    assert plan.prompt.schema != schema_for(POLICY.max_output_tokens)
    assert plan.prompt.max_output_tokens == SMALL_OUTPUT
    row = plan.prompt.schema["properties"]["findings"]["items"]["properties"]
    assert row["path"]["enum"] == ["shop/cart.py"]
    assert row["line"]["enum"] == [4, 5]
    assert plan.prompt.schema["properties"]["findings"]["maxItems"] == SMALL_FINDINGS == 1
    assert plan.prompt.system != planned().prompt.system
    assert (SMALL_TEXT, SMALL_LINES) == (80, 40)


def test_a_unit_has_the_context_that_its_diff_deserves_less_what_it_shares_with_others() -> None:
    prepared = prepared_of()
    unit = prepared.units[0]
    diff = sum(count_tokens(line.text) + 1 for line in unit.hunks[0].lines)
    whole = proportional_budget(diff, ceiling=POLICY.context_tokens)
    shared = (item(tokens=50), item(tokens=30), item(kind=ContextKind.GUIDELINE, tokens=1000))
    for given, budget in [((), whole), (shared, whole - 80), ((item(tokens=whole + 1),), 0)]:
        gatherer = Gatherer()
        plan_unit(route_unit(unit, prepared, POLICY), prepared, gatherer, given, context_of())  # type: ignore[arg-type]
        assert gatherer.budgets == [budget]


def test_a_long_diff_deserves_more_context_up_to_the_most_of_the_policy() -> None:
    lines = "".join(f"+value_{number} = compute({number}, {number})\n" for number in range(4000))
    prepared = prepared_of(f"--- a/a.py\n+++ b/a.py\n@@ -0,0 +1,4000 @@\n{lines}")
    unit = prepared.units[0]
    diff = sum(count_tokens(line.text) + 1 for line in unit.hunks[0].lines)
    budgets = []
    for most in (6000, 300):
        gatherer = Gatherer()
        plan_unit(
            route_unit(unit, prepared, POLICY),
            prepared,
            gatherer,
            (),
            context_of(policy=replace(POLICY, context_tokens=most)),
        )  # type: ignore[arg-type]
        budgets += gatherer.budgets
    assert budgets == [proportional_budget(diff, ceiling=6000), 300]
    assert budgets[0] > 300


def test_a_bare_diff_has_no_context() -> None:
    prepared = prepared_of()
    plan = plan_unit(route_unit(prepared.units[0], prepared, POLICY), prepared, None, (), context_of())
    assert (plan.items, plan.shared) == ((), ())


# --- the name of the result ----------------------------------------------------------------------------------


def test_the_same_plan_has_the_same_name() -> None:
    assert planned(items=(item(),)).key == planned(items=(item(),)).key
    assert len(planned().key) == 64


@pytest.mark.parametrize(
    "fields",
    [
        {"diff": edit("a.py")},
        {"items": (item("def other(): ..."),)},
        {"items": (item(path="lib/other.py"),)},
        {"items": ()},
        {"shared": (item("def shared(): ..."),)},
        {"policy": replace(POLICY, lookups=POLICY.lookups + 1)},
        {"strategy": Strategy.FRONTIER},
        {"models": ScriptedModels(candidates=lambda _tier: replace(SMALL, context_window=100_000))},
        {"models": ScriptedModels(candidates=lambda _tier: SMALL)},
    ],
)
def test_another_unit_context_tier_model_or_policy_is_another_result(fields: dict[str, Any]) -> None:
    assert planned(**{"items": (item(),), **fields}).key != planned(items=(item(),)).key


def test_the_name_is_made_of_these_parts_in_this_form_so_that_stored_answers_are_found_again() -> None:
    plan = planned(items=(item(),), shared=(item("def shared(): ...", path="lib/shared.py"),))
    parts = {
        "unit": plan.unit.identity,
        "context": [["lib/shared.py", "def shared(): ..."], ["lib/helper.py", "def helper(): ..."]],
        "around": [["shop/cart.py", []]],
        "prompt": plan.prompt.version,
        "tier": plan.route.tier.label,
        "model": plan.route.model,
        "lookups": POLICY.lookups,
    }
    assert plan.key == hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def test_the_lines_around_a_hunk_are_part_of_the_name_and_of_what_was_seen() -> None:
    prepared = prepared_of()
    lines = Surroundings({"shop/cart.py": ((1, 9),)}, {"shop/cart.py": [f"line {number}" for number in range(9)]})
    routed = route_unit(prepared.units[0], prepared, POLICY)
    plan = plan_unit(routed, prepared, Gatherer(lines=lines), (), context_of())  # type: ignore[arg-type]
    assert plan.key != planned().key
    own = {line.new_no for line in plan.unit.hunks[0].lines}
    seen = {number for one in plan.seen for number in range(one.start_line, one.end_line + 1)}
    assert seen == set(range(1, 10)) - own
    assert {one.kind for one in plan.seen} == {ContextKind.SURROUNDINGS}


def test_context_that_only_moved_is_the_same_result() -> None:
    assert planned(items=(item(start_line=5, end_line=5),)).key == planned(items=(item(),)).key


def test_a_diff_that_is_no_unicode_has_a_name_too() -> None:
    assert planned(edit("a.py", "old", "new \udcff")).key


# --- the rest of the change ----------------------------------------------------------------------------------


def unit(name: str, *paths: str) -> Unit:
    text = "".join(f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-old {name}\n+new {name}\n" for path in paths)
    return Unit(name, parse_diff(text).hunks, "a reason")


def of_units(*units: Unit) -> Prepared:
    change = Change("", "", ())
    counts = Counter(path for unit in units for path in unit.paths)
    return Prepared(ReviewRequest(change), Scope((), ()), change, units, units_of_path=counts)


def test_the_rest_of_a_change_is_named_own_files_first_then_those_beside_them() -> None:
    mine = unit("one", "shop/cart.py", "shop/price.py")
    others = (unit("two", "docs/cart.md", "shop/tax.py"), unit("three", "shop/cart.py"))
    assert elsewhere(mine, of_units(mine, *others)) == ("shop/cart.py", "shop/tax.py", "docs/cart.md")


def test_several_own_files_are_named_in_order() -> None:
    mine = unit("one", "shop/b.py", "shop/a.py")
    assert elsewhere(mine, of_units(mine, mine)) == ("shop/a.py", "shop/b.py")


def test_a_change_that_is_one_unit_has_no_rest() -> None:
    mine = unit("one", "shop/cart.py")
    assert elsewhere(mine, of_units(mine)) == ()
    assert elsewhere(mine, of_units()) == ()


def test_the_prompt_names_the_rest_of_the_change() -> None:
    prepared = replace(prepared_of(), units_of_path={"shop/cart.py": 1, "shop/tax.py": 1})
    plan = plan_unit(route_unit(prepared.units[0], prepared, POLICY), prepared, None, (), context_of())
    assert "also changed, reviewed apart: shop/tax.py" in plan.prompt.unit


def capped(most: int) -> Any:
    return context_of(policy=replace(POLICY, context_tokens=most))


# --- the provider's cache ------------------------------------------------------------------------------------


def test_a_question_that_may_be_asked_again_is_worth_a_place_in_the_cache_where_it_is_long_enough() -> None:
    lines = "".join(f"+value_{number} = work({number})\n" for number in range(400))
    long = f"--- a/a.py\n+++ b/a.py\n@@ -0,0 +1,400 @@\n{lines}"
    once = replace(POLICY, lookups=0, second_pass=False)
    assert planned(long).prompt.reusable
    assert not planned(long, policy=once).prompt.reusable
    assert planned(long, policy=replace(once, second_pass=True)).prompt.reusable
    assert not planned().prompt.reusable, "shorter than what the provider of an unknown model may cache"
