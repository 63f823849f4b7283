"""The published JSON Schema of a review is that of the records, and what the command writes fits it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from jsonschema import Draft202012Validator

from reviewer.local.agent import as_agent
from reviewer.local.documents import AgentDocument, Note, Words
from reviewer.local.json_schema import review_schema, schema_of
from tests.local.planted import DEFECTS, Model, environment, planted
from tests.local.test_agent import placed
from tests.local.test_report import review
from tests.simulators.provider import ProviderSimulator

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "review.schema.json"


def closed(schema: Any) -> Any:
    """Return the schema with no key allowed that it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    return {**made, "additionalProperties": False} if schema.get("type") == "object" else made


def test_the_published_schema_is_the_one_of_the_records():
    assert json.loads(PAGE.read_text("utf-8")) == review_schema(), (
        "run `kilo-review policy schema --of review > docs/reference/review.schema.json`"
    )


def test_what_the_command_writes_fits_the_schema_and_has_no_other_key(tmp_path: Path):
    scratch = planted(tmp_path / "shop")
    (tmp_path / "plan.md").write_text("- Every order has a mean.\n")
    with ProviderSimulator("openai", default=Model()) as provider:
        done = subprocess.run(
            [sys.executable, "-m", "kilo_review", "local", "-f", "json", "--against", str(tmp_path / "plan.md")],
            cwd=scratch.root,
            env=environment(tmp_path / "home", provider),
            capture_output=True,
            text=True,
            check=False,
        )
    document = json.loads(done.stdout)
    Draft202012Validator(closed(review_schema())).validate(document)
    assert len(document["findings"]) == len(DEFECTS)
    assert document["calls"]
    assert document["criteria"]


def test_a_review_with_a_word_of_no_enumeration_does_not_fit():
    schema = Draft202012Validator(review_schema())
    from reviewer.local.report import as_json

    document = json.loads(json.dumps(as_json(review(placed(1)))))
    assert schema.is_valid(document)
    document["findings"][0]["severity"] = "terrible"
    assert not schema.is_valid(document)


def test_the_document_for_agents_fits_its_record():
    schema = Draft202012Validator(closed(schema_of(AgentDocument)))
    for document in (as_agent(review(placed(1))), as_agent(review())):
        schema.validate(document)


class Inner(TypedDict):
    """A record inside."""

    value: float | None


class Outer(TypedDict):
    """A record."""

    word: Annotated[str | None, Words(("a", "b")), Note("one of two")]
    inner: Inner | None
    rows: list[Inner]
    counts: dict[str, int]


def test_a_record_becomes_a_schema():
    inner = {"$ref": "#/$defs/Inner"}
    assert schema_of(Outer) == {
        "type": "object",
        "description": "A record.",
        "properties": {
            "word": {"type": ["string", "null"], "enum": ["a", "b", None], "description": "one of two"},
            "inner": {"anyOf": [inner, {"type": "null"}]},
            "rows": {"type": "array", "items": inner},
            "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
        "required": ["counts", "inner", "rows", "word"],
        "$defs": {
            "Inner": {
                "type": "object",
                "description": "A record inside.",
                "properties": {"value": {"type": ["number", "null"]}},
                "required": ["value"],
            }
        },
    }


def test_a_kind_without_a_schema_is_an_error():
    with pytest.raises(TypeError, match="no JSON Schema"):
        schema_of(TypedDict("Bad", {"value": bytes}))
