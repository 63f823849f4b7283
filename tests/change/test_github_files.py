import pytest
from hypothesis import given, settings

from reviewer.change.model import Change, FileStatus
from reviewer.change.parse import parse_diff, parse_github_files
from reviewer.change.render import render_patch
from reviewer.errors import DiffUnreadable
from tests.change.strategies import changes

PATCH = "@@ -1,2 +1,2 @@ def f():\n one\n-two\n+TWO"


def row(filename="a.py", status="modified", additions=1, deletions=1, patch: str | None = PATCH, **rest):
    counts = {"additions": additions, "deletions": deletions, "changes": additions + deletions}
    found = {"filename": filename, "status": status, "sha": "1" * 40, **counts, **rest}
    return found if patch is None else {**found, "patch": patch}


def parse(*rows):
    return parse_github_files(rows, base="b", head="h").files


def test_a_row_with_its_patch_is_the_file_of_the_diff():
    (file,) = parse(row())
    assert file.hunks == parse_diff(f"--- a/a.py\n+++ b/a.py\n{PATCH}\n").files[0].hunks
    assert (file.status, file.old_path, file.truncated) == (FileStatus.MODIFIED, "a.py", False)


def test_an_added_row_has_no_old_path_and_a_renamed_one_has_another():
    added, renamed = parse(
        row("new.py", "added", 1, 0, "@@ -0,0 +1 @@\n+x"),
        row("b.py", "renamed", 0, 0, None, previous_filename="a.py"),
    )
    assert added.old_path is None
    assert (renamed.old_path, renamed.status, renamed.truncated) == ("a.py", FileStatus.RENAMED, False)


@pytest.mark.parametrize(
    "silent",
    [
        row(additions=0, deletions=0, patch=None),
        row(additions=900, deletions=3, patch=None),
        row(patch=""),
        row(patch="@@ -1,2 +1,2 @@\n one\n-two"),
        row(additions=7),
        row(patch="no hunk at all"),
    ],
)
def test_what_a_row_leaves_out_is_marked_and_never_taken_for_nothing(silent):
    (file,) = parse(silent)
    assert file.truncated


def test_whole_hunks_before_a_cut_are_kept():
    (file,) = parse(row(patch=PATCH + "\n@@ -9,2 +9,2 @@\n nine"))
    assert len(file.hunks) == 1
    assert file.truncated


def test_an_image_and_an_empty_file_are_explained_without_a_patch():
    image, empty = parse(
        row("logo.PNG", "added", 0, 0, None),
        row("pkg/__init__.py", "added", 0, 0, None, sha="e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
    )
    assert (image.binary, image.truncated) == (True, False)
    assert (empty.binary, empty.truncated) == (False, False)


def test_a_rename_without_patch_proves_nothing_once_the_response_is_full():
    lines = 19_000
    big = f"@@ -0,0 +1,{lines} @@\n" + "\n".join(["+x"] * lines)
    _, renamed = parse(
        row("big.py", "added", lines, 0, big), row("b.py", "renamed", 0, 0, None, previous_filename="a.py")
    )
    assert renamed.truncated


@pytest.mark.parametrize("bad", [{}, {"filename": 3}, {"filename": "../../etc/passwd"}, {"filename": ""}])
def test_a_row_without_a_usable_path_is_refused(bad):
    with pytest.raises(DiffUnreadable):
        parse(bad)


def test_a_status_that_github_adds_one_day_is_read_as_changed():
    (file,) = parse(row(status="teleported"))
    assert file.status is FileStatus.CHANGED


@settings(max_examples=40, deadline=None)
@given(changes())
def test_every_patch_that_git_could_write_is_read_whole_and_as_in_a_diff(change: Change):
    for file in change.files:
        text = render_patch(file)
        patch = text[text.index("\n@@ ") + 1 :].removesuffix("\n")
        (read,) = parse(row(file.path, "modified", file.additions, file.deletions, patch))
        assert read.hunks == file.hunks
        assert not read.truncated


def test_a_last_line_without_an_end_says_so():
    (file,) = parse(row(patch="@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file"))
    assert [line.no_newline for line in file.hunks[0].lines] == [True, True]
