"""What git calls clean is clean, what git would commit is what is reviewed: compared with the real git."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.paths import PathRules
from reviewer.local import worktree
from reviewer.local.repository import find_repository
from reviewer.local.selection import Selected, Selection, Which, select
from tests.git_folder import ENV
from tests.local.repo import Scratch


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path / "repo")


@contextmanager
def selected(scratch: Scratch, which: Which = Which.UNCOMMITTED, **more: object) -> Iterator[Selected]:
    with select(find_repository(scratch.root), Selection(which), **more) as found:  # type: ignore[arg-type]
        yield found


def changed(scratch: Scratch, which: Which = Which.UNCOMMITTED) -> set[str]:
    with selected(scratch, which) as found:
        return {file.path for file in found.change.files}


def test_a_sparse_checkout_has_deleted_nothing(scratch: Scratch):
    scratch.commit(**{"in/a.py": "a = 1\n", "out/b.py": "b = 1\n", "out/secret.py": "s = 1\n"})
    scratch.git("sparse-checkout", "set", "--cone", "in")
    assert not (scratch.root / "out").exists()
    assert changed(scratch) == set()
    scratch.write("in/a.py", "a = 2\n")
    assert changed(scratch) == {"in/a.py"}
    assert changed(scratch, Which.STAGED) == set()


def test_a_sparse_index_is_read_like_a_full_one(scratch: Scratch):
    scratch.commit(**{"in/a.py": "a = 1\n", "out/b.py": "b = 1\n", "out/deep/c.py": "s = 1\n"})
    scratch.git("sparse-checkout", "set", "--cone", "--sparse-index", "in")
    scratch.write("in/a.py", "a = 2\n")
    assert changed(scratch) == {"in/a.py"}


@pytest.mark.parametrize("flag", ["--skip-worktree", "--assume-unchanged"])
def test_an_edit_that_git_was_told_to_overlook_is_overlooked(scratch: Scratch, flag: str):
    scratch.commit(**{"config.py": "key = ''\n"})
    scratch.git("update-index", flag, "config.py")
    scratch.write("config.py", "key = 'mine alone'\n")
    with selected(scratch) as found:
        assert found.change.files == ()
        assert found.head.read("config.py") == b"key = ''\n"


def test_what_the_user_ignores_everywhere_is_ignored_here(scratch: Scratch, tmp_path: Path, monkeypatch):
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.write("notes.private", "mine\n")
    scratch.write(".idea/x.xml", "<x/>\n")
    (tmp_path / "excludes").write_text("*.private\n")
    (tmp_path / "gitconfig").write_text(f"[core]\n\texcludesFile = {tmp_path / 'excludes'}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    assert changed(scratch) == {".idea/x.xml"}
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "git").mkdir(parents=True)
    (tmp_path / "config" / "git" / "ignore").write_text(".idea/\n")
    assert changed(scratch) == {"notes.private"}


def test_what_the_repository_alone_ignores_is_ignored(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n"})
    (scratch.root / ".git" / "info").mkdir(exist_ok=True)
    (scratch.root / ".git" / "info" / "exclude").write_text("scratch.*\n")
    scratch.write("scratch.py", "s = 1\n")
    assert changed(scratch) == set()


def with_filter(scratch: Scratch, name: str, clean: str) -> None:
    scratch.git("config", f"filter.{name}.clean", clean)
    scratch.git("config", f"filter.{name}.smudge", "cat")
    scratch.git("config", f"filter.{name}.required", "true")


def test_plain_text_behind_an_encrypting_filter_is_not_read(scratch: Scratch):
    with_filter(scratch, "git-crypt", "printf '\\0GITCRYPT\\0'; rev")
    scratch.commit(**{".gitattributes": "keys/** filter=git-crypt diff=git-crypt\n", "keys/a.txt": "plain one\n"})
    scratch.write("keys/a.txt", "plain two\n")
    scratch.write("keys/new.txt", "plain three\n")
    with selected(scratch) as found:
        assert found.change.files == ()
        assert {skip.path: skip.excluded for skip in found.untouched} == {"keys/a.txt": True, "keys/new.txt": True}
        assert "plain" not in repr([found.head.read(path) for path in ("keys/a.txt", "keys/new.txt")])


def test_what_a_filter_would_strip_is_not_read_and_counts_as_not_reviewed(scratch: Scratch):
    with_filter(scratch, "strip", "sed s/token=.*/token=X/")
    scratch.commit(**{".gitattributes": "*.cfg filter=strip\n", "a.cfg": "token=hunter2\n", "b.py": "b = 1\n"})
    scratch.write("a.cfg", "token=hunter3\n")
    scratch.write("b.py", "b = 2\n")
    with selected(scratch) as found:
        assert [file.path for file in found.change.files] == ["b.py"]
        (skip,) = found.untouched
        assert (skip.path, skip.excluded) == ("a.cfg", False)
        assert "'strip'" in skip.reason


def test_a_filter_that_nobody_configured_changes_nothing(scratch: Scratch):
    scratch.commit(**{".gitattributes": "*.py filter=nowhere\n", "a.py": "a = 1\n"})
    scratch.write("a.py", "a = 2\n")
    assert changed(scratch) == {"a.py"}


def test_a_change_of_the_same_size_and_time_is_seen(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n"})
    before = (scratch.root / "a.py").stat()
    scratch.write("a.py", "a = 2\n")
    os.utime(scratch.root / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert changed(scratch) == {"a.py"}


def test_a_file_that_was_only_touched_is_no_change(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n", "id_rsa": "key\n"})
    for name in ("a.py", "id_rsa"):
        os.utime(scratch.root / name, (1, 1))
    with selected(scratch) as found:
        assert (found.change.files, found.untouched) == ((), ())


def test_a_name_that_is_only_meant_to_be_added_is_new_in_the_work_tree_and_not_staged(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.write("n.py", "n = 1\n")
    scratch.git("add", "-N", "n.py")
    with selected(scratch) as found:
        (file,) = found.change.files
        assert (file.path, file.status.value, file.additions) == ("n.py", "added", 1)
    assert changed(scratch, Which.STAGED) == set()


def test_a_link_in_place_of_a_folder_is_one_link(scratch: Scratch, tmp_path: Path):
    scratch.commit(**{"d/a.py": "a = 1\n", "b.py": "b = 1\n"})
    shutil.rmtree(scratch.root / "d")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.py").write_text("outside\n")
    (scratch.root / "d").symlink_to(tmp_path / "elsewhere")
    with selected(scratch) as found:
        assert {(file.path, file.status.value) for file in found.change.files} == {
            ("d", "added"),
            ("d/a.py", "removed"),
        }
        assert "outside" not in repr(found.change)


def test_encodings_of_the_work_tree_are_those_of_the_commit(scratch: Scratch):
    scratch.commit(
        **{".gitattributes": "*.txt working-tree-encoding=UTF-16\n", "a.txt": "one\ntwo\n".encode("utf-16")}
    )
    scratch.write("a.txt", "one\nthree\n".encode("utf-16"))
    with selected(scratch) as found:
        (file,) = found.change.files
        assert [line.text for hunk in file.hunks for line in hunk.added] == ["three"]


def test_a_conflict_left_by_a_deletion_is_a_deletion(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.git("checkout", "--quiet", "-b", "side")
    scratch.commit(**{"a.py": "a = 2\n"})
    scratch.git("checkout", "--quiet", "main")
    scratch.git("rm", "--quiet", "a.py")
    scratch.git("commit", "--quiet", "-m", "gone")
    scratch.git("merge", "side", check=False)
    (scratch.root / "a.py").unlink(missing_ok=True)
    with selected(scratch) as found:
        assert found.change.files == ()
        assert "a.py" in found.notices[0]


def test_a_split_index_is_read_whole_and_left_alone(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n", "b.py": "b = 1\n"})
    scratch.git("update-index", "--split-index")
    scratch.write("b.py", "b = 2\n")
    scratch.git("add", "b.py")
    before = {path: path.stat().st_mtime_ns for path in (scratch.root / ".git").iterdir()}
    assert changed(scratch, Which.STAGED) == {"b.py"}
    assert {path: path.stat().st_mtime_ns for path in (scratch.root / ".git").iterdir()} == before


def test_untracked_files_out_of_scope_are_told_in_one_line_and_not_read(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n"})
    for number in range(worktree.TOLD_SINGLY + 10):
        scratch.write(f"node_modules/p{number}/index.js", "x\n")
    scratch.write("b.py", "b = 1\n")
    with selected(scratch, rules=lambda _base: PathRules()) as found:
        assert [file.path for file in found.change.files] == ["b.py"]
        (skip,) = found.untouched
        assert (skip.path, skip.excluded) == (f"node_modules/ ({worktree.TOLD_SINGLY + 10} files)", True)
        assert found.head.read("node_modules/p1/index.js") is None


def test_untracked_files_outside_the_named_paths_are_not_read(scratch: Scratch):
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.write("x/a.py", "a = 1\n")
    scratch.write("y/b.py", "b = 1\n")
    with select(find_repository(scratch.root), Selection(pathspecs=("x",))) as found:
        assert found.head.read("x/a.py") == b"a = 1\n"
        assert found.head.read("y/b.py") is None


def test_more_untracked_text_than_one_review_holds_is_left_out_and_counts(scratch: Scratch, monkeypatch):
    monkeypatch.setattr(worktree, "UNTRACKED_LIMIT", 100)
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.write("small.py", "s = 1\n")
    scratch.write("large.py", "l = 1\n" * 40)
    with selected(scratch) as found:
        assert [file.path for file in found.change.files] == ["small.py"]
        assert [(skip.path, skip.excluded) for skip in found.untouched] == [("large.py", False)]


def test_the_number_of_git_processes_does_not_follow_the_number_of_files(scratch: Scratch, tmp_path: Path):
    """A copy of a checkout: no time stamp is the one of the index."""
    scratch.commit(**{f"d{n % 7}/f{n}.py": f"f = {n}\n" for n in range(300)})
    shutil.copytree(scratch.root, tmp_path / "copy", symlinks=True, copy_function=shutil.copyfile)
    counted = tmp_path / "count"
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\necho x >> {counted}\nexec {shutil.which("git")} "$@"\n')
    wrapper.chmod(0o755)
    program = Path(sys.executable).parent / "kilo-review-uncommitted"
    env = {**ENV, "PATH": f"{wrapper.parent}:{ENV['PATH']}", "HOME": str(tmp_path), "KILO_REVIEW_OFFLINE": "1"}
    done = subprocess.run([program], cwd=tmp_path / "copy", env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing to review" in done.stdout
    assert len(counted.read_text().split()) <= 15


# Names and contents that git treats in its own way.
NAMES = (
    "a.py",
    "d/b.py",
    "d/e/c.txt",
    " lead.py",
    "tab\t.py",
    "new\nline.py",
    'q"uote.py',
    "back\\slash.py",
    "-x.py",
)
CONTENTS = (b"one\n", b"two\n", b"one\r\ntwo\r\n", b"", b"\x00\x01", "caf\xe9\n".encode("latin-1"), b"no end")
STEPS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), st.sampled_from(CONTENTS)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.just(b"")),
    st.tuples(st.just("stage"), st.sampled_from(NAMES), st.just(b"")),
    st.tuples(st.just("unstage"), st.sampled_from(NAMES), st.just(b"")),
    st.tuples(st.just("intend"), st.sampled_from(NAMES), st.just(b"")),
    st.tuples(st.just("chmod"), st.sampled_from(NAMES), st.just(b"")),
    st.tuples(st.just("link"), st.sampled_from(NAMES), st.just(b"")),
    st.tuples(st.just("hide"), st.sampled_from(NAMES), st.just(b"")),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=1, max_size=6), st.sampled_from(["", "* text=auto\n", "*.py text eol=crlf\n"]))
def test_the_reviewed_trees_are_those_that_git_would_write(tmp_path_factory, steps, attributes: str):
    made = Scratch(tmp_path_factory.mktemp("drawn") / "repo")
    made.commit(**dict.fromkeys(NAMES[::2], b"one\n"), **({".gitattributes": attributes} if attributes else {}))
    for verb, name, content in steps:
        take(made, verb, name, content)
    with selected(made, Which.STAGED) as found:
        staged = tree_of(found)
    with selected(made) as found:
        everything = tree_of(found)
    assert staged == made.git("write-tree")
    made.git("add", "-A")
    assert everything == made.git("write-tree")


def take(made: Scratch, verb: str, name: str, content: bytes) -> None:
    path = made.root / name
    match verb:
        case "write" | "link":
            path.unlink(missing_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            # A file of CR LF only, over one with LF, is reviewed as LF: a test of its own says so.
            path.symlink_to("nowhere") if verb == "link" else path.write_bytes(content.replace(b"\r\n", b"\n"))
        case "delete":
            path.unlink(missing_ok=True)
        case "chmod" if path.is_file():
            path.chmod(0o755)
        case "stage":
            made.git("add", "--", name, check=False)
        case "intend":
            made.git("add", "-N", "--", name, check=False)
        case "unstage":
            made.git("reset", "--quiet", "--", name, check=False)
        case "hide":
            made.git("update-index", "--skip-worktree", "--", name, check=False)


def tree_of(found: Selected) -> str:
    git_dir = found.head.git_dir
    command = ["git", f"--git-dir={git_dir}", "rev-parse", f"{found.change.head}^{{tree}}"]
    return subprocess.run(command, env=ENV, capture_output=True, text=True, check=True).stdout.strip()


def test_a_change_within_the_second_of_the_index_is_seen_beside_a_deletion(scratch: Scratch):
    """Git may compare whole seconds: a file written in the second of the index is told by its content."""
    for number in range(2, 6):
        scratch.commit(**{"a.py": "a = 1\n", "gone.py": "g = 1\n", "n.txt": f"{number}\n"})
        scratch.write("a.py", f"a = {number}\n")
        (scratch.root / "gone.py").unlink()
        assert changed(scratch) == {"a.py", "gone.py"}


@pytest.fixture
def partial(scratch: Scratch, tmp_path: Path) -> Scratch:
    """A clone without the contents of old commits."""
    scratch.commit(**{"a.py": "a = 1\n", "b.py": "b = 1\n"})
    scratch.commit(**{"a.py": "a = 2\n"})
    scratch.git("config", "uploadpack.allowFilter", "true")
    scratch.git("clone", "--quiet", "--filter=blob:none", f"file://{scratch.root}", str(tmp_path / "partial"))
    clone = Scratch.__new__(Scratch)
    clone.root = tmp_path / "partial"
    return clone


def test_a_partial_clone_is_reviewed_where_its_contents_are(partial: Scratch):
    partial.write("b.py", "b = 2\n")
    assert changed(partial) == {"b.py"}
    with select(find_repository(partial.root), Selection(Which.BASE, "HEAD~1")) as found:
        assert [file.path for file in found.change.files] == ["b.py"]
        (skip,) = found.untouched
        assert (skip.path, skip.excluded) == ("a.py", False)
        assert "git diff --stat" in skip.reason


def test_what_a_partial_clone_lacks_is_there_after_the_command_that_it_names(partial: Scratch):
    with select(find_repository(partial.root), Selection(Which.COMMIT, "HEAD")) as found:
        (skip,) = found.untouched
    command = skip.reason.partition("first: ")[2].split()
    partial.git(*command[1:])
    with select(find_repository(partial.root), Selection(Which.COMMIT, "HEAD")) as found:
        assert [file.path for file in found.change.files] == ["a.py"]
        assert found.untouched == ()
