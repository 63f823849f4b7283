from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import httpx
import pytest

from reviewer.demo import recording
from reviewer.demo.recorded_model import RecordedModel
from tests.demo.test_recorded_model import question
from tools import record_demo

DAY = date(2026, 12, 1)


def options(url: str) -> list[str]:
    return ["--url", url, "--model", "strong", "--by", "a strong model"]


@pytest.fixture
def endpoint() -> Iterator[RecordedModel]:
    """An endpoint that knows the question when it is put to the model "strong"."""
    known = recording.make(question("a.py", model="strong"), '{"findings": []}', (90, 4), answered_by="", today=DAY)
    server = RecordedModel([known])
    server.start()
    yield server
    server.stop()


def test_an_answer_is_recorded_under_the_question_that_the_demo_asked(endpoint: RecordedModel) -> None:
    asked = question("a.py", stream=True, stream_options={"include_usage": True})
    made = record_demo._ask(asked, record_demo._options(options(endpoint.url)))
    assert made.key == recording.key_of(asked)
    assert (made.answer, made.input_tokens, made.output_tokens) == ('{"findings": []}', 90, 4)
    assert (made.answered_by, made.asked_as) == ("a strong model", "m")
    assert made.recorded == datetime.now(UTC).date().isoformat()


def test_an_endpoint_that_refuses_ends_the_recording(endpoint: RecordedModel) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        record_demo._ask(question("b.py"), record_demo._options(options(endpoint.url)))


def test_verification_waits_until_every_other_question_has_its_answer() -> None:
    verification = question("v.py", response_format={"json_schema": {"name": "verdicts"}})
    server = RecordedModel(())
    server.unknown = {"1": verification, "2": question("a.py")}
    assert record_demo._wanted(server) == [question("a.py")]
    server.unknown = {"1": verification}
    assert record_demo._wanted(server) == [verification]
    server._server.server_close()
