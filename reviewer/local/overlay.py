"""Uncommitted changes as a commit in a scratch repository that borrows the real one's objects.

What git would commit is what the commit holds: the tree is written by git itself from a copy of the index, into
which the changed files of the work tree were taken with git's own conversions. No filter, hook or other program of
the repository under review runs, and the real repository is not written to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reviewer.findings.model import Skipped
from reviewer.git.decode import path_of, raw_path
from reviewer.local.scratch import Scratch
from reviewer.local.worktree import FILE_LIMIT, Differences, differences

if TYPE_CHECKING:
    from policies.paths import PathRules

_POINTER: Final = b"version https://git-lfs.github.com/spec/v1\n"


@dataclass(frozen=True, slots=True)
class Overlay:
    """`commit` holds the changes on top of `parent`, the real HEAD or an empty commit.

    `untouched` are paths left out, each with its reason: they exist, may have changed, and were not read.
    `conflicts` are paths with unresolved conflicts, taken as they are on disk.
    """

    parent: str
    commit: str
    untouched: tuple[Skipped, ...] = ()
    conflicts: tuple[str, ...] = ()


def overlay_index(scratch: Scratch, head: str | None) -> Overlay:
    """Commit the index as it is staged on top of `head` (None: an unborn branch)."""
    return _committed(scratch, head, (), ())


def overlay_worktree(
    scratch: Scratch,
    head: str | None,
    *,
    pathspecs: Sequence[str] = (),
    rules: Callable[[], PathRules] | None = None,
) -> Overlay:
    """Commit the work tree on top of `head`: tracked files as they are on disk, and what git does not ignore.

    `pathspecs` (relative to the top) and `rules` say which untracked files are read; rules are asked for only then.
    """
    found = differences(scratch, pathspecs, rules)
    _take(scratch, found)
    _mend(scratch, head, found)
    return _committed(scratch, head, found.untouched, tuple(map(path_of, found.conflicts)))


def _take(scratch: Scratch, found: Differences) -> None:
    """Bring the differences into the scratch index, removals first: a file may have become a folder."""
    # A file with a conflict that is not read has no entry that could be written to a tree.
    unread = frozenset(found.conflicts).difference(found.taken)
    if removed := dict.fromkeys((*found.removed, *unread)):
        _set_entries(scratch, ((b"0", b"0" * _id_length(scratch), path) for path in removed))
    if found.taken:
        names = b"".join(path + b"\0" for path in found.taken)
        scratch.take(["update-index", "--add", "--remove", "--replace", "-z", "--stdin"], input=names)


def _mend(scratch: Scratch, head: str | None, found: Differences) -> None:
    """Undo, without running a filter, what one would have undone.

    A checkout with CRLF line ends of a file stored with LF is not a change of every line, and a large file stored
    as a Git LFS pointer is not a change from three lines to the whole file.
    """
    mended: dict[bytes, tuple[bytes, bytes]] = {path: (b"100644", _another_pointer()) for path in found.pointers}
    if head is not None and found.taken:
        taken = frozenset(found.taken)
        raw = scratch.run(["diff-index", "--cached", "--raw", "-z", "--no-renames", head])
        fields = iter(raw.split(b"\0"))
        for meta, path in zip(fields, fields, strict=False):
            old_mode, new_mode, old, new, _status = meta.decode("ascii").lstrip(":").split()
            if path in taken and old_mode.startswith("100") and new_mode.startswith("100"):
                data = _as_committed(scratch, old, new)
                if data is not None:
                    mended[path] = (new_mode.encode(), data)
    if mended:
        ids = scratch.store([data for _mode, data in mended.values()])
        rows = zip(mended.items(), ids, strict=True)
        _set_entries(scratch, ((mode, blob.encode(), path) for (path, (mode, _data)), blob in rows))


def _as_committed(scratch: Scratch, old_id: str, new_id: str) -> bytes | None:
    """Return what to hold in place of a file's new content, None where it stays."""
    found = scratch.blobs.read((old_id, new_id))
    old, new = found.get(old_id), found.get(new_id)
    if old is None or new is None:
        return None
    if old.startswith(_POINTER):
        return None if new.startswith(_POINTER) else _another_pointer()
    if b"\r\n" in new and b"\r\n" not in old and new.count(b"\r\n") == new.count(b"\n"):
        return new.replace(b"\r\n", b"\n")
    return None


def _another_pointer() -> bytes:
    return _POINTER + b"oid changed in the work tree\n"


def _set_entries(scratch: Scratch, rows: Iterable[tuple[bytes, bytes, bytes]]) -> None:
    """Write (mode, blob, path) into the scratch index; mode 0 removes a path."""
    lines = b"".join(mode + b" " + blob + b"\t" + path + b"\0" for mode, blob, path in rows)
    # On the work tree: a writer of an index marks there which files changed within the tick of its last writing.
    scratch.take(["update-index", "--add", "-z", "--index-info"], input=lines)


def _id_length(scratch: Scratch) -> int:
    return 64 if scratch.config.values.get("extensions.objectformat") == "sha256" else 40


def _committed(
    scratch: Scratch, head: str | None, untouched: tuple[Skipped, ...], conflicts: tuple[str, ...]
) -> Overlay:
    # In a partial clone the index names objects that are not here; the diff is asked of those that are.
    tree = scratch.run(["write-tree", "--missing-ok"]).decode().strip()
    parent = head or scratch.empty_commit()
    if scratch.tree_of(parent) == tree:
        return Overlay(parent, parent, untouched, conflicts)
    return Overlay(parent, scratch.commit(tree, parent), untouched, conflicts)


def read_below(root: Path, path: str) -> bytes:
    """Read a regular file below a folder, refusing a symbolic link in any part of the path; raises OSError."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    *folders, name = raw_path(path).split(b"/")
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
