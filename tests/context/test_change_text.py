"""What the changed lines of a change say, by names and by lines."""

from __future__ import annotations

from reviewer.change.parse import parse_diff
from reviewer.context.change_text import LINES_READ, ChangeText, change_text
from reviewer.git.limits import Limit, LimitsReached

DIFF = b"""diff --git a/one.py b/one.py
--- a/one.py
+++ b/one.py
@@ -1,3 +1,3 @@
     surrounding = line
-    old_name(moved_along)
-    return frobnicate
+    new_name(moved_along)
+    return None
diff --git a/two.py b/two.py
--- a/two.py
+++ b/two.py
@@ -1,1 +1,1 @@
-    old_name(elsewhere)
+        return frobnicate
"""


def read(diff: bytes, limits: LimitsReached | None = None) -> ChangeText:
    change = parse_diff(diff, base="a" * 40, head="b" * 40)
    return change_text(change.hunks, limits or LimitsReached())


def test_names_of_several_files_are_told_and_weigh_more() -> None:
    text = read(DIFF)
    assert text.several == {"old_name", "frobnicate"}
    assert text.words["old_name"] > text.words["new_name"] > text.words["moved_along"]


def test_a_line_that_only_moved_is_not_removed() -> None:
    text = read(DIFF)
    assert text.removed == {"old_name(moved_along)", "old_name(elsewhere)"}
    assert text.added == {"new_name(moved_along)", "return None", "return frobnicate"}
    assert text.around == {"surrounding = line"}


def test_short_lines_are_not_kept() -> None:
    assert read(DIFF.replace(b"surrounding = line", b"});")).around == frozenset()


def test_of_a_huge_change_the_first_lines_are_read() -> None:
    added = b"".join(b"+huge_name_%d()\n" % number for number in range(LINES_READ))
    hunk = b"diff --git a/z.py b/z.py\n--- a/z.py\n+++ b/z.py\n@@ -0,0 +1,%d @@\n" % LINES_READ
    limits = LimitsReached()
    text = read(DIFF + hunk + added, limits)
    assert "old_name" in text.words
    assert not any(word.startswith("huge_name") for word in text.words)
    assert [reached.limit for reached in limits.all()] == [Limit.CHANGE_LINES]
