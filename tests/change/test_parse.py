import subprocess
from pathlib import Path

import pytest
import unidiff
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.change.model import Change, FileStatus, LineKind
from reviewer.change.parse import parse_diff
from reviewer.change.render import render_patch
from reviewer.errors import DiffUnreadable
from tests.change.strategies import changes
from tests.git_folder import GitFolder

SMALL = """\
diff --git a/app.py b/app.py
index 1111111..2222222 100644
--- a/app.py
+++ b/app.py
@@ -1,3 +1,4 @@ def main():
 one
-two
+TWO
+2.5
 three
"""


class Repository:
    """A real git repository; every diff in these tests is git's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q", "-b", "main")

    def git(self, *args: str) -> bytes:
        identity = ["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "core.autocrlf=false"]
        done = subprocess.run(["git", *identity, *args], cwd=self.root, capture_output=True, check=True)
        return done.stdout

    def write(self, path: str | bytes, data: bytes) -> None:
        file = self.root / (path if isinstance(path, str) else path.decode("utf-8", "surrogateescape"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x", "--allow-empty")

    def diff(self, *args: str) -> Change:
        return parse_diff(self.git("diff", "--no-ext-diff", *(args or ("HEAD~1", "HEAD"))))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_a_small_diff_has_its_lines_numbered_on_both_sides():
    (file,) = parse_diff(SMALL, base="b", head="h").files
    assert (file.path, file.old_path, file.status, file.old_mode, file.new_mode) == (
        "app.py",
        "app.py",
        FileStatus.MODIFIED,
        "100644",
        "100644",
    )
    (hunk,) = file.hunks
    assert hunk.header == "@@ -1,3 +1,4 @@ def main():"
    assert [(line.old_no, line.new_no, line.kind, line.text) for line in hunk.lines] == [
        (1, 1, LineKind.CONTEXT, "one"),
        (2, None, LineKind.REMOVED, "two"),
        (None, 2, LineKind.ADDED, "TWO"),
        (None, 3, LineKind.ADDED, "2.5"),
        (3, 4, LineKind.CONTEXT, "three"),
    ]


@pytest.mark.parametrize("text", ["", b"", "\n", b"\n\n"])
def test_no_text_is_no_change(text):
    assert parse_diff(text).files == ()


@pytest.mark.parametrize(
    "name", ["café.py", "with space.py", 'quo"te.py', "back\\slash.py", "tab\there.py", "日本.py"]
)
@pytest.mark.parametrize("action", ["add", "edit", "remove", "rename", "mode", "binary", "empty"])
def test_git_names_a_file_and_we_read_that_name(repository, name, action):
    repository.write("other.txt", b"x\n")
    if action not in ("add", "empty"):
        repository.write(name, b"1\n2\n3\n4\n5\n")
    repository.commit()
    target = name
    if action in ("add", "edit"):
        repository.write(name, b"1\n2\nthree\n4\n5\n")
    elif action == "empty":
        repository.write(name, b"")
    elif action == "remove":
        (repository.root / name).unlink()
    elif action == "rename":
        target = f"moved {name}"
        (repository.root / name).rename(repository.root / target)
    elif action == "mode":
        (repository.root / name).chmod(0o755)
    else:
        repository.write(name, b"\x00\x01\x02")
    repository.commit()
    (file,) = repository.diff().files
    expected = {
        "add": FileStatus.ADDED,
        "empty": FileStatus.ADDED,
        "edit": FileStatus.MODIFIED,
        "remove": FileStatus.REMOVED,
        "rename": FileStatus.RENAMED,
        "mode": FileStatus.CHANGED,
        "binary": FileStatus.MODIFIED,
    }[action]
    assert (file.path, file.status, file.binary) == (target, expected, action == "binary")
    assert file.old_path == (None if expected is FileStatus.ADDED else name)
    if action == "mode":
        assert (file.old_mode, file.new_mode, file.hunks) == ("100644", "100755", ())
    assert bool(file.hunks) == (action in ("add", "edit", "remove"))


def test_a_name_that_is_no_utf8_stays_visible_and_distinct():
    change = parse_diff(
        'diff --git "a/x\\377.py" "b/x\\377.py"\nnew file mode 100644\n'
        'diff --git "a/x\\376.py" "b/x\\376.py"\nnew file mode 100644\n'
    )
    assert [file.path for file in change.files] == ["x\\xff.py", "x\\xfe.py"]


def test_a_change_of_type_is_one_file_with_both_modes(repository):
    repository.write("link", b"text\n")
    repository.commit()
    (repository.root / "link").unlink()
    (repository.root / "link").symlink_to("/etc/passwd")
    repository.commit()
    (file,) = repository.diff().files
    assert (file.status, file.old_mode, file.new_mode) == (FileStatus.CHANGED, "100644", "120000")
    assert file.is_symlink
    assert [line.text for hunk in file.hunks for line in hunk.lines] == ["text", "/etc/passwd"]
    assert file.hunks[1].lines[0].no_newline


def test_an_added_symbolic_link_is_known_as_one(repository):
    repository.commit()
    (repository.root / "link").symlink_to("target")
    repository.commit()
    (file,) = repository.diff().files
    assert file.is_symlink
    assert file.status is FileStatus.ADDED


def test_a_submodule_is_known_as_one():
    change = parse_diff(
        "diff --git a/lib b/lib\nindex 1111111..2222222 160000\n--- a/lib\n+++ b/lib\n@@ -1 +1 @@\n"
        "-Subproject commit 1111111\n+Subproject commit 2222222\n"
    )
    assert change.files[0].is_submodule


def test_a_rename_with_edits_carries_both_names(repository):
    repository.write("old name.py", b"".join(b"line %d\n" % n for n in range(30)))
    repository.commit()
    (repository.root / "old name.py").rename(repository.root / "new name.py")
    repository.write("new name.py", b"".join(b"line %d\n" % n for n in range(29)) + b"LAST\n")
    repository.commit()
    (file,) = repository.diff("-M", "HEAD~1", "HEAD").files
    assert (file.status, file.old_path, file.path) == (FileStatus.RENAMED, "old name.py", "new name.py")
    assert file.hunks[0].path == "new name.py"


@pytest.mark.parametrize("flag", ["--no-prefix", "--src-prefix=i/", "--src-prefix=c/"])
def test_prefixes_other_than_a_and_b_are_understood(repository, flag):
    repository.write("a/deep/file.py", b"1\n")
    repository.commit()
    repository.write("a/deep/file.py", b"2\n")
    repository.commit()
    assert [file.path for file in repository.diff(flag, "HEAD~1", "HEAD").files] == ["a/deep/file.py"]


def test_line_ends_of_windows_are_kept_apart_from_the_text(repository):
    repository.write("dos.txt", b"one\r\ntwo\r\n")
    repository.commit()
    repository.write("dos.txt", b"one\r\ntwo\n")
    repository.commit()
    lines = repository.diff().files[0].hunks[0].lines
    assert [(line.text, line.crlf) for line in lines] == [("one", True), ("two", True), ("two", False)]


def test_a_missing_line_end_is_marked_on_its_own_side(repository):
    repository.write("x", b"one\ntwo")
    repository.commit()
    repository.write("x", b"one\ntwo\n")
    repository.commit()
    lines = repository.diff().files[0].hunks[0].lines
    assert [(line.kind.value, line.no_newline) for line in lines] == [(" ", False), ("-", True), ("+", False)]


def test_latin1_and_utf8_files_of_one_diff_are_both_read_right(repository):
    repository.write("latin.txt", "né\n".encode("latin-1"))
    repository.write("utf.txt", "né\n".encode())
    repository.commit()
    repository.write("latin.txt", "à\n".encode("latin-1"))
    repository.write("utf.txt", "à\n".encode())
    repository.commit()
    for file in repository.diff().files:
        assert [line.text for line in file.hunks[0].lines] == ["né", "à"]


def test_lines_that_look_like_headers_are_text_inside_a_hunk(repository):
    repository.write("x", b"-- a/evil\n++ b/evil\n@@ -1 +1 @@\ndiff --git a/y b/y\n")
    repository.commit()
    repository.write("x", b"++ b/evil\n-- a/evil\n@@ -9 +9 @@\ndiff --git a/z b/z\n")
    repository.commit()
    change = repository.diff()
    assert [file.path for file in change.files] == ["x"]
    assert [line.text for line in change.hunks[0].removed] == ["-- a/evil", "@@ -1 +1 @@", "diff --git a/y b/y"]


def test_an_unmerged_path_is_never_taken_for_reviewed():
    change = parse_diff("* Unmerged path both.py\n" + SMALL)
    assert [(file.path, file.truncated) for file in change.files] == [("app.py", False), ("both.py", True)]


def test_a_mail_of_format_patch_is_read_without_its_signature(repository):
    repository.write("x.py", b"1\n")
    repository.commit()
    repository.write("x.py", b"2\n")
    repository.commit()
    change = parse_diff(repository.git("format-patch", "-1", "--stdout"))
    assert [line.text for line in change.hunks[0].lines] == ["1", "2"]


def test_a_plain_diff_without_git_has_times_cut_from_names():
    change = parse_diff("--- a/x.py\t2026-01-01 00:00:00\n+++ b/x.py\t2026-01-02 00:00:00\n@@ -1 +1 @@\n-1\n+2\n")
    assert [(file.path, file.status) for file in change.files] == [("x.py", FileStatus.MODIFIED)]


def test_a_diff_that_powershell_saved_is_read():
    assert parse_diff(SMALL.encode("utf-16")) == parse_diff(SMALL)


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "x/../../y", "./x", "x//y"])
def test_a_path_outside_the_repository_is_refused(path):
    text = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-1\n+2\n"
    with pytest.raises(DiffUnreadable, match="outside the repository"):
        parse_diff(text)


@pytest.mark.parametrize("cut", range(5, 10))
def test_a_truncated_hunk_is_refused_with_its_line(cut):
    text = "\n".join(SMALL.split("\n")[:cut])
    with pytest.raises(DiffUnreadable) as caught:
        parse_diff(text)
    assert caught.value.line_no == cut + 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<html>Not Found</html>", "not a unified diff"),
        ("diff --cc x\nindex 1,2..3\n", "combined diff"),
        (SMALL + "+one too many\n", "longer than its header says"),
        (SMALL.replace("+2.5", "*2.5"), "ends before its header says"),
        (SMALL.replace("@@ -1,3", "@@ -1,x"), "not a hunk header"),
        (SMALL.replace("-1,3", "-1," + "9" * 5000), "not a hunk header"),
        ("diff --git a b c d\nold mode 100644\n", "cannot tell which file"),
    ],
)
def test_what_is_no_diff_is_refused_with_the_reason(text, reason):
    with pytest.raises(DiffUnreadable, match=reason):
        parse_diff(text)


@settings(max_examples=60, deadline=None)
@given(changes())
def test_a_rendered_change_reads_back_equal(change):
    text = "".join(render_patch(file) for file in change.files)
    assert parse_diff(text, base=change.base, head=change.head) == change


@settings(max_examples=40, deadline=None)
@given(changes())
def test_hunks_are_those_that_unidiff_reads(change):
    for file in change.files:
        for hunk in file.hunks:
            body = "\n".join(f"{line.kind.value}{line.text}" for line in hunk.lines)
            header = hunk.header.removesuffix(f" {hunk.section}") if hunk.section else hunk.header
            (theirs,) = unidiff.PatchSet(f"--- a/x\n+++ b/x\n{header}\n{body}\n")[0]
            assert [(line.source_line_no, line.target_line_no, line.line_type) for line in theirs] == [
                (line.old_no, line.new_no, line.kind.value) for line in hunk.lines
            ]


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)), st.integers(0, len(SMALL)))
def test_damage_is_either_read_or_refused_and_never_crashes(noise, at):
    middle = noise if isinstance(noise, bytes) else noise.encode("utf-8", "surrogatepass")
    data = SMALL.encode()
    try:
        change = parse_diff(data[:at] + middle + data[at:])
    except DiffUnreadable as unreadable:
        line_no = unreadable.line_no
    else:
        line_no = 1
        for hunk in change.hunks:
            assert sum(line.old_no is not None for line in hunk.lines) == hunk.old_length
            assert sum(line.new_no is not None for line in hunk.lines) == hunk.new_length
    assert line_no >= 1


def test_a_path_is_read_apart_from_contents_that_are_no_utf_8():
    body = b"--- a/%s\n+++ b/%s\n@@ -1 +1 @@\n-x\n+caf\xe9\n"
    names = ("é.py".encode(), b"\xe9.py")
    diff = b"".join(b"diff --git a/%s b/%s\n" % (name, name) + body % (name, name) for name in names)
    change = parse_diff(diff)
    assert [file.path for file in change.files] == ["é.py", "\\xe9.py"]
    assert [line.text for hunk in change.hunks for line in hunk.added] == ["café", "café"]
    assert {hunk.path for hunk in change.hunks} == {"é.py", "\\xe9.py"}


def test_the_encoding_of_one_file_says_nothing_about_the_next():
    one = b"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n--- caf\xe9\n+-- caf\xe9\n x\n"
    two = "diff --git a/b.py b/b.py\n--- a/b.py\n+++ b/b.py\n@@ -1 +1 @@\n-x\n+café\n".encode()
    change = parse_diff(one + two)
    assert [line.text for hunk in change.hunks for line in hunk.added] == ["-- café", "café"]
    assert [line.text for hunk in change.hunks for line in hunk.removed] == ["-- café", "x"]


@given(st.text(st.sampled_from('ab\udc80\udcff\ud800/ \\"\t'), min_size=1, max_size=8))
def test_half_characters_in_a_path_are_written_out_or_refused(name: str):
    try:
        change = parse_diff(f"--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-x\n+y\n")
    except DiffUnreadable:
        return
    for file in change.files:
        assert file.path.encode("utf-8")


@pytest.fixture
def series(tmp_path: Path) -> GitFolder:
    """Two commits on files of their own, with messages that quote diffs."""
    made = GitFolder(tmp_path / "series")
    made.put("a.py", "a = 1\n")
    made.record("first")
    made.put("a.py", "a = 2\n")
    made.record("Change a\n\n- a list\n+ of things\n--- a/quoted.py\n+++ b/quoted.py\n@@ -1 +1 @@\n-x\n+y")
    made.put("b.py", "b = 1\n")
    made.record("Add b\n\ncommit deadbeef broke it")
    return made


@pytest.mark.parametrize(
    "words",
    [
        ("log", "-p", "HEAD~2.."),
        ("log", "-p", "--stat", "--decorate", "HEAD~2.."),
        ("show", "HEAD", "HEAD~1"),
        ("format-patch", "--stdout", "HEAD~2"),
        ("log", "-p", "--format=fuller", "--reverse", "HEAD~2.."),
    ],
)
def test_several_commits_on_files_of_their_own_are_one_change(series: GitFolder, words: tuple[str, ...]):
    change = parse_diff(series.git(*words) + "\n")
    assert {file.path: [line.text for hunk in file.hunks for line in hunk.added] for file in change.files} == {
        "a.py": ["a = 2"],
        "b.py": ["b = 1"],
    }


@pytest.mark.parametrize(
    "words", [("log", "-p"), ("show", "HEAD", "HEAD~1", "HEAD~2"), ("format-patch", "--stdout", "--root", "HEAD")]
)
def test_a_file_that_two_commits_change_is_refused_by_name(series: GitFolder, words: tuple[str, ...]):
    with pytest.raises(DiffUnreadable, match=r"'a\.py' is changed twice.*git diff"):
        parse_diff(series.git(*words) + "\n")
