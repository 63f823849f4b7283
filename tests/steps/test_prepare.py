"""What is decided before anything is planned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.words import Tier
from reviewer.context.tokens import count_tokens
from reviewer.models.model import Candidate
from reviewer.prompts.build import system_text
from reviewer.steps import prepare as module
from reviewer.steps.changed_parts import changed_parts
from reviewer.steps.prepare import MIN_UNIT_TOKENS, prepare, unit_room
from reviewer.steps.request import ReviewRequest
from reviewer.steps.scope import Scope
from tests.findings.builders import DIFF
from tests.steps.parts import POLICY, SMALL, ScriptedModels, candidate, change, context_of, edit, prepared_of

# What the instructions cost a model of a vendor whose tokens nobody can count, and a small local one.
FULL = count_tokens(system_text(), family="")
SHORT = count_tokens(system_text(small=True), family=SMALL.model)
TOKEN = "gh" + "p_" + "a1B2" * 9
PASSWORDS = edit("auth/login.py", "check_password(user)", "return user.password == password")


def test_only_files_in_scope_are_prepared_and_their_secrets_are_taken_out() -> None:
    changed = change(edit("a.py", "old", f"token = '{TOKEN}'") + edit("out.py"))
    request = ReviewRequest(changed)
    prepared = prepare(request, Scope(changed.files[:1], ()), context_of())
    assert [file.path for file in prepared.change.files] == ["a.py"]
    assert TOKEN not in repr(prepared.change)
    assert prepared.redacted == 1
    assert prepared.request is request
    assert [unit.paths for unit in prepared.units] == [("a.py",)]


def test_the_riskiest_unit_comes_first_and_what_is_over_the_most_is_left_over() -> None:
    policy = replace(POLICY, max_units=1)
    prepared = prepared_of(edit("docs/a.md") + PASSWORDS, context_of(policy=policy))
    assert [unit.paths for unit in prepared.units] == [("auth/login.py",)]
    assert [unit.paths for unit in prepared.left_over] == [("docs/a.md",)]
    assert prepared.units_of_path == {"auth/login.py": 1, "docs/a.md": 1}


def test_in_a_huge_change_the_file_is_judged_instead_of_each_hunk(monkeypatch: pytest.MonkeyPatch) -> None:
    harmless = "@@ -1 +1 @@\n-one\n+two\n"
    grave = "@@ -50 +50 @@\n-check_password(user)\n+return user.password == password\n"
    diff = f"--- a/a.py\n+++ b/a.py\n{harmless}{grave}"
    calls: list[int] = []
    judge = module.likelihood
    monkeypatch.setattr(module, "likelihood", lambda parts, rules: calls.append(len(parts)) or judge(parts, rules))
    prepared_of(diff)
    judged_alone = len(calls)
    monkeypatch.setattr(module, "HUNKS_JUDGED_ALONE", 1)
    calls.clear()
    prepared_of(diff)
    assert len(calls) == 1 < judged_alone
    monkeypatch.setattr(module, "HUNKS_JUDGED_ALONE", 2)
    calls.clear()
    prepared_of(diff)
    assert len(calls) == judged_alone


def test_a_change_is_huge_from_many_more_hunks_than_people_read() -> None:
    assert module.HUNKS_JUDGED_ALONE == 1500


@pytest.mark.parametrize(
    ("models", "room"),
    [
        (ScriptedModels(usable=False), 6000),
        (ScriptedModels(), 6000),
        (ScriptedModels(candidates=lambda _tier: candidate(context_window=12_096)), (8_000 - FULL) // 2),
        (ScriptedModels(candidates=lambda _tier: SMALL), (8_192 - 200 - SHORT) // 2),
        (ScriptedModels(candidates=lambda _tier: candidate(context_window=100)), MIN_UNIT_TOKENS),
        (ScriptedModels(candidates=lambda tier: SMALL if tier is Tier.FREE else None), (8_192 - 200 - SHORT) // 2),
    ],
)
def test_a_unit_fits_twice_into_the_smallest_window_beside_its_answer_and_instructions(
    models: ScriptedModels, room: int
) -> None:
    policy = replace(POLICY, unit_tokens=6000, max_output_tokens=4096)
    assert unit_room(policy, models) == room  # type: ignore[arg-type]


def test_units_are_cut_to_that_room() -> None:
    def narrow(_tier: Tier) -> Candidate:
        return candidate(context_window=100)

    lines = "".join(f"+value_{number} = {number}\n" for number in range(120))
    diff = f"--- a/a.py\n+++ b/a.py\n@@ -0,0 +1,120 @@\n{lines}"
    assert len(prepared_of(diff, context_of(ScriptedModels(candidates=narrow))).units) > 1
    assert len(prepared_of(diff).units) == 1
    assert MIN_UNIT_TOKENS == 200


def test_a_path_in_several_units_is_counted_in_each() -> None:
    lines = "".join(f"+value_{number} = {number}\n" for number in range(120))
    diff = f"--- a/a.py\n+++ b/a.py\n@@ -0,0 +1,120 @@\n{lines}"
    prepared = prepared_of(diff, context_of(policy=replace(POLICY, unit_tokens=300)))
    assert prepared.units_of_path == {"a.py": len(prepared.units)}


def test_the_parts_of_a_unit_are_its_added_and_removed_lines_by_path() -> None:
    hunks = (*change(DIFF + edit("a.py", "gone", "come")).hunks, *change(edit("a.py", "left", "right")).hunks)
    parts = {part.path: part for part in changed_parts(hunks)}
    assert list(parts) == ["shop/cart.py", "a.py"]
    assert parts["a.py"].added == ("come", "right")
    assert parts["a.py"].removed == ("gone", "left")
