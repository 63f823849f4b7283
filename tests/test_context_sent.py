"""What counts as standing in a prompt that is sent."""

from __future__ import annotations

from bench.context_sent import Sent, lines_sent
from reviewer.context.surroundings import Surroundings
from tests.steps.parts import plan_of, unit_of
from tests.steps.test_plan import item


def test_the_lines_of_snippets_and_of_the_functions_around_a_change_are_sent() -> None:
    around = Surroundings({"shop/cart.py": ((1, 9),)}, {"shop/cart.py": ["x"] * 9})
    plan = plan_of(unit_of(), around=around, items=(item(start_line=3, end_line=5),), shared=(item(path="s.py"),))
    shown = lines_sent([plan])
    assert shown["lib/helper.py"] == {3, 4, 5}
    assert shown["s.py"] == {1}
    own = {line.new_no for line in plan.unit.hunks[0].lines}
    assert shown["shop/cart.py"] == set(range(1, 10)) - own


def test_the_report_has_an_aim_beside_each_share() -> None:
    sent = Sent(prompts=300, diff=100, units=2, rows=1)
    sent.cases["a/b"], sent.hits["a/b"] = 4, 3
    figures = sent.report("needed")
    assert figures["needed_in_prompts_sent"] == 0.75
    assert figures["aim_needed_in_prompts_sent"] == ">= 0.80"
    assert figures["needed_prompt_over_diff_in_scope"] == 3.0
