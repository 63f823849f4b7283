"""The plans of a review, one after the other, with what they share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reviewer.context.gather import proportional_budget
from reviewer.context.guidelines import guideline_budget
from reviewer.context.model import ContextItem, ContextKind
from reviewer.context.surroundings import NOTHING_AROUND, Surroundings
from reviewer.context.tokens import count_tokens
from reviewer.steps.plan_units import LEAST_FOR_GUIDELINES, UNITS_THAT_SHARE, gatherer_of, plan_units
from reviewer.steps.prepare import Prepared
from tests.steps.parts import POLICY, context_of, edit, prepared_of

TEXT = "value = compute(one, two, three) + another(four)"


def item(name: str, kind: ContextKind = ContextKind.DEFINITION) -> ContextItem:
    return ContextItem(kind=kind, path=f"{name}.py", start_line=1, end_line=1, text=name, reason="r", tokens=3)


class Gatherer:
    """Notes what it is asked for, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def plan(self, units: Any) -> None:
        self.asked.append(("plan", units))

    def guidelines(self, budget: int) -> tuple[ContextItem, ...]:
        self.asked.append(("guidelines", budget))
        return (item("guideline", ContextKind.GUIDELINE),)

    def shared_items(self, budget: int) -> tuple[ContextItem, ...]:
        self.asked.append(("shared", budget))
        return (item("shared"),)

    def around(self, unit: Any, *, budget: int) -> Surroundings:
        self.asked.append(("around", unit.paths))
        return NOTHING_AROUND

    def for_unit(self, unit: Any, *, budget: int, around: Surroundings = NOTHING_AROUND) -> tuple[ContextItem, ...]:
        self.asked.append(("unit", unit.paths))
        return ()


def of_units(count: int, lines: int = 1) -> Prepared:
    added = "".join(f"+{TEXT}\n" for _ in range(lines))
    whole = context_of(policy=replace(POLICY, unit_tokens=100_000))
    parts = [
        prepared_of(f"--- a/p{n}/m.py\n+++ b/p{n}/m.py\n@@ -0,0 +1,{lines} @@\n{added}", whole)
        for n in range(count)
    ]
    return replace(parts[0], units=tuple(part.units[0] for part in parts)) if parts else no_units()


def no_units() -> Prepared:
    return replace(prepared_of(edit("a.py")), units=())


def test_what_units_share_is_looked_for_after_the_first_and_stands_before_all_others() -> None:
    gatherer, prepared = Gatherer(), of_units(3)
    plans = plan_units(prepared, gatherer, context_of())  # type: ignore[arg-type]
    first = next(plans)
    assert [name for name, _ in gatherer.asked] == ["plan", "guidelines", "around", "unit"]
    assert gatherer.asked[0] == ("plan", prepared.units)
    rest = list(plans)
    assert [name for name, _ in gatherer.asked[4:]] == ["shared", "around", "unit", "around", "unit"]
    assert [one.path for one in first.shared] == ["guideline.py"]
    assert [[one.path for one in plan.shared] for plan in rest] == [["guideline.py", "shared.py"]] * 2
    assert [plan.unit for plan in (first, *rest)] == list(prepared.units)


def test_few_units_share_only_the_guidelines() -> None:
    gatherer = Gatherer()
    plans = list(plan_units(of_units(2), gatherer, context_of()))  # type: ignore[arg-type]
    assert UNITS_THAT_SHARE == 3
    assert [[one.path for one in plan.shared] for plan in plans] == [["guideline.py"]] * 2


def test_without_a_gatherer_units_are_planned_without_context() -> None:
    plans = list(plan_units(of_units(3), None, context_of()))
    assert [(plan.shared, plan.items) for plan in plans] == [((), ())] * 3


@pytest.mark.parametrize(("units", "lines"), [(3, 1), (3, 200), (4, 400)])
def test_what_is_shared_may_cost_half_of_an_average_units_context(units: int, lines: int) -> None:
    gatherer = Gatherer()
    context = context_of(policy=replace(POLICY, context_tokens=700))
    list(plan_units(of_units(units, lines), gatherer, context))  # type: ignore[arg-type]
    tokens = (count_tokens(TEXT) + 1) * lines
    assert ("shared", proportional_budget(tokens, ceiling=700) // 2) in gatherer.asked


@pytest.mark.parametrize("lines", [1, 400, 1000])
def test_guidelines_have_room_by_the_size_of_an_average_unit(lines: int) -> None:
    gatherer = Gatherer()
    list(plan_units(of_units(2, lines), gatherer, context_of()))  # type: ignore[arg-type]
    context = proportional_budget(len(TEXT) * lines // 4, ceiling=POLICY.context_tokens, least=LEAST_FOR_GUIDELINES)
    assert ("guidelines", guideline_budget(context)) in gatherer.asked


def test_a_change_without_units_has_no_plans() -> None:
    gatherer = Gatherer()
    assert list(plan_units(no_units(), gatherer, context_of())) == []  # type: ignore[arg-type]


def test_context_is_gathered_where_there_is_a_commit_to_read() -> None:
    assert gatherer_of(prepared_of(), context_of(head=None)) is None
    assert gatherer_of(prepared_of(), context_of()) is not None
