"""Code found again in a later change: by its text, wherever it went."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reviewer.change.model import Change, FileChange, FileStatus, Hunk, Line, LineKind, Side
from reviewer.findings.code import ChangedCode
from reviewer.findings.earlier import EarlierFinding
from reviewer.findings.memory import MAX_LINES, Memory
from reviewer.findings.standing import stands_still
from tests.findings.builders import finding


def added(path: str, *lines: str, start: int = 1) -> FileChange:
    rows = tuple(Line(None, start + at, LineKind.ADDED, text) for at, text in enumerate(lines))
    return FileChange(path, None, FileStatus.ADDED, (Hunk(path, 0, 0, start, len(rows), "", rows),))


def code_of(*files: FileChange) -> ChangedCode:
    return ChangedCode(Change("b", "h", files))


BODY = ("def mean(price, count):", "    return price / count", "", "def last(items):", "    return items[-1]")


def test_a_quote_is_found_by_its_words_whatever_its_white_space_and_line() -> None:
    code = code_of(added("a.py", "import os", "", *BODY))
    (place,) = code.find("return   price / count", {"a.py"})
    assert code.line(place) == 4
    (both,) = code.find("    return price / count\ndef last(items):", {"a.py"})
    assert code.line(both) == 6
    assert code.find("return price", {"a.py"}) == ()
    assert code.find("return price / count", {"b.py"}) == ()
    assert code.find("  \n ", None) == ()


def test_removed_lines_are_found_on_their_side() -> None:
    rows = (Line(1, None, LineKind.REMOVED, "check(user)"), Line(2, 1, LineKind.CONTEXT, "go()"))
    file = FileChange("a.py", "a.py", FileStatus.MODIFIED, (Hunk("a.py", 1, 2, 1, 1, "", rows),))
    (place,) = code_of(file).find("check(user)")
    assert (place.side, code_of(file).line(place)) == (Side.LEFT, 1)


@given(st.lists(st.sampled_from(["", "x = 1", "y = 2", "z()"]), max_size=12), st.integers(1, 500))
def test_lines_that_only_move_are_the_same_lines(lines: list[str], start: int) -> None:
    before, after = code_of(added("a.py", *lines)), code_of(added("b.py", *lines, start=start))
    assert before.all_lines() == after.all_lines()


@given(st.integers(0, 30), st.integers(0, 30))
def test_a_line_is_another_one_where_it_or_a_line_beside_it_changed(at: int, edited: int) -> None:
    lines = [f"line {number}" for number in range(31)]
    before = code_of(added("a.py", *lines))
    lines[edited] = "edited"
    after = code_of(added("a.py", *lines))
    place = after.at("a.py", at + 1, Side.RIGHT)
    assert place is not None
    same = after.same_lines(at + 1, at + 1, place) <= before.all_lines()
    assert same == (abs(at - edited) > 2)


def test_an_earlier_finding_stands_still_only_while_all_around_it_does() -> None:
    before = code_of(added("a.py", *BODY))
    told = Memory().after(before, [finding("Zero", path="a.py", line=2, quote=BODY[1])], complete=True).told[0]
    old = EarlierFinding(told.fingerprint, "a.py", "", "", 2, "open", quote=told.quote, nearby=told.nearby)
    assert stands_still(old, before)
    assert stands_still(old, code_of(added("moved.py", *BODY, start=40)))
    assert not stands_still(old, code_of(added("a.py", BODY[0], "    if not count: return 0", *BODY[1:])))
    assert not stands_still(old, code_of(added("a.py", "x = 1")))
    assert not stands_still(EarlierFinding("f", "a.py", "", "", 2, "open"), before)


def test_memory_keeps_the_newest_lines_and_what_was_told_before() -> None:
    one = Memory().after(code_of(added("a.py", "x")), [finding("A", path="a.py", quote="x")], complete=True)
    two = one.after(code_of(added("a.py", "y")), [], complete=False)
    assert (two.lines, two.told) == (one.lines, one.told)
    full = Memory(tuple(map(str, range(MAX_LINES)))).after(code_of(added("a.py", "y")), [], complete=True)
    assert len(full.lines) == MAX_LINES
    assert full.lines[0] == "1"
