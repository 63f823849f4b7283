"""What follows a refusal: another way to ask each time, the plainest one at last, and no way twice."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reviewer.models.error_body import ErrorBody, parse_error
from reviewer.models.manner import OPTIONAL, Manner, named_fields, next_manner

MODES = ("schema", "tool", "json", "prompt")
WORDS = (
    *sorted(OPTIONAL),
    "response_format",
    "tools",
    "json_object",
    "system",
    "max_completion_tokens",
    "max_tokens=300",
)
BODY: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
    "max_tokens": 4096,
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.2,
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": True}},
}


@given(st.lists(st.frozensets(st.sampled_from(WORDS), min_size=1), max_size=30), st.booleans())
def test_a_manner_never_comes_back_and_ends_in_the_prompt(refusals: list[frozenset[str]], last: bool) -> None:
    manner, seen = Manner("schema"), {Manner("schema")}
    for number, named in enumerate(refusals, start=1):
        changed = next_manner(manner, named, MODES, last=last and number == len(refusals))
        if changed is None:
            continue
        assert changed not in seen
        assert MODES.index(changed.mode) >= MODES.index(manner.mode)
        assert manner.without <= changed.without
        if last and number == len(refusals):
            assert changed.mode == "prompt"
            assert changed.without >= OPTIONAL - {"stream"}
        seen.add(changed)
        manner = changed


@given(st.text(max_size=300))
def test_only_what_a_request_holds_is_named(text: str) -> None:
    named = named_fields(ErrorBody(text), {"model": "m", "messages": [], "stream": True})
    assert named <= {"stream"}


def test_a_field_is_named_as_a_word_and_by_the_error_s_own_parameter() -> None:
    assert named_fields(ErrorBody("streaming is upstream"), BODY) == frozenset()
    assert named_fields(ErrorBody("no", field="stream_options.include_usage"), BODY) == {"stream_options"}
    assert named_fields(ErrorBody("'temperature' must be 1"), BODY) == {"temperature"}
    assert named_fields(ErrorBody("the model m has no messages"), BODY) == frozenset()


def test_the_output_limit_gets_its_other_name_or_a_lower_value_and_is_never_left_out() -> None:
    assert named_fields(ErrorBody("max_tokens is not supported"), BODY) == {"max_completion_tokens"}
    assert named_fields(ErrorBody("max_tokens: 4096 > 1024, the maximum"), BODY) == {"max_tokens=1024"}
    assert named_fields(ErrorBody("max_tokens must be positive"), BODY) == frozenset()


KEYS = st.sampled_from(
    [
        "error",
        "message",
        "detail",
        "code",
        "type",
        "param",
        "details",
        "metadata",
        "raw",
        "loc",
        "msg",
        "retryDelay",
    ]
)
ERRORS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
)


@given(ERRORS)
def test_any_error_body_is_read(value: Any) -> None:
    found = parse_error(json.dumps(value))
    assert isinstance(found.text, str)
    assert found.retry_after is None or found.retry_after >= 0
    assert found.status == 0 or 400 <= found.status <= 599
