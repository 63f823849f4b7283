import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.change.anchor import Anchors
from reviewer.change.model import Anchor, LineKind, Side
from reviewer.change.parse import parse_diff
from tests.change.strategies import changes

DIFF = """\
diff --git a/src/app.py b/src/app.py
--- a/src/app.py
+++ b/src/app.py
@@ -10,4 +10,5 @@ def main():
 first = read()
-second = parse(first)
+second = parse(first, strict=True)
+    return second
 third = write(second)
 return None
@@ -40,3 +41,3 @@ def other():
 return None
-x = 1
+x = compute_everything(a, b)
 end()
diff --git a/src/old.py b/lib/new.py
similarity index 90%
rename from src/old.py
rename to lib/new.py
"""
PATH = "src/app.py"


@pytest.fixture(scope="module")
def anchors():
    return Anchors.from_change(parse_diff(DIFF))


@pytest.mark.parametrize(
    ("line", "start", "side", "expected"),
    [
        (11, None, Side.RIGHT, Anchor(PATH, Side.RIGHT, 11)),
        (10, None, Side.RIGHT, Anchor(PATH, Side.RIGHT, 10)),
        (12, 11, Side.RIGHT, Anchor(PATH, Side.RIGHT, 12, 11)),
        (11, 11, Side.RIGHT, Anchor(PATH, Side.RIGHT, 11)),
        (11, None, Side.LEFT, Anchor(PATH, Side.LEFT, 11)),
        (12, None, Side.LEFT, Anchor(PATH, Side.RIGHT, 13)),
        (11, 12, Side.RIGHT, None),
        (42, 14, Side.RIGHT, None),
        (15, None, Side.RIGHT, None),
        (0, None, Side.RIGHT, None),
        (-3, None, Side.RIGHT, None),
        (12, 9, Side.RIGHT, None),
    ],
)
def test_a_line_is_placed_exactly_or_not_at_all(anchors, line, start, side, expected):
    assert anchors.place(PATH, line, start, side) == expected


def test_a_file_that_did_not_change_has_no_anchor(anchors):
    assert anchors.place("src/none.py", 11) is None
    assert anchors.by_quote("src/none.py", "first = read()") is None


@pytest.mark.parametrize(
    ("quote", "near", "side", "expected"),
    [
        ("second = parse(first, strict=True)", None, None, Anchor(PATH, Side.RIGHT, 11)),
        ("  second =   parse(first, strict=True)  ", None, None, Anchor(PATH, Side.RIGHT, 11)),
        ("+second = parse(first, strict=True)", None, None, Anchor(PATH, Side.RIGHT, 11)),
        ("11 +second = parse(first, strict=True)", None, None, Anchor(PATH, Side.RIGHT, 11)),
        ("second = parse(first, str...", None, None, Anchor(PATH, Side.RIGHT, 11)),
        ("compute_everything", None, None, Anchor(PATH, Side.RIGHT, 42)),
        ("return None", None, None, Anchor(PATH, Side.RIGHT, 14)),
        ("return None", 40, None, Anchor(PATH, Side.RIGHT, 41)),
        ("second = parse(first)", None, None, Anchor(PATH, Side.LEFT, 11)),
        ("- second = parse(first)", 11, Side.LEFT, Anchor(PATH, Side.LEFT, 11)),
        ("second = parse(first, strict=True)\n    return second", None, None, Anchor(PATH, Side.RIGHT, 12, 11)),
        ("first = read()\nthird = write(second)", None, None, Anchor(PATH, Side.RIGHT, 13, 10)),
        ("first = read()\nsecond = parse(first, strict=True)", None, None, Anchor(PATH, Side.RIGHT, 11, 10)),
        ("third = write(second)\nreturn None", None, None, Anchor(PATH, Side.RIGHT, 14, 13)),
        ("return second\nx = compute_everything(a, b)", None, None, None),
        ("x", None, None, None),
        ("", None, None, None),
        ("\n \n", None, None, None),
        ("no such line anywhere", None, None, None),
    ],
)
def test_a_quote_is_anchored_to_the_line_it_copies(anchors, quote, near, side, expected):
    assert anchors.by_quote(PATH, quote, near, side) == expected


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("src/app.py", "src/app.py"),
        ("b/src/app.py", "src/app.py"),
        ("./src/app.py", "src/app.py"),
        ("`src/app.py`", "src/app.py"),
        ("app.py", "src/app.py"),
        ("src/old.py", "lib/new.py"),
        ("p.py", None),
        ("", None),
        ("/etc/passwd", None),
    ],
)
def test_a_path_that_a_model_writes_is_understood_where_it_is_unique(anchors, name, path):
    assert anchors.path_of(name) == path


def test_the_reach_of_a_line_is_its_hunk(anchors):
    assert anchors.reach(PATH, 12) == (10, 14)
    assert anchors.reach(PATH, 30) is None


@settings(max_examples=40, deadline=None)
@given(changes(), st.data())
def test_every_line_of_a_hunk_can_be_placed_and_found_by_its_text(change, data):
    anchors = Anchors.from_change(change)
    file = data.draw(st.sampled_from(change.files))
    hunk = data.draw(st.sampled_from(file.hunks))
    line = data.draw(st.sampled_from(hunk.lines))
    side = Side.LEFT if line.kind is LineKind.REMOVED else Side.RIGHT
    number = line.old_no if side is Side.LEFT else line.new_no
    assert number is not None
    anchor = anchors.place(file.path, number, None, side)
    assert anchor == Anchor(file.path, side, number)
    if line.text.strip():
        found = anchors.by_quote(file.path, line.text, number, side)
        assert found is not None
        at = anchors.line_at(file.path, found.line, found.side)
        assert at is not None
        assert line.text.split() == at.text.split()


@settings(max_examples=60, deadline=None)
@given(changes(), st.integers(-5, 60), st.integers(-5, 60), st.sampled_from(Side), st.text(max_size=30))
def test_no_anchor_ever_stands_outside_the_diff_or_across_hunks(change, line, start, side, quote):
    anchors = Anchors.from_change(change)
    for file in change.files:
        for anchor in (anchors.place(file.path, line, start, side), anchors.by_quote(file.path, quote, line, side)):
            if anchor is None:
                continue
            numbers = [
                [(entry.new_no if anchor.side is Side.RIGHT else entry.old_no) for entry in hunk.lines]
                for hunk in file.hunks
            ]
            assert any(
                anchor.line in hunk and (anchor.start_line is None or anchor.start_line in hunk) for hunk in numbers
            )
            assert anchor.start_line is None or anchor.start_line < anchor.line


WHOLE = 10_000


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=8), st.lists(st.sampled_from("abcd"), max_size=8))
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("context", [0, 3])
def test_a_deleted_lines_successor_stands_between_what_is_left_around_it(tmp_path_factory, context, old, new):
    folder = tmp_path_factory.mktemp("git")
    (folder / "old").write_text("".join(f"{line}\n" for line in old))
    (folder / "new").write_text("".join(f"{line}\n" for line in new))

    def diff(lines):
        command = ["git", "diff", "--no-index", f"-U{lines}", "old", "new"]
        return parse_diff(subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout)

    anchors = Anchors.from_change(diff(context))
    (every,) = [list(hunk.lines) for hunk in diff(WHOLE).hunks] or [[]]
    kept = {line.old_no: line.new_no for line in every if line.kind is LineKind.CONTEXT}
    for line in every:
        if line.kind is not LineKind.REMOVED:
            assert line.old_no is None or anchors.successor("new", line.old_no) is None
            continue
        successor = anchors.successor("new", line.old_no)
        assert successor is not None
        assert 1 <= successor <= max(1, len(new))
        assert all(now <= successor for before, now in kept.items() if before < line.old_no)
        assert all(now >= successor for before, now in kept.items() if before > line.old_no)


def test_a_line_that_was_replaced_has_the_line_that_replaces_it(anchors):
    assert [anchors.successor(PATH, line) for line in (11, 41, 12, 99)] == [11, 42, None, None]


def test_the_lines_of_a_deleted_file_have_no_successor():
    gone = parse_diff("diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n")
    assert Anchors.from_change(gone).successor("x", 1) is None
