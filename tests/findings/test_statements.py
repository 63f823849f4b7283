"""What an answer about statements counts for: only a line of the change shows anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.findings.statements import Outcome, Statement, read_outcomes

SHOWN = (
    "### db/1.py\n1 +def up():\n2 +    add_column('a')\n3 +# every migration here has a down step\n"
    "4 +def down():\n-    old_line()\n5      kept = 1"
)
STATEMENTS = (
    Statement("down", "Every migration has a down step.", gate=True),
    Statement("up", "There is an up step."),
)


def row(number: int = 1, answer: str = "met", line: Any = "def down():", **more: Any) -> dict[str, Any]:
    return {"number": number, "answer": answer, "line": line, "why": "it is there", **more}


def read(*rows: Any) -> tuple[Statement, ...]:
    return read_outcomes(json.dumps({"answers": rows}), STATEMENTS, shown=SHOWN)


@pytest.mark.parametrize("line", ["def down():", "  def   down(): ", "old_line()", "kept = 1"])
@pytest.mark.parametrize("answer", ["met", "not met", "NOT_MET"])
def test_an_answer_with_a_line_of_the_change_counts(answer: str, line: str) -> None:
    (first, second) = read(row(answer=answer, line=line))
    assert first.outcome is (Outcome.MET if answer == "met" else Outcome.NOT_MET)
    assert first.quote == " ".join(line.split())
    assert second.outcome is Outcome.NOT_VISIBLE
    assert second.why


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(line=None)],
        [row(line="")],
        [row(line="def rollback():")],
        [row(line="# every migration here has a down step")],
        [row(line="):")],
        [row(line=["def down():"])],
        [row(answer="probably")],
        [row(answer="")],
        [row(answer=None)],  # type: ignore[arg-type]
        [row(number=3)],
        [row(number=0)],
        [row(number=True)],
        [row(number="1")],  # type: ignore[arg-type]
        [row(), row(answer="not met")],
        ["met"],
        [None],
    ],
)
def test_what_shows_nothing_is_not_visible(rows: list[Any]) -> None:
    assert read(*rows)[0].outcome is Outcome.NOT_VISIBLE


@given(
    st.text(max_size=200) | st.recursive(st.none() | st.text(max_size=5) | st.integers(), st.lists).map(json.dumps)
)
def test_no_text_without_a_line_of_the_change_is_ever_met(text: str) -> None:
    for statement in read_outcomes(text, STATEMENTS, shown=SHOWN):
        assert statement.outcome is Outcome.NOT_VISIBLE


def test_what_is_asked_stays_as_it_was_asked() -> None:
    (first, _second) = read(row(name="x", gate=False))
    assert (first.name, first.text, first.gate) == ("down", STATEMENTS[0].text, True)
