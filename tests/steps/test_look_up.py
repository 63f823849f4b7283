"""What a model asks to see before it answers."""

from __future__ import annotations

from dataclasses import replace

from reviewer.context.lookup_request import LookupRequest
from reviewer.findings.parse import Parsed
from reviewer.models.model import Stage
from reviewer.steps.look_up import look_ups_at, wants_look_up
from reviewer.steps.unit_state import UnitState
from tests.steps.parts import HEAD, POLICY, plan_of

FILE = LookupRequest("file", "", "shop/price.py", 1, 2)


def test_lines_of_the_head_are_shown() -> None:
    (item,) = look_ups_at(HEAD)([FILE])
    assert "return row.price or 0" in item.text


def test_each_unit_has_look_ups_of_its_own() -> None:
    first, second = look_ups_at(HEAD), look_ups_at(HEAD)
    assert first([FILE]) == second([FILE])


def test_nothing_is_shown_without_a_commit() -> None:
    assert look_ups_at(None)([FILE]) == ()


def test_an_answer_may_ask_as_often_as_policy_allows_in_the_answer_to_a_look_up_too() -> None:
    policy, asks = replace(POLICY, lookups=2), Parsed(lookups=(FILE,))
    state = UnitState.of(plan_of())
    assert wants_look_up(asks, state, policy)
    assert not wants_look_up(Parsed(), state, policy)
    state.lookup_rounds = 1
    assert wants_look_up(asks, state, policy)
    state.stage = Stage.LOOKUP
    assert wants_look_up(asks, state, policy)
    state.stage, state.lookup_rounds = Stage.REPAIR, 2
    assert not wants_look_up(asks, state, policy)
