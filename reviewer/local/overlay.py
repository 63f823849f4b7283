"""Uncommitted changes as a commit in a scratch repository that borrows the real one's objects.

Git never looks at the work tree: no filter, hook, attribute or configuration of the repository under review can
run or change what is read. The real repository is not written to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reviewer.context.secret_paths import is_secret_path
from reviewer.errors import GitFailed
from reviewer.git.git import run_git
from reviewer.local.repository import Repository

FILE_LIMIT: Final = 5 * 1024 * 1024
_CREDENTIALS: Final = "its name says that it holds credentials: it is never read"
_POINTER: Final = b"version https://git-lfs.github.com/spec/v1\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """A path of the index: git's octal mode, blob id, and the stamp that tells whether the file was touched."""

    mode: str
    blob: str
    stamp: tuple[int, int, int] = (0, 0, -1)


@dataclass(frozen=True, slots=True)
class Overlay:
    """A scratch repository: `commit` holds the changes on top of `parent`, the real HEAD or an empty commit.

    `untouched` are paths left out, each with its reason: they exist, changed, and were not read.
    """

    git_dir: Path
    parent: str
    commit: str
    untouched: tuple[tuple[str, str], ...]


def scratch_repository(repository: Repository, folder: Path) -> Path:
    """Make an empty bare repository whose objects are the real one's, with no configuration of its own."""
    git_dir = folder / "scratch.git"
    hash_name = repository.config("extensions.objectformat") or "sha1"
    run_git(
        ["init", "--quiet", "--bare", f"--object-format={hash_name}", "--template=", str(git_dir)], git_dir=None
    )
    info = git_dir / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "alternates").write_bytes(os.fsencode(repository.objects) + b"\n")
    shallow = repository.common_dir / "shallow"
    if shallow.is_file():
        (git_dir / "shallow").write_bytes(shallow.read_bytes())
    return git_dir


def overlay_index(repository: Repository, git_dir: Path, head: str | None) -> Overlay:
    """Commit the index as it is staged on top of `head` (None: an unborn branch)."""
    old = _tree(git_dir, head)
    index = read_index(repository)
    commands = [
        _pointing(path, entry) for path, entry in index.items() if old.get(path) != (entry.mode, entry.blob)
    ]
    commands += [_deleted(path) for path in old if path not in index]
    return _committed(git_dir, head, commands, ())


def overlay_worktree(repository: Repository, git_dir: Path, head: str | None) -> Overlay:
    """Commit the work tree on top of `head`: tracked files as they are on disk, and what git does not ignore."""
    old = _tree(git_dir, head)
    index = read_index(repository)
    file_mode = repository.config("core.filemode") != "false"
    commands: list[bytes] = []
    untouched: list[tuple[str, str]] = []
    for path, entry in index.items():
        command = _tracked(repository, path, entry, untouched, file_mode=file_mode)
        if command is None:
            commands += [_deleted(path)] if path in old else []
        elif command or old.get(path) != (entry.mode, entry.blob):
            commands.append(command or _pointing(path, entry))
    commands += [_deleted(path) for path in old if path not in index]
    for path in _untracked(repository):
        if is_secret_path(path):
            untouched.append((path, _CREDENTIALS))
            continue
        commands.append(_from_disk(repository, path, None, untouched, file_mode=True))
    return _committed(git_dir, head, [command for command in commands if command], untouched)


def read_index(repository: Repository) -> dict[str, Entry]:
    """Return the index by path; of an unmerged path, "ours"."""
    raw = run_git(["ls-files", "-s", "-z", "--debug"], git_dir=repository.git_dir, work_tree=repository.root)
    index: dict[str, Entry] = {}
    for meta, path, stamp in _records(raw):
        mode, blob, stage = meta.decode("ascii").split()
        if stage == "0":
            index[path] = Entry(mode, blob, stamp)
        elif stage in ("1", "2", "3") and (stage == "2" or path not in index):
            index[path] = Entry(mode, blob)
    return index


def unmerged(repository: Repository) -> tuple[str, ...]:
    """Return the paths with conflicts."""
    raw = run_git(["ls-files", "-u", "-z"], git_dir=repository.git_dir)
    paths = (record.partition(b"\t")[2].decode("utf-8", "surrogateescape") for record in raw.split(b"\0") if record)
    return tuple(dict.fromkeys(paths))


def _records(raw: bytes) -> Iterator[tuple[bytes, str, tuple[int, int, int]]]:
    """Split `ls-files -s -z --debug`: "mode blob stage TAB path NUL" and five indented lines with the stamp."""
    at = 0
    while at < len(raw):
        end = raw.index(b"\0", at)
        meta, _, name = raw[at:end].partition(b"\t")
        at = end + 1
        values: dict[bytes, bytes] = {}
        while raw.startswith(b"  ", at):
            stop = raw.index(b"\n", at)
            for field in raw[at:stop].split(b"\t"):
                key, _, value = field.strip().partition(b": ")
                values[key] = value
            at = stop + 1
        seconds, _, nanos = values.get(b"mtime", b"0:0").partition(b":")
        yield (
            meta,
            name.decode("utf-8", "surrogateescape"),
            (int(seconds), int(nanos), int(values.get(b"size", b"-1"))),
        )


def _tracked(
    repository: Repository, path: str, entry: Entry, untouched: list[tuple[str, str]], *, file_mode: bool
) -> bytes | None:
    """Return the command for a tracked path: b"" where it is as indexed, None where it is gone from disk."""
    if entry.mode == "160000":
        moved = _submodule_head(repository.root / path)
        return _pointing(path, Entry("160000", moved)) if moved and moved != entry.blob else b""
    try:
        found = os.lstat(repository.root / path)
    except OSError:
        return None
    same_mode = bool(found.st_mode & 0o111) == (entry.mode == "100755") or not file_mode
    same_kind = stat.S_ISREG(found.st_mode) == (entry.mode != "120000")
    stamp = (*divmod(found.st_mtime_ns, 10**9), found.st_size)
    if stamp == entry.stamp and same_mode and same_kind:
        return b""
    if is_secret_path(path):
        untouched.append((path, _CREDENTIALS))
        return b""
    return _from_disk(repository, path, entry, untouched, file_mode=file_mode)


def _from_disk(
    repository: Repository, path: str, entry: Entry | None, untouched: list[tuple[str, str]], *, file_mode: bool
) -> bytes:
    """Return the command for what is on disk, b"" where it cannot be had."""
    target = repository.root / path
    try:
        found = os.lstat(target)
        if stat.S_ISLNK(found.st_mode):
            return _inline("120000", path, os.fsencode(target.readlink()))
        if not stat.S_ISREG(found.st_mode):
            return b""
        if found.st_size > FILE_LIMIT:
            untouched.append((path, f"larger than {FILE_LIMIT // 1024**2} MiB"))
            return b""
        data = read_below(repository.root, path)
    except OSError as error:
        untouched.append((path, f"cannot be read: {error.strerror}"))
        return b""
    executable = bool(found.st_mode & 0o111) if file_mode or entry is None else entry.mode == "100755"
    old = _blob(repository, entry.blob) if entry is not None and entry.mode != "120000" else None
    return _inline("100755" if executable else "100644", path, _as_committed(data, old))


def _as_committed(data: bytes, old: bytes | None) -> bytes:
    """Undo what a clean filter would have undone, without running one.

    A checkout with CRLF line ends of a file stored with LF is not a change of every line, and a large file stored
    as a Git LFS pointer is not a change from three lines to the whole file.
    """
    if old is None:
        return data
    if old.startswith(_POINTER):
        return data if data.startswith(_POINTER) else _POINTER + b"oid changed in the work tree\n"
    if b"\r\n" in data and b"\r\n" not in old and data.count(b"\r\n") == data.count(b"\n"):
        return data.replace(b"\r\n", b"\n")
    return data


def read_below(root: Path, path: str) -> bytes:
    """Read a regular file below a folder, refusing a symbolic link in any part of the path; raises OSError."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    *folders, name = path.split("/")
    handle = os.open(root, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        for folder in folders:
            deeper = os.open(folder, flags | getattr(os, "O_DIRECTORY", 0), dir_fd=handle)
            os.close(handle)
            handle = deeper
        with os.fdopen(os.open(name, flags, dir_fd=handle), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(0, "not a regular file")
            return file.read(FILE_LIMIT + 1)
    finally:
        os.close(handle)


def _blob(repository: Repository, blob: str) -> bytes | None:
    try:
        return run_git(["cat-file", "blob", blob], git_dir=repository.git_dir, limit=FILE_LIMIT, cut=True)
    except GitFailed:
        return None


def _submodule_head(folder: Path) -> str | None:
    marker = folder / ".git"
    try:
        git_dir = (
            marker if marker.is_dir() else (folder / marker.read_text("utf-8").partition(":")[2].strip()).resolve()
        )
        found = run_git(["rev-parse", "--verify", "--quiet", "HEAD"], git_dir=git_dir)
    except (OSError, UnicodeDecodeError, GitFailed):
        return None
    return found.decode("ascii").strip() or None


def _untracked(repository: Repository) -> list[str]:
    args = ["ls-files", "-o", "-z", "--exclude-standard"]
    raw = run_git(args, git_dir=repository.git_dir, work_tree=repository.root)
    names = (name.decode("utf-8", "surrogateescape") for name in raw.split(b"\0") if name)
    # A folder that is a repository of its own is listed with a trailing slash.
    return [name for name in names if not name.endswith("/")]


def _tree(git_dir: Path, commit: str | None) -> dict[str, tuple[str, str]]:
    """Return path -> (mode, id) of a commit's tree."""
    if commit is None:
        return {}
    raw = run_git(["ls-tree", "-r", "-z", commit], git_dir=git_dir)
    tree = {}
    for record in raw.split(b"\0"):
        if record:
            meta, _, name = record.partition(b"\t")
            mode, _kind, blob = meta.decode("ascii").split()
            tree[name.decode("utf-8", "surrogateescape")] = (mode, blob)
    return tree


def _pointing(path: str, entry: Entry) -> bytes:
    return b"M %s %s %s\n" % (entry.mode.encode(), entry.blob.encode(), _quoted(path))


def _deleted(path: str) -> bytes:
    return b"D %s\n" % _quoted(path)


def _inline(mode: str, path: str, data: bytes) -> bytes:
    return b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), _quoted(path), len(data), data)


def _quoted(path: str) -> bytes:
    raw = path.encode("utf-8", "surrogateescape")
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


def _committed(
    git_dir: Path, head: str | None, commands: Sequence[bytes], untouched: Sequence[tuple[str, str]]
) -> Overlay:
    """Write the commit with one fast-import; nobody is named as author, the time is the epoch."""
    who = b"committer kilo-review <> 0 +0000\ndata 0\n\n"
    stream = []
    if head is None:
        stream += [b"commit refs/heads/empty\nmark :1\n", who]
    stream += [b"commit refs/heads/work\nmark :2\n", who, b"from %s\n" % (head.encode() if head else b":1")]
    args = ["fast-import", "--quiet", "--done", "--force", "--date-format=raw"]
    run_git(args, git_dir=git_dir, input=b"".join((*stream, *commands, b"done\n")))
    commit = run_git(["rev-parse", "refs/heads/work"], git_dir=git_dir).decode().strip()
    parent = head or run_git(["rev-parse", "refs/heads/empty"], git_dir=git_dir).decode().strip()
    return Overlay(git_dir, parent, commit, tuple(untouched))
