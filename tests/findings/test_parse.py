import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.load import load_policy
from policies.words import Check, Severity
from reviewer.context.lookup_request import LookupRequest
from reviewer.context.tokens import count_tokens
from reviewer.findings.documents import find_documents
from reviewer.findings.model import Category
from reviewer.findings.parse import MAX_READ, parse_answer
from reviewer.findings.schema import (
    FINDINGS_SCHEMA,
    LEAST_FINDINGS,
    MAX_BODY,
    MAX_FINDINGS,
    findings_that_fit,
    narrowed,
    schema_for,
)
from reviewer.models.schemas import strict_ready
from reviewer.prompts.build import system_text
from tests.findings.builders import answer, stated, unit_of

UNIT = unit_of()


def test_a_right_answer_is_read_whole():
    parsed = parse_answer(answer(stated(suggestion="x = 1", evidence=["a.py:3"])), UNIT)
    (found,) = parsed.findings
    assert parsed.failed is None
    assert (found.path, found.line, found.severity, found.category) == (
        "shop/cart.py",
        4,
        Severity.HIGH,
        Category.DEFECT,
    )
    assert (found.confidence, found.suggestion, found.evidence) == (0.8, "x = 1", ("a.py:3",))


@pytest.mark.parametrize(
    "wrap",
    [
        "```json\n{}\n```",
        "Here is my review of f(x) {{mostly}}:\n\n{}\n\nHope that helps!",
        "<think>{{'a': [1, 2]}}</think>\n{}",
        '<think>{{"a": [1, 2]}}</think>\n{}',
        '<think>Draft: {{"findings": []}}. No.</think>\n{}',
        'The dict {{"a": 1}} is built.\n</think>\n{}',
        '<thought>{{"debug": true}}</thought>{}',
        '[THINK]{{"debug": true}}[/THINK]{}',
        '<|channel|>analysis<|message|>{{"a": 1}}<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>',
        '{{"lookups": [], "findings": [], "uncertain": false}} would be clean, but:\n{}',
        '{}\nNothing else; otherwise {{"findings": []}}.',
        "{{}}\n{}",
        "\ufeff{}",
    ],
)
def test_what_stands_around_the_json_does_not_matter(wrap):
    text = (
        wrap.replace("{{", "\0")
        .replace("}}", "\1")
        .replace("{}", answer(stated()))
        .replace("\0", "{")
        .replace("\1", "}")
    )
    assert len(parse_answer(text, UNIT).findings) == 1


def test_a_comma_too_many_is_forgiven():
    text = answer(stated()).replace('"uncertain": false', '"uncertain": false,').replace("}]", "},]")
    parsed = parse_answer(text, UNIT)
    assert (len(parsed.findings), parsed.failed) == (1, None)


def test_a_bare_list_and_a_single_finding_are_understood():
    assert len(parse_answer(json.dumps([stated(), stated(title="Other")]), UNIT).findings) == 2
    assert len(parse_answer(json.dumps(stated()), UNIT).findings) == 1


def test_an_empty_list_is_an_answer_and_an_empty_text_is_none():
    assert parse_answer(answer(), UNIT).failed is None
    assert parse_answer('{"findings": []}', UNIT).failed is None
    assert parse_answer("  \n", UNIT).failed is Check.SCHEMA


@pytest.mark.parametrize("text", ["I'm sorry, but I can't help with that.", "As an AI, I cannot review this code."])
def test_a_refusal_in_prose_is_called_one(text):
    assert parse_answer(text, UNIT).failed is Check.REFUSED


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("All good!", Check.SCHEMA),
        ('{"result": "fine"}', Check.SCHEMA),
        ('{"findings": null}', Check.SCHEMA),
        ('{"findings": "none"}', Check.SCHEMA),
        ('{"findings": {}}', Check.SCHEMA),
        ('{"findings": [null]}', Check.SCHEMA),
        ('{"findings": [""]}', Check.SCHEMA),
        ('{"findings": [{}]}', Check.SCHEMA),
        ('{"findings": [[]]}', Check.SCHEMA),
        ('{"issues": []}', Check.SCHEMA),
        ('{"files": [{"path": "a.py", "summary": "adds a function"}]}', Check.SCHEMA),
        ('{"lookups": []}', Check.SCHEMA),
        ("[]", Check.SCHEMA),
        ("[[]]", Check.SCHEMA),
        ("[1, 2, 3]", Check.SCHEMA),
        ("null", Check.SCHEMA),
        ('"text"', Check.SCHEMA),
        ("42", Check.SCHEMA),
        ('<think>{"findings": []}</think>', Check.TRUNCATED),
        ('<think>Done: {"findings": []}', Check.TRUNCATED),
        ("[1, 2, 3", Check.TRUNCATED),
        ("{", Check.TRUNCATED),
        ('{"findings": []', Check.TRUNCATED),
        ('{"findings": [], "uncertain": fal', Check.TRUNCATED),
    ],
)
def test_what_is_no_answer_fails_the_schema_or_is_cut(text, failed):
    parsed = parse_answer(text, UNIT)
    assert (parsed.failed, parsed.findings, parsed.malformed) == (failed, (), ())
    assert parsed.detail


@pytest.mark.parametrize(
    "wrap",
    [
        lambda found: {"name": "review", "arguments": {"findings": [found]}},
        lambda found: {"name": "review", "parameters": json.dumps({"findings": [found]})},
        lambda found: {"review": {"findings": [found]}},
        lambda found: {"type": "object", "properties": {"findings": [found]}},
        lambda found: {"findings": json.dumps([found])},
        lambda found: {"findings": [json.dumps(found)]},
        lambda found: {"findings": {"1": found}},
        lambda found: {"findings": [[found]]},
        lambda found: {"findings": [{"finding": found}]},
        lambda found: {"findings": found},
        lambda found: {"Findings": [found]},
        lambda found: {"findings": [], "issues": [found]},
        lambda found: {"issues": [found]},
        lambda found: json.dumps({"findings": [found]}),
    ],
)
def test_findings_are_read_from_every_shape_that_models_put_them_in(wrap):
    parsed = parse_answer(json.dumps(wrap(stated())), UNIT)
    assert parsed.failed is None
    assert [found.title for found in parsed.findings] == ["Count may be missing"]


def test_what_a_finding_is_called_by_other_names_is_understood():
    item = {
        "file": "shop/cart.py",
        "line_number": 4,
        "code": "found",
        "severity": "high",
        "message": "It may be None",
    }
    (found,) = parse_answer(json.dumps({"findings": [item]}), UNIT).findings
    assert (found.path, found.line, found.quote, found.body) == ("shop/cart.py", 4, "found", "It may be None")


def test_a_walk_through_the_files_beside_the_findings_is_no_finding():
    text = answer(stated(), files=[{"path": "shop/cart.py", "summary": "Counts the rows."}])
    parsed = parse_answer(text, UNIT)
    assert (len(parsed.findings), parsed.malformed, parsed.failed) == (1, (), None)


def test_a_finding_that_is_one_text_keeps_its_place_and_its_words():
    text = "shop/cart.py:4: division by zero (critical)"
    parsed = parse_answer(json.dumps({"findings": [text, "The lock is never released"]}), UNIT)
    (found,) = parsed.findings
    assert (found.path, found.line, found.severity) == ("shop/cart.py", 4, Severity.CRITICAL)
    assert "division by zero" in found.title
    ((other, problem),) = parsed.malformed
    assert (other.title, other.graded) == ("The lock is never released", False)
    assert "severity" in problem


def test_every_finding_counts_also_beyond_what_the_schema_allows():
    many = [stated(title=f"Number {number}") for number in range(MAX_FINDINGS + 10)]
    parsed = parse_answer(answer(*many), UNIT)
    assert (len(parsed.findings), parsed.failed) == (len(many), None)
    endless = [stated(title=f"Number {number}") for number in range(MAX_READ + 1)]
    parsed = parse_answer(answer(*endless), UNIT)
    assert (len(parsed.findings), parsed.failed) == (MAX_READ, Check.SCHEMA)
    assert "201" in parsed.detail


def test_a_member_that_is_named_twice_with_two_values_is_damage():
    text = answer(stated())[:-1] + ', "findings": []}'
    parsed = parse_answer(text, UNIT)
    assert parsed.failed is Check.SCHEMA
    assert len(parsed.findings) == 1


@pytest.mark.parametrize("quoted", ["</think>", "<think>", "[/THINK]", "<|channel|>final<|message|>"])
def test_a_tag_that_an_answer_quotes_ends_no_reasoning(quoted):
    parsed = parse_answer(answer(stated(quote=quoted), stated(title="Second")), UNIT)
    assert (len(parsed.findings), parsed.failed) == (2, None)


def test_what_was_whole_before_a_cut_is_kept_and_the_cut_is_named():
    text = answer(stated(), stated(title="Second"), stated(title="Third"))
    parsed = parse_answer(text[: text.index("Third")], UNIT)
    assert [found.title for found in parsed.findings] == ["Count may be missing", "Second"]
    assert parsed.failed is Check.TRUNCATED


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_cut_invents_a_finding_or_passes_for_whole(data):
    whole = answer(stated(), stated(title='Second "quoted" \\ title'), stated(title="Third {[,]}"))
    cut = data.draw(st.integers(0, len(whole) - 1))
    parsed = parse_answer(whole[:cut], UNIT)
    assert parsed.failed is not None
    titles = ["Count may be missing", 'Second "quoted" \\ title', "Third {[,]}"]
    assert [found.title for found in parsed.findings] == titles[: len(parsed.findings)]


def test_words_of_other_scales_are_translated_and_unknown_ones_named():
    parsed = parse_answer(
        answer(
            stated(severity="Blocker", category="bug"), stated(severity="apocalyptic"), stated(category="vibes")
        ),
        UNIT,
    )
    assert [(found.severity, found.category) for found in parsed.findings] == [
        (Severity.CRITICAL, Category.DEFECT),
        (Severity.HIGH, Category.DEFECT),
    ]
    ((_, problem),) = parsed.malformed
    assert "apocalyptic" in problem


@pytest.mark.parametrize(
    ("given_", "read"),
    [
        (0.7, 0.7),
        ("0.7", 0.7),
        (85, 0.85),
        ("85%", 0.85),
        (2, 1.0),
        (-1, 0.0),
        (9, 0.9),
        ("0,9", 0.9),
        ("high", 0.8),
        ("no idea", 0.5),
        (None, 0.5),
        (1, 1.0),
    ],
)
def test_confidence_is_always_between_nothing_and_one(given_, read):
    (found,) = parse_answer(answer(stated(confidence=given_)), UNIT).findings
    assert found.confidence == pytest.approx(read)


def test_a_finding_without_path_is_about_the_only_file_there_is():
    (found,) = parse_answer(answer(stated(path="")), UNIT).findings
    assert found.path == "shop/cart.py"


@pytest.mark.parametrize(
    ("stated_", "severity"),
    [
        ("critical (CVSS 9.8)", Severity.CRITICAL),
        ("🔴 critical", Severity.CRITICAL),
        ("very high", Severity.HIGH),
        ("High severity", Severity.HIGH),
        ("warn", Severity.MEDIUM),
        ("P1", Severity.HIGH),
        ("low/medium", Severity.MEDIUM),
        ("not critical", None),
        ("5", None),
        (5, None),
        (None, None),
        ("", None),
        (["high"], None),
    ],
)
def test_a_severity_in_other_words_is_graded_and_any_other_is_named(stated_, severity):
    parsed = parse_answer(answer(stated(severity=stated_)), UNIT)
    if severity is not None:
        assert [found.severity for found in parsed.findings] == [severity]
        return
    ((found, problem),) = parsed.malformed
    assert (found.title, found.severity, found.graded) == ("Count may be missing", Severity.HIGH, False)
    assert "severity" in problem


def test_texts_are_bounded():
    (found,) = parse_answer(answer(stated(body="x" * 99_999, suggestion="y" * 99_999)), UNIT).findings
    assert len(found.body) == MAX_BODY
    assert found.suggestion is None


@pytest.mark.parametrize("empty", [None, "", "null", "```suggestion\n```", "```python\n\n```"])
def test_an_empty_suggestion_is_none_and_never_a_deletion(empty):
    (found,) = parse_answer(answer(stated(suggestion=empty)), UNIT).findings
    assert found.suggestion is None


def test_a_suggestion_loses_its_fence():
    (found,) = parse_answer(answer(stated(suggestion="```python\n    x = 1\n```")), UNIT).findings
    assert found.suggestion == "    x = 1"


def test_lookups_are_read_and_nonsense_among_them_left_out():
    asked = [
        {"kind": "definition", "name": "row_count", "path": None, "start_line": None, "end_line": None},
        {"kind": "file", "name": "", "path": "a.py", "start_line": 3, "end_line": "9"},
        {"kind": "shell", "name": "rm -rf /"},
        "definition",
    ]
    parsed = parse_answer(answer(lookups=asked), UNIT)
    assert parsed.lookups == (LookupRequest("definition", "row_count"), LookupRequest("file", "", "a.py", 3, 9))


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=300),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.sampled_from([*FINDINGS_SCHEMA["properties"], *stated()]), inner, max_size=6)
            ),
            max_leaves=15,
        ).map(json.dumps),
    )
)
def test_no_answer_breaks_the_reader(text):
    parsed = parse_answer(text, UNIT)
    for found in (*parsed.findings, *(raw for raw, _ in parsed.malformed)):
        assert 0 <= found.confidence <= 1
        assert found.line >= 0


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"findings": ' * 50_000,
        '{"findings": [' + '{"title": "' * 20_000,
        '"' * 150_000,
        "{'a': " * 20_000,
        '{"a": 1, "a": 2, ' * 20_000,
        "<think>" * 20_000,
        "</think>" * 20_000 + '{"findings": []',
    ],
)
def test_a_hostile_answer_fails_and_is_read_in_bounded_time(text):
    assert parse_answer(text, UNIT).failed is not None
    assert not any(document.value for document in find_documents(text).found)


def test_the_schema_is_valid_and_ready_for_strict_mode():
    jsonschema.Draft202012Validator.check_schema(FINDINGS_SCHEMA)
    assert strict_ready(FINDINGS_SCHEMA)
    jsonschema.validate(json.loads(answer(stated())), FINDINGS_SCHEMA)


def test_every_text_and_list_of_the_schema_is_bounded():
    def walk(schema):
        kinds = schema.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if "string" in kinds and "enum" not in schema:
            assert "maxLength" in schema
        if "array" in kinds:
            assert "maxItems" in schema
            walk(schema["items"])
        if "integer" in kinds and "enum" not in schema:
            assert {"minimum", "maximum"} <= schema.keys()
        for child in schema.get("properties", {}).values():
            walk(child)

    walk(FINDINGS_SCHEMA)
    walk(narrowed(["a.py"], lines=[3, 1]))


def test_a_narrowed_schema_knows_no_other_path_or_line():
    schema = narrowed(["shop/cart.py"], lines=[4, 5])
    assert strict_ready(schema)
    short = {"suggestion": None, "evidence": [], "confidence": 0.7}
    jsonschema.validate(json.loads(answer(stated(**short))), schema)
    for wrong in (
        stated(**short, path="other.py"),
        stated(**short, line=9),
        stated(**short | {"confidence": 0.71}),
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(answer(wrong)), schema)


def test_needs_stand_beside_findings_under_their_name_or_the_one_they_had() -> None:
    asked = [
        {"kind": "references", "name": "row", "path": None, "start_line": None, "end_line": None, "why": "who"}
    ]
    for text in (answer(stated(), lookups=asked), json.dumps({"findings": [stated()], "lookups": asked})):
        parsed = parse_answer(text, UNIT)
        assert parsed.lookups == (LookupRequest("references", "row"),)
        assert [found.title for found in parsed.findings] == ["Count may be missing"]


@pytest.mark.parametrize("word", ["DELETE", '"DELETE"', " <DELETE>\n", "`DELETE`"])
def test_a_suggestion_may_say_that_the_quoted_lines_go(word: str) -> None:
    (found,) = parse_answer(answer(stated(suggestion=word)), UNIT).findings
    assert (found.deletes, found.suggestion) == (True, None)
    (kept,) = parse_answer(answer(stated(suggestion=f"{word.strip()} FROM rows;")), UNIT).findings
    assert not kept.deletes
    assert kept.suggestion


def test_the_answer_that_is_asked_for_fits_its_tokens_with_every_text_at_its_longest() -> None:
    words = "the caller passes rows[0].count before it is read, so total() "

    def longest(schema: dict[str, Any]) -> Any:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if "enum" in schema:
            return max(schema["enum"], key=len)
        if "string" in kinds:
            return (words * 40)[: schema["maxLength"]]
        if "array" in kinds:
            return [longest(schema["items"])] * schema["maxItems"]
        if "object" in kinds:
            return {name: longest(child) for name, child in schema["properties"].items()}
        return 1234 if "integer" in kinds else 0.55 if "number" in kinds else True

    policy = load_policy()
    for room in (1024, 3000, policy.max_output_tokens):
        schema = schema_for(room)
        text = json.dumps(longest(dict(schema)))
        jsonschema.validate(json.loads(text), schema)
        if findings_that_fit(room) > LEAST_FINDINGS:
            assert count_tokens(text) <= room
    assert findings_that_fit(policy.max_output_tokens) == MAX_FINDINGS
    assert f"at most {MAX_FINDINGS}" in system_text()
