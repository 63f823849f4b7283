from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.models.runaway import RunawayGuard, repeated

SCHEMA = {
    "type": "object",
    "properties": {
        "findings": {"type": "array", "items": {"type": "object", "properties": {"title": {}, "body": {}}}},
        "uncertain": {"type": "boolean"},
    },
    "required": ["findings", "uncertain"],
}


def cut(text: str, *, piece: int = 20, schema: Any = SCHEMA, limit: int = 4096) -> tuple[str, int]:
    """The reason of the cut and how much of the text was read."""
    guard = RunawayGuard(max_output_tokens=limit, schema=schema)
    for start in range(0, len(text), piece):
        if reason := guard.feed(text[start : start + piece]):
            return reason, start + piece
    return "", len(text)


ANSWER = json.dumps(
    {
        "findings": [
            {
                "title": f"Finding {number}: the {word} of the request is not checked",
                "body": "Because " * 3 + word,
                "suggestion": "    " * 8 + "if x:\n" + "#" * 120 + "\n" + "-" * 200,
                "line": number,
            }
            for number, word in enumerate(["length", "type", "origin", "signature", "age", "sender"] * 4)
        ],
        "uncertain": False,
    },
    indent=2,
)


@pytest.mark.parametrize(
    "text",
    [
        ANSWER,
        f"```json\n{ANSWER}\n```\n",
        f"Here is my review:\n\n{ANSWER}",
        f"<think>{'Let me look at this {closely}. ' * 20}</think>\n{ANSWER}",
        '{"uncertain": true, "findings": []}',
        json.dumps({"name": "review", "arguments": json.loads(ANSWER)}),
        json.dumps({"name": "review", "arguments": ANSWER}),
        json.dumps({"thoughts": "First the request, then its length. " * 40, **json.loads(ANSWER)}),
        json.dumps(json.loads(ANSWER)["findings"]),
        "The change does three things. " + " ".join(f"Point {number}." for number in range(300)) + ANSWER,
        f"<thought>{' '.join(f'step {number} of {{many}}' for number in range(1500))}</thought>{ANSWER}",
        f"<|channel|>analysis<|message|>{' '.join(f'word{number}' for number in range(2000))}<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{ANSWER}",
        json.dumps({"findings": [{"title": "A table", "body": "-" * 2900 + " " * 900}], "uncertain": False}),
        ANSWER + " ".join(f"And {number}." for number in range(200)),
        " ".join(f"I see {number}." for number in range(900)) + f"</think>{ANSWER}",
    ],
    ids=[
        *("plain", "fenced", "after prose", "after thinking", "other order", "tool call", "tool call, twice"),
        *("a property of its own first", "a bare list", "long prose", "long thinking", "harmony", "a long rule"),
        *("a remark after it", "thinking without its opening tag"),
    ],
)
def test_an_answer_that_will_do_is_left_alone(text: str) -> None:
    assert cut(text) == ("", len(text))


def test_a_block_said_again_and_again_is_cut_long_before_the_limit() -> None:
    reason, read = cut('{"findings": [' + '{"title": "the same"},' * 2000)
    assert "repeated" in reason
    assert read < 4400


def test_endless_white_space_is_cut() -> None:
    reason, read = cut('{"findings": [' + " \n\t" * 2000)
    assert "blank" in reason
    assert read < 1400


def test_prose_where_json_was_asked_is_cut() -> None:
    words = " ".join(f"word{number}" for number in range(2000))
    reason, read = cut(words)
    assert "no part of the answer" in reason
    # The room of 4,096 tokens.
    assert read < 4 * 4096 + 300
    assert cut(words, limit=512)[1] < 4 * 512 + 300


def test_an_object_with_none_of_the_answer_s_properties_is_cut_before_it_fills_the_room() -> None:
    reason, read = cut('{"thoughts": "' + " ".join(f"thought {number}" for number in range(3000)))
    assert "no part of the answer" in reason
    assert read < 4 * 4096 + 300


def test_talking_on_after_the_answer_is_cut() -> None:
    chatter = " ".join(f"And {number} more things." for number in range(1000))
    reason, read = cut(ANSWER + chatter)
    assert "after the end" in reason
    assert read < len(ANSWER) + 2200


def test_braces_in_strings_do_not_end_the_answer() -> None:
    text = '{"findings": ["}}]] \\" }"' + ', "}"' * 10 + "]}"
    assert cut(text)[0] == ""


def test_free_text_is_only_watched_for_length_and_repetition() -> None:
    assert cut("words, " + " ".join(map(str, range(2000))), schema={})[0] == ""
    assert "repeated" in cut("again " * 1000, schema={})[0]


def test_more_characters_than_the_limit_can_hold_are_cut() -> None:
    assert "longer than" in cut(ANSWER, limit=10)[0]


@given(st.text('ab{}" ,', min_size=1, max_size=40), st.integers(4, 9))
def test_a_repeated_block_is_found_with_its_period(block: str, times: int) -> None:
    period = repeated(block * times)
    assert period
    assert len(block) % period == 0 or period <= len(block)
    assert (block * times)[period:] == (block * times)[:-period]


@given(st.text(max_size=300))
def test_a_period_is_only_reported_for_what_really_repeats(text: str) -> None:
    period = repeated(text)
    if period:
        assert len(text) >= 4 * period
        assert all(text[index] == text[index % period] for index in range(len(text)))
