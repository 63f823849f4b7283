"""Answers that were paid for: written, read, and held against the unit as it is now."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.words import Check, Severity, Tier
from reviewer.context.lookup_request import LookupRequest
from reviewer.models.model import Stage
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.cache import StoredAnswer, read_stored, reuse_stored, store_answer, write_stored
from tests.findings.builders import answer, finding, stated
from tests.steps.parts import POLICY, ScriptedModels, Store, checks_of, context_of, plan_of

FILE = LookupRequest("file", "", "shop/price.py", 1, 2)
PLAN = plan_of()


def stored(text: str, **fields: object) -> Store:
    kept = UnitAnswer(PLAN, Tier.BALANCED, model="a-model", text=text, **fields)  # type: ignore[arg-type]
    return Store({PLAN.key: write_stored(kept)})


@given(st.text(), st.sampled_from(Tier), st.text(), st.lists(st.builds(LookupRequest, st.text(), st.text())))
def test_what_was_written_is_read(text: str, tier: Tier, model: str, lookups: list[LookupRequest]) -> None:
    written = write_stored(UnitAnswer(PLAN, tier, model=model, text=text, lookups=tuple(lookups)))
    assert read_stored(written) == StoredAnswer(model, tier, tuple(lookups), text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON\n{}",
        "[]\n{}",
        '{"by": "m", "tier": "best", "lookups": []}\n{}',
        '{"by": "m", "tier": "free"}\n{}',
        '{"by": "m", "tier": "free", "lookups": [1]}\n{}',
        '{"by": "m", "tier": "free", "lookups": [{"kind": "file"}]}\n{}',
    ],
)
def test_what_something_else_wrote_is_not_read(text: str) -> None:
    assert read_stored(text) is None


def test_a_look_up_that_has_more_to_say_than_we_know_is_read_without_it() -> None:
    row = {"kind": "file", "name": "", "path": "a.py", "newer": True}
    read = read_stored(json.dumps({"by": "m", "tier": "free", "lookups": [row]}) + "\ntext")
    assert read == StoredAnswer("m", Tier.FREE, (LookupRequest("file", "", "a.py"),), "text")


def test_a_stored_answer_is_read_against_the_unit_and_costs_nothing() -> None:
    store = stored(answer(stated()), lookups=(FILE,))
    again = reuse_stored(PLAN, checks_of(), context_of(store=store))
    assert again is not None
    assert [found.title for found in again.findings] == ["Count may be missing"]
    assert again.findings[0].source == "model:a-model"
    assert (again.plan, again.tier, again.model, again.from_store) == (PLAN, Tier.BALANCED, "a-model", True)
    assert (again.text, again.calls, again.problem) == (answer(stated()), (), "")
    assert again.lookups == (FILE,)
    assert "return row.price" in again.looked_up[0].text


def test_what_a_stored_answer_could_not_place_is_on_record_again() -> None:
    store = stored(answer(stated(quote="this line is nowhere in the diff at all", line=0)))
    again = reuse_stored(PLAN, checks_of(), context_of(store=store))
    assert again is not None
    assert again.rejected[0].reason.startswith(f"{Check.QUOTE.value}:")
    assert again.looked_up == ()


def test_a_stored_answer_that_asks_to_look_up_is_not_asked_to_answer_again() -> None:
    asks = {"kind": "file", "name": "", "path": "shop/price.py", "start_line": 1, "end_line": 2}
    store = stored(answer(stated(), lookups=[asks]))
    again = reuse_stored(PLAN, checks_of(), context_of(store=store))
    assert again is not None
    assert len(again.findings) == 1


@pytest.mark.parametrize("store", [None, Store(), Store({PLAN.key: "something else"}), stored("no JSON")])
def test_a_unit_is_asked_about_where_the_store_holds_nothing_usable(store: Store | None) -> None:
    assert reuse_stored(PLAN, checks_of(), context_of(store=store)) is None


def test_a_stored_answer_that_passes_over_new_evidence_still_stands_for_what_it_says() -> None:
    grave = finding("Grave", source="ruff:S1", severity=Severity.HIGH)
    assert reuse_stored(PLAN, checks_of(grave), context_of(store=stored(answer()))) is not None


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"model": "m", "text": "{}"}, True),
        ({"model": "", "text": "{}"}, False),
        ({"model": "m", "text": "{}", "problem": "its answer was cut off"}, False),
    ],
)
def test_only_what_a_model_said_about_the_whole_unit_is_kept(fields: dict[str, str], kept: bool) -> None:
    store = Store()
    store_answer(UnitAnswer(PLAN, Tier.EFFICIENT, **fields), context_of(store=store))
    assert (PLAN.key in store) is kept


def test_a_weaker_models_answer_in_place_of_the_planned_one_is_not_kept() -> None:
    store = Store()
    store_answer(UnitAnswer(PLAN, Tier.FREE, model="m", text="{}"), context_of(store=store))
    assert store == {}


def test_a_stored_second_pass_is_read_again_and_a_missing_one_is_asked_for_alone() -> None:
    store = stored(answer(stated()))
    models = ScriptedModels([answer(stated(title="Another", quote="        log(row)", line=5))])
    context = context_of(models, replace(POLICY, second_pass=True), store=store)
    asked = reuse_stored(PLAN, checks_of(), context)
    again = reuse_stored(PLAN, checks_of(), context)
    assert asked is not None
    assert again is not None
    assert [question.stage for question in models.questions] == [Stage.SECOND_PASS]
    assert len(asked.calls) == 1
    assert again.calls == ()
    for both in (asked, again):
        assert [found.title for found in both.findings] == ["Count may be missing", "Another"]
        assert both.findings[1].source.endswith(", second pass")


def test_an_answer_is_not_kept_where_there_is_no_store() -> None:
    store_answer(UnitAnswer(PLAN, Tier.FREE, model="m"), context_of(store=None))
