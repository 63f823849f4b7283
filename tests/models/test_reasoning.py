"""Reasoning is taken off before an answer is read; a draft inside it is never the answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.models.reasoning import without_reasoning
from reviewer.models.whole import begins_whole, unwrapped, whole_answer

SCHEMA = {
    "type": "object",
    "properties": {"findings": {"type": "array"}, "uncertain": {"type": "boolean"}},
    "required": ["findings", "uncertain"],
}
DRAFT = '{"findings": [], "uncertain": false}'
ANSWER = json.dumps({"findings": [{"title": "</think> is shown", "quote": "<think>"}], "uncertain": True})
TAGS = [
    ("<think>", "</think>"),
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),
    ("<Thinking>", "</Thinking>"),
]
HARMONY = ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>")


@given(
    st.sampled_from([*TAGS, ("", "</think>"), HARMONY]),
    st.lists(st.sampled_from(["Hm, ", DRAFT, "{", "}", '"', "\n", "is it [x]? "]), max_size=12).map("".join),
    st.sampled_from(["", "\n", "```json\n", "Here it is:\n"]),
)
def test_what_follows_the_reasoning_is_the_answer(tags: tuple[str, str], thoughts: str, lead: str) -> None:
    # Without its opening tag, reasoning that begins like an answer cannot be told from one.
    if not tags[0]:
        thoughts = "So: " + thoughts
    found = without_reasoning(f"{tags[0]}{thoughts}{tags[1]}{lead}{ANSWER}")
    assert found == lead + ANSWER


@given(st.sampled_from([*(tag for tag, _ in TAGS), HARMONY[0]]), st.text(max_size=50))
def test_reasoning_that_never_ends_has_no_answer(opening: str, thoughts: str) -> None:
    if "<|" not in thoughts and "</" not in thoughts and "[/" not in thoughts:
        assert without_reasoning(f"{opening}{thoughts}{DRAFT}") == ""


@given(st.text(max_size=200))
def test_a_text_without_tags_is_left_as_it_is(text: str) -> None:
    if not set(text) & set("<[◁") and not text.lstrip().startswith("analysis"):
        assert without_reasoning(text) == text


@pytest.mark.parametrize("text", [ANSWER, f"Well: {ANSWER}", ANSWER[:40], f"```json\n{ANSWER}\n```"])
def test_tags_inside_the_answer_are_part_of_it(text: str) -> None:
    assert without_reasoning(text) == text


@given(st.integers(1, len(ANSWER) - 1))
def test_a_part_of_an_answer_is_never_whole(size: int) -> None:
    assert whole_answer(ANSWER[:size], SCHEMA) == ""
    assert begins_whole(ANSWER[:size], SCHEMA) == ""


def test_a_whole_answer_is_one_object_with_all_that_is_required() -> None:
    assert whole_answer(f" ```json\n{ANSWER}\n``` ", SCHEMA) == ANSWER
    assert begins_whole(f"{ANSWER} and more {DRAFT}", SCHEMA) == ANSWER
    for text in ("[]", "{}", '{"findings": []}', f"{ANSWER} and more", f"Well, {ANSWER}", "3", ""):
        assert whole_answer(text, SCHEMA) == ""


@pytest.mark.parametrize(
    "text",
    [
        f'{{"name": "review", "arguments": {ANSWER}}}',
        json.dumps({"name": "review", "arguments": ANSWER}),
        f"<tool_call>{json.dumps({'name': 'review', 'arguments': json.loads(ANSWER)})}</tool_call>",
        f"[{ANSWER}]",
        json.dumps({"review": {"answer": json.loads(ANSWER)}}),
        json.dumps({**json.loads(ANSWER), "findings": json.dumps(json.loads(ANSWER)["findings"])}),
    ],
)
def test_an_answer_in_a_wrapping_is_unwrapped(text: str) -> None:
    assert json.loads(unwrapped(text, SCHEMA)) == json.loads(ANSWER)


@pytest.mark.parametrize(
    "text",
    [
        ANSWER,
        json.dumps({"a": json.loads(ANSWER), "b": json.loads(DRAFT)}),
        f"{ANSWER}{DRAFT}",
        json.dumps({"findings": []}),
        '{"findings": "none", "uncertain": false}',
        "no JSON",
    ],
    ids=["none", "two answers inside", "two answers", "half of it", "no list", "prose"],
)
def test_nothing_else_is_changed(text: str) -> None:
    assert unwrapped(text, SCHEMA) == text


@pytest.mark.parametrize(
    "text",
    [
        "<think></think>" * 60_000,
        "</think>" * 120_000,
        "<think>" * 140_000,
        json.dumps({"findings": ["</think>" * 120_000], "uncertain": False}),
        "So: " + '{"' * 500_000 + "</think>",
        "<|channel|>final " * 60_000,
        "analysis" + "assistant" * 110_000,
    ],
    ids=["pairs", "closing", "opening", "in a string", "braces", "channels", "words"],
)
def test_a_megabyte_of_tags_is_read_in_one_pass(text: str) -> None:
    """A quadratic reading would take minutes and end in the time limit of the suite."""
    without_reasoning(text)
