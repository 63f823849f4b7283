"""A repository with pipes, devices and paths that lead out of it is refused, and nothing waits for it."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from reviewer.errors import ConfigurationError
from reviewer.local import special_files
from reviewer.local.overlay import overlay_worktree
from reviewer.local.repository import find_repository
from reviewer.local.scratch import open_scratch
from reviewer.local.selection import Selection, select
from tests.local.repo import Scratch


@pytest.fixture
def made(tmp_path: Path) -> Scratch:
    made = Scratch(tmp_path / "repo")
    made.commit(**{"a.py": "a = 1\n"})
    made.write("a.py", "a = 2\n")
    return made


def paths(made: Scratch) -> list[str]:
    with select(find_repository(made.root), Selection()) as selected:
        return [file.path for file in selected.change.files]


def refused(made: Scratch) -> str:
    with pytest.raises(ConfigurationError) as caught:
        paths(made)
    return str(caught.value)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_an_ordinary_repository_is_not_refused(made: Scratch, monkeypatch: pytest.MonkeyPatch):
    made.git("config", "include.path", "../more.config")
    (made.root / "more.config").write_text("[user]\n\tname = A\n")
    with socket.socket(socket.AF_UNIX) as daemon:
        # Git's own file system monitor keeps a socket there.
        monkeypatch.chdir(made.root / ".git")
        daemon.bind("fsmonitor--daemon.ipc")
        assert "a.py" in paths(made)


@pytest.mark.parametrize(
    "section", ["include", "INCLUDE", 'includeIf "gitdir:/nowhere/"', 'includeIf "onbranch:x"']
)
def test_an_included_pipe_is_named(made: Scratch, section: str):
    os.mkfifo(made.root / "pipe")
    append(made.root / ".git/config", f"[{section}]\n\tpath = ../pipe\n")
    assert "include.path of" in refused(made)
    assert "pipe" in refused(made)


def test_a_pipe_that_an_included_file_includes_is_named(made: Scratch):
    os.mkfifo(made.root / "pipe")
    append(made.root / ".git/config", "[include]\n\tpath = one\n")
    (made.root / ".git/one").write_text(f'[include]\n\tpath = "{made.root}/pipe"\n')
    assert f"{made.root}/.git/one" in refused(made)


def test_files_that_include_each_other_end(made: Scratch):
    append(made.root / ".git/config", "[include]\n\tpath = config\n")
    special_files.refuse_special_files(made.root / ".git", made.root / ".git")


def test_an_included_device_is_named(made: Scratch):
    append(made.root / ".git/config", "[include]\n\tpath = /dev/zero\n")
    assert "/dev/zero" in refused(made)


@pytest.mark.parametrize("key", ["core.excludesFile", "core.attributesFile"])
@pytest.mark.parametrize("target", ["pipe", "/dev/zero"])
def test_a_list_of_patterns_that_is_a_pipe_or_a_device_is_named(made: Scratch, key: str, target: str):
    os.mkfifo(made.root / "pipe")
    made.git("config", key, target)
    assert key.lower() in refused(made)


@pytest.mark.parametrize(
    "name", ["info/exclude", "packed-refs", "refs/heads/next", "HEAD.lock", "objects/info/commit-graph", "shallow"]
)
def test_a_pipe_among_git_s_own_files_is_named(made: Scratch, name: str):
    path = made.root / ".git" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert name in refused(made)


def test_a_link_to_a_device_among_git_s_own_files_is_named(made: Scratch):
    (made.root / ".git/packed-refs").symlink_to("/dev/zero")
    assert "packed-refs" in refused(made)


@pytest.mark.parametrize("name", [".gitignore", ".gitattributes", "deep/er/.gitignore"])
def test_a_pipe_in_place_of_patterns_in_the_work_tree_is_named(made: Scratch, name: str):
    made.write("deep/er/b.py", "b = 1\n")
    os.mkfifo(made.root / name)
    with (
        open_scratch(find_repository(made.root)) as scratch,
        pytest.raises(ConfigurationError, match="is a pipe or a device") as caught,
    ):
        overlay_worktree(replace(scratch, patience=0.2), scratch.repository.resolve("HEAD"))
    assert name in str(caught.value)


def test_a_slow_work_tree_without_a_pipe_gets_its_whole_time(made: Scratch):
    with open_scratch(find_repository(made.root)) as scratch:
        found = replace(scratch, patience=0.0).look(["ls-files", "-z"])
    assert found == b"a.py\0"


def test_pipes_sockets_and_endless_files_of_the_work_tree_are_not_read(made: Scratch):
    os.mkfifo(made.root / "new_pipe")
    (made.root / "a.py").unlink()
    os.mkfifo(made.root / "a.py")
    (made.root / "leads_out").symlink_to("/proc/self/fd/0")
    with (made.root / "huge.py").open("wb") as file:
        file.truncate(1 << 40)
    with select(find_repository(made.root), Selection()) as selected:
        changed = {file.path for file in selected.change.files}
        told = {skip.path: skip.reason for skip in selected.untouched}
        assert selected.head.read("leads_out") is None
    assert changed == {"leads_out"}
    assert told == {"a.py": "neither a file nor a link", "huge.py": "larger than 5 MiB"}


def test_credentials_without_end_are_told_by_their_size_alone(made: Scratch):
    made.commit(id_rsa="x\n")
    with (made.root / "id_rsa").open("wb") as file:
        file.truncate(1 << 40)
    with select(find_repository(made.root), Selection()) as selected:
        assert [skip.path for skip in selected.untouched] == ["id_rsa"]


def test_a_pointer_without_end_is_refused(made: Scratch, tmp_path: Path):
    (tmp_path / "tree").mkdir()
    with (tmp_path / "tree/.git").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigurationError, match="cannot be read: larger than"):
        find_repository(tmp_path / "tree")


def test_an_index_without_end_is_not_copied(made: Scratch):
    with (made.root / ".git/index").open("ab") as file:
        file.truncate(1 << 40)
    assert "bytes, more than the" in refused(made)


def index_with(path: bytes, blob: str) -> bytes:
    """Return an index of version 2 with one entry; git checks no path when it reads one."""
    stat = struct.pack(">10I", 0, 0, 0, 0, 0, 0, 0o100644, 0, 0, 0)
    entry = stat + bytes.fromhex(blob) + struct.pack(">H", len(path)) + path
    entry += b"\0" * (8 - len(entry) % 8)
    body = b"DIRC" + struct.pack(">II", 2, 1) + entry
    return body + hashlib.sha1(body).digest()


@pytest.mark.parametrize(
    "path",
    [b"../outside", b"deep/../../outside", b"/etc/passwd", b".git/config", b"a/.GIT/hooks/x", b"./a.py", b"a//b"],
)
def test_an_index_that_names_a_path_outside_is_refused_before_the_path_is_read(
    made: Scratch, tmp_path: Path, path: bytes
):
    # Whoever opens the pipe waits: that the test ends shows that nobody did.
    os.mkfifo(tmp_path / "outside")
    (made.root / ".git/index").write_bytes(index_with(path, made.git("rev-parse", "HEAD:a.py")))
    assert "no path of its work tree" in refused(made)


def test_an_index_with_dotted_names_is_not_refused(made: Scratch):
    made.write(".github/x.yml", "a: 1\n")
    made.write(".gitignore", "*.o\n")
    made.write("a/.hidden/..b", "x\n")
    made.git("add", ".")
    assert sorted(paths(made)) == [".github/x.yml", ".gitignore", "a.py", "a/.hidden/..b"]
