from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reviewer.change.model import FileStatus
from reviewer.errors import ConfigurationError
from reviewer.local.repository import find_repository
from reviewer.local.selection import Selected, Selection, Which, select
from tests.local.repo import Scratch


@contextmanager
def selected(
    scratch: Scratch, which: Which = Which.UNCOMMITTED, revision: str = "", **more: object
) -> Iterator[Selected]:
    with select(find_repository(scratch.root), Selection(which, revision, **more)) as found:  # type: ignore[arg-type]
        yield found


def added(found: Selected, path: str) -> list[str]:
    file = found.change.file(path)
    return [line.text for hunk in file.hunks for line in hunk.added] if file else []


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path / "repo")


def test_staged_unstaged_and_untracked_changes_are_one_change(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n", "b.py": "b = 1\n"})
    scratch.write("a.py", "a = 2\n")
    scratch.git("add", "a.py")
    scratch.write("b.py", "b = 2\n")
    scratch.write("c.py", "c = 3\n")
    with selected(scratch) as found:
        assert {file.path for file in found.change.files} == {"a.py", "b.py", "c.py"}
        assert added(found, "c.py") == ["c = 3"]
        assert found.head.read("b.py") == b"b = 2\n"
        assert found.base.read("b.py") == b"b = 1\n"
    with selected(scratch, Which.STAGED) as found:
        assert [file.path for file in found.change.files] == ["a.py"]


def test_the_repository_is_left_exactly_as_it_was(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.write("a.py", "a = 2\n")
    before = sorted((str(path), path.stat().st_mtime_ns) for path in scratch.root.rglob("*"))
    with selected(scratch):
        pass
    assert sorted((str(path), path.stat().st_mtime_ns) for path in scratch.root.rglob("*")) == before


def test_an_unborn_branch_shows_everything_as_new(scratch: Scratch):
    scratch.write("a.py", "a = 1\n")
    with selected(scratch) as found:
        assert [(file.path, file.status) for file in found.change.files] == [("a.py", FileStatus.ADDED)]


def test_a_detached_head_works_like_a_branch(scratch: Scratch):
    commit = scratch.commit(**{"a.py": "a = 1\n"})
    scratch.git("checkout", "--quiet", commit)
    scratch.write("a.py", "a = 2\n")
    with selected(scratch) as found:
        assert added(found, "a.py") == ["a = 2"]


def test_a_conflict_is_reviewed_as_it_is_on_disk_and_said(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.git("checkout", "--quiet", "-b", "side")
    scratch.commit(**{"a.py": "a = 2\n"})
    scratch.git("checkout", "--quiet", "main")
    scratch.commit(**{"a.py": "a = 3\n"})
    scratch.git("merge", "side", check=False)
    with selected(scratch) as found:
        assert "<<<<<<< HEAD" in added(found, "a.py")
        assert "unresolved conflicts" in found.notices[0]
    with pytest.raises(ConfigurationError, match=r"unresolved conflicts in a\.py"), selected(scratch, Which.STAGED):
        pass


def test_a_rename_with_an_edit_is_one_file_with_the_edit(scratch: Scratch):
    text = "".join(f"line_{n} = {n}\n" for n in range(20))
    scratch.commit(**{"old.py": text})
    scratch.git("mv", "old.py", "new.py")
    scratch.write("new.py", text.replace("line_7 = 7", "line_7 = 70"))
    with selected(scratch) as found:
        (file,) = found.change.files
        assert (file.status, file.old_path, file.path) == (FileStatus.RENAMED, "old.py", "new.py")
        assert added(found, "new.py") == ["line_7 = 70"]


def test_a_checkout_with_crlf_of_a_file_stored_with_lf_is_no_change_of_every_line(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\nb = 2\n"})
    scratch.write("a.py", "a = 1\r\nb = 3\r\n")
    with selected(scratch) as found:
        assert added(found, "a.py") == ["b = 3"]


def test_a_file_stored_with_crlf_keeps_it(scratch: Scratch):
    scratch.commit(**{"a.txt": "one\r\ntwo\r\n"})
    scratch.write("a.txt", "one\r\nthree\r\n")
    with selected(scratch) as found:
        assert [text.rstrip("\r") for text in added(found, "a.txt")] == ["three"]


def test_latin_1_text_is_read_as_text(scratch: Scratch):
    scratch.commit(**{"a.py": "x = 1\n"})
    scratch.write("a.py", "x = 'caf\xe9'\n".encode("latin-1"))
    with selected(scratch) as found:
        assert added(found, "a.py") == ["x = 'café'"]


@pytest.mark.parametrize("name", ["sp ace.py", 'quo"te.py', "café.py", "日本.py", "tab\there.py", "back\\slash.py"])
def test_any_file_name_comes_through(scratch: Scratch, name: str):
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.write(name, "n = 1\n")
    with selected(scratch) as found:
        assert [file.path for file in found.change.files] == [name]
        assert found.head.read(name) == b"n = 1\n"


def test_a_change_of_mode_only_has_no_hunks(scratch: Scratch):
    scratch.commit(**{"run.sh": "true\n"})
    (scratch.root / "run.sh").chmod(0o755)
    with selected(scratch) as found:
        (file,) = found.change.files
        assert (file.old_mode, file.new_mode, file.hunks) == ("100644", "100755", ())


def test_a_submodule_is_known_and_never_read(scratch: Scratch, tmp_path: Path):
    inner = Scratch(tmp_path / "inner")
    inner.commit(**{"x.py": "x = 1\n"})
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "sub")
    scratch.commit("sub")
    moved = inner.commit(**{"x.py": "x = 2\n"})
    Scratch.git(inner, "rev-parse", "HEAD")
    sub = Scratch.__new__(Scratch)
    sub.root = scratch.root / "sub"
    sub.git("fetch", "--quiet", "origin")
    sub.git("checkout", "--quiet", moved)
    with selected(scratch) as found:
        (file,) = found.change.files
        assert file.is_submodule


def test_a_git_lfs_file_is_its_pointer(scratch: Scratch):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 3\n"
    scratch.commit(**{"big.bin": pointer})
    scratch.write("big.bin", b"the real content, which the filter would have put back\n" * 3)
    with selected(scratch) as found:
        (file,) = found.change.files
        assert all("real content" not in line.text for hunk in file.hunks for line in hunk.lines)


def test_no_change_is_an_empty_change(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n"})
    with selected(scratch) as found:
        assert found.change.files == ()


def test_a_link_shows_where_it_points_and_is_not_followed(scratch: Scratch, tmp_path: Path):
    scratch.commit(**{"a.py": "a = 1\n"})
    (tmp_path / "outside").write_text("outside secret\n")
    (scratch.root / "link.py").symlink_to(tmp_path / "outside")
    (scratch.root / "folder").symlink_to(tmp_path)
    with selected(scratch) as found:
        text = repr(found.change)
        assert "outside secret" not in text
        assert found.head.read("link.py") is None
        assert all(file.is_symlink for file in found.change.files)


def test_credentials_are_named_and_never_read(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.write(".env", "KEY=hunter2hunter2\n")
    scratch.write("id_rsa", "-----BEGIN\n")
    with selected(scratch) as found:
        assert found.change.files == ()
        assert {skip.path for skip in found.untouched} == {".env", "id_rsa"}
        assert found.head.read(".env") is None


def test_ignored_files_stay_out(scratch: Scratch):
    scratch.commit(**{".gitignore": "out/\n"})
    scratch.write("out/x.py", "x = 1\n")
    with selected(scratch) as found:
        assert found.change.files == ()


def test_unpushed_commits_are_compared_with_the_upstream(scratch: Scratch, tmp_path: Path):
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    scratch.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    scratch.git("push", "--quiet", "-u", "origin", "main")
    scratch.commit(**{"a.py": "a = 2\n"})
    scratch.write("a.py", "a = 3\n")
    with selected(scratch, Which.UNPUSHED) as found:
        assert added(found, "a.py") == ["a = 2"]
        assert "origin/main" in found.notices[0]


def test_a_base_means_everything_since_the_branch_left_it(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.git("checkout", "--quiet", "-b", "side")
    scratch.commit(**{"b.py": "b = 1\n"})
    scratch.git("checkout", "--quiet", "main")
    scratch.commit(**{"c.py": "c = 1\n"})
    scratch.git("checkout", "--quiet", "side")
    scratch.write("d.py", "d = 1\n")
    with selected(scratch, Which.BASE, "main") as found:
        assert {file.path for file in found.change.files} == {"b.py", "d.py"}


def test_the_first_commit_is_compared_with_nothing(scratch: Scratch):
    commit = scratch.commit(**{"a.py": "a = 1\n"})
    with selected(scratch, Which.COMMIT, commit) as found:
        assert added(found, "a.py") == ["a = 1"]


def test_pathspecs_narrow_the_selection(scratch: Scratch):
    scratch.commit(**{"x/a.py": "a = 1\n", "y/b.py": "b = 1\n"})
    scratch.write("x/a.py", "a = 2\n")
    scratch.write("y/b.py", "b = 2\n")
    with selected(scratch, pathspecs=("x",)) as found:
        assert [file.path for file in found.change.files] == ["x/a.py"]


def test_a_worktree_is_a_repository_of_its_own(scratch: Scratch, tmp_path: Path):
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.git("worktree", "add", "--quiet", str(tmp_path / "tree"), "-b", "side")
    (tmp_path / "tree" / "a.py").write_text("a = 2\n")
    with select(find_repository(tmp_path / "tree"), Selection()) as found:
        assert added(found, "a.py") == ["a = 2"]


def test_a_folder_without_a_repository_says_what_to_do(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="not inside a git repository"):
        find_repository(tmp_path)


def test_two_commits_of_a_bare_repository_can_be_compared_and_its_work_tree_cannot(
    scratch: Scratch, tmp_path: Path
):
    first = scratch.commit(**{"a.py": "a = 1\n"})
    second = scratch.commit(**{"a.py": "a = 2\n"})
    scratch.git("clone", "--quiet", "--bare", str(scratch.root), str(tmp_path / "bare.git"))
    bare = find_repository(tmp_path / "bare.git")
    with select(bare, Selection(Which.RANGE, first, second)) as found:
        assert added(found, "a.py") == ["a = 2"]
    with pytest.raises(ConfigurationError, match="bare repository"), select(bare, Selection()):
        pass


def test_a_revision_that_is_not_there_is_named(scratch: Scratch):
    scratch.commit()
    with (
        pytest.raises(ConfigurationError, match="'nowhere' is no commit"),
        selected(scratch, Which.BASE, "nowhere"),
    ):
        pass


def test_a_revision_that_looks_like_an_option_is_only_a_name(scratch: Scratch):
    scratch.commit()
    with pytest.raises(ConfigurationError, match="is no commit"), selected(scratch, Which.COMMIT, "--output=x"):
        pass
