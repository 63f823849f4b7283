from __future__ import annotations

from dataclasses import replace

import pytest
from lsprotocol import types

from policies.words import Severity
from reviewer.findings.model import Finding
from reviewer.lsp.diagnostics import View, actions, diagnostic, explanation, placed
from reviewer.lsp.marks import FileMarks, Mark
from reviewer.lsp.positions import Positions
from tests.lsp.test_marks import found


def file_with(finding: Finding) -> FileMarks:
    return FileMarks("a.py", ("one", "  two", "three"), (Mark(finding, 2, 2, None),))


def edits(finding: Finding, text: str) -> list[types.TextEdit]:
    file, view = file_with(finding), View("file:///a.py", Positions(text))
    offered = [action for item in placed(file, view) for action in actions(item, file, view, asks_reason=False)]
    return [edit for action in offered if action.edit for edit in (action.edit.changes or {})["file:///a.py"]]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_suggestion_has_the_line_ends_of_the_document_and_replaces_whole_lines(end: str):
    (edit,) = edits(found(2, suggestion="  a\n  b"), f"zero{end}one{end}  two{end}three{end}")
    assert edit.new_text == f"  a{end}  b"
    assert edit.range == types.Range(types.Position(2, 0), types.Position(2, 5))


@pytest.mark.parametrize("text", ["one\n  two!\nthree\n", "one\nthree\n", ""])
def test_no_suggestion_is_offered_for_lines_that_read_differently(text: str):
    assert edits(found(2, suggestion="x"), text) == []


def test_severities_codes_and_origins():
    shown = []
    for severity in (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW):
        file, view = file_with(found(2, severity=severity)), View("u", Positions("one\n  two\nthree\n"))
        shown.append(diagnostic(placed(file, view)[0], view))
    assert [int(one.severity or 0) for one in shown] == [1, 1, 2, 3]
    assert {one.code for one in shown} == {"defect"}
    assert shown[0].range.start == types.Position(1, 2)


def test_characters_that_nobody_sees_are_shown_in_the_explanation():
    text = explanation(replace(found(2), body="a\u202eb\u200bc"))
    assert "\u202e" not in text
    assert "\u200b" not in text
