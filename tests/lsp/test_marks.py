from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from policies.words import Severity
from reviewer.change.model import Change, Hunk, Side
from reviewer.change.parse import parse_diff
from reviewer.findings.model import Category, Disposition, Finding, PlacedFinding
from reviewer.lsp.marks import FileMarks, Mark, Moved, carried, marks_of
from reviewer.steps.result import Review, ReviewStatus

DIFF = b"""diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
"""
CHANGE = parse_diff(DIFF)


def found(line: int, **more: object) -> Finding:
    made = Finding("a.py", line, Severity.HIGH, Category.DEFECT, "t", "b", "model:m", "f")
    return replace(made, **more)  # type: ignore[arg-type]


def reviewed(*findings: Finding, change: Change = CHANGE) -> Review:
    placed = tuple(PlacedFinding(one, Disposition.SUMMARY) for one in findings)
    return Review(change, ReviewStatus.COMPLETE, findings=placed)


def shifted(hunk: Hunk, by: int) -> Change:
    moved = replace(hunk, new_start=hunk.new_start + by)
    return replace(CHANGE, files=(replace(CHANGE.files[0], hunks=(moved,)),))


def test_a_finding_on_a_removed_line_stands_where_the_line_was():
    marks = marks_of(reviewed(found(2, side=Side.LEFT)), lambda _path: b"one\nTWO\nthree\n")["a.py"].marks
    assert [(mark.start, mark.end) for mark in marks] == [(2, 2)]


def test_a_finding_beyond_the_file_stands_on_its_last_line_and_one_of_a_file_that_is_gone_nowhere():
    assert [m.end for m in marks_of(reviewed(found(99)), lambda _path: b"one\nTWO\n")["a.py"].marks] == [2]
    assert marks_of(reviewed(found(2)), lambda _path: None) == {}


def test_a_models_mark_moves_with_its_hunk_and_goes_with_it():
    file = marks_of(reviewed(found(2)), lambda _path: b"one\nTWO\nthree\n")["a.py"]
    (hunk,) = CHANGE.files[0].hunks
    assert [mark.start for mark in carried([file], shifted(hunk, 7))] == [9]
    edited = replace(hunk, lines=(*hunk.lines[:2], replace(hunk.lines[2], text="2"), hunk.lines[3]))
    assert carried([file], shifted(edited, 0)) == ()
    analyser = marks_of(reviewed(found(2, source="ruff:S1")), lambda _path: b"one\nTWO\nthree\n")["a.py"]
    assert carried([analyser], CHANGE) == ()


LINES = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=8)


@given(LINES, LINES, st.data())
def test_a_mark_is_only_ever_shown_on_the_lines_that_it_was_made_for(
    old: list[str], new: list[str], data: st.DataObject
):
    start = data.draw(st.integers(1, len(old)))
    end = data.draw(st.integers(start, len(old)))
    now = Moved(old, new).start_of(Mark(found(end), start, end, None))
    assert now is None or new[now - 1 : now + end - start] == old[start - 1 : end]


@given(LINES, LINES, LINES)
def test_a_mark_follows_its_line_through_an_edit_above_or_below(
    lines: list[str], above: list[str], below: list[str]
):
    mark = Mark(found(len(lines)), 1, len(lines), None)
    marked = [f"{line}!" for line in lines]
    assert Moved(marked, [*above, *marked, *below]).start_of(mark) == len(above) + 1


def test_the_lines_that_a_suggestion_replaces_are_those_that_were_reviewed():
    mark = Mark(found(2), 1, 2, None)
    assert FileMarks("a.py", ("one", "TWO", "three"), (mark,)).suggested_lines(mark) == ("one", "TWO")
