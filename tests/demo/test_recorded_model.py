from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from reviewer.demo import recording
from reviewer.demo.recorded_model import RecordedModel
from reviewer.errors import ConfigurationError

SYSTEM = {"role": "system", "content": "Review it."}


def question(about: str, **other: Any) -> dict[str, Any]:
    schema = {"type": "json_schema", "json_schema": {"name": "review", "schema": {"type": "object"}}}
    text = f"<diff ab12>\n### {about}\n1 +x\n### also changed, reviewed apart: b.py\n</diff ab12>"
    return {
        "model": "m",
        "messages": [SYSTEM, {"role": "user", "content": text}],
        "response_format": schema,
        **other,
    }


def recorded(about: str) -> recording.Recording:
    return recording.make(
        question(about), f"answer about {about}", (120, 7), answered_by="a model", today=date(2026, 12, 1)
    )


@pytest.fixture
def model() -> Iterator[RecordedModel]:
    server = RecordedModel([recorded("a.py"), recorded("b.py")])
    server.start()
    yield server
    server.stop()


def ask(model: RecordedModel, body: Any) -> requests.Response:
    return requests.post(f"{model.url}/chat/completions", json=body, timeout=10)


def test_an_answer_is_found_by_what_is_asked_in_any_order_and_as_often_as_it_is_asked(model: RecordedModel) -> None:
    for about in ("b.py", "a.py", "b.py"):
        answer = ask(model, question(about)).json()
        assert answer["choices"][0]["message"]["content"] == f"answer about {about}"
        assert answer["usage"] == {"prompt_tokens": 120, "completion_tokens": 7, "total_tokens": 127}
        assert answer["model"] == "recorded answer"
    assert not model.unknown


def test_limits_and_transport_are_no_part_of_what_is_asked(model: RecordedModel) -> None:
    assert ask(model, question("a.py", stream=True, max_completion_tokens=9)).status_code == 200
    assert ask(model, question("a.py", model="another")).status_code == 400


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (question("c.py"), "the sample, its context or an earlier answer has changed since"),
        (
            question("a.py") | {"messages": [{**SYSTEM, "content": "Review it well."}]},
            "the instructions or the answer's form have changed since",
        ),
        (question("a.py") | {"response_format": None}, "there is none for a 'answer' question"),
    ],
)
def test_a_question_without_a_recording_is_refused_with_the_reason_and_how_to_record(
    model: RecordedModel, body: dict[str, Any], why: str
) -> None:
    answer = ask(model, body)
    assert answer.status_code == 400
    assert why in answer.json()["error"]["message"]
    assert answer.json()["error"]["message"].endswith("Record anew: make demo-record")
    assert list(model.unknown.values()) == [body]


@pytest.mark.parametrize("body", ["[]", "no JSON", "\ud800".encode("utf-8", "surrogatepass")])
def test_what_is_no_question_is_refused_and_the_server_goes_on(model: RecordedModel, body: Any) -> None:
    assert requests.post(f"{model.url}/chat/completions", data=body, timeout=10).status_code == 404
    assert ask(model, question("a.py")).status_code == 200


def test_a_recording_says_who_answered_when_about_what_and_how_much(tmp_path: Path) -> None:
    path = recorded("a.py").write(tmp_path)
    assert json.loads(path.read_text())["files"] == ["a.py"]
    assert recording.read_all(tmp_path) == (recorded("a.py"),)
    assert recording.described([recorded("a.py")]) == "recorded answers of a model, 2026-12-01"
    later = replace(recorded("b.py"), recorded="2026-12-03", answered_by="another")
    assert (
        recording.described([recorded("a.py"), later])
        == "recorded answers of a model, another, 2026-12-01 to 2026-12-03"
    )


def test_a_file_that_is_no_recording_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "review-1.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"review-1\.json is no recording") as error:
        recording.read_all(tmp_path)
    assert "make demo-record" in (error.value.remedy or "")
