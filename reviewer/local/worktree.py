"""What differs between a work tree and its index, by git's own judgement, and what of it may be read.

Git compares as it always does: time stamps first, contents where those do not settle it, with the conversions of
line ends and encodings that attributes ask for. Files under `skip-worktree` or `assume-unchanged` and those outside
a sparse checkout count as unchanged, as in `git status`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reviewer.context.secret_paths import is_secret_path
from reviewer.errors import ConfigurationError
from reviewer.findings.model import Skipped
from reviewer.git.decode import path_of
from reviewer.local.scratch import Scratch

if TYPE_CHECKING:
    from policies.paths import PathRules

FILE_LIMIT: Final = 5 * 1024 * 1024
# All untracked files together: what is beyond it is no change that one review could hold.
UNTRACKED_LIMIT: Final = 32 * 1024 * 1024
# So many left out of one folder for one reason are told in one line.
TOLD_SINGLY: Final = 20
CREDENTIALS: Final = "its name says that it holds credentials: it is not read"
_LINK: Final = "160000"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the index: git's octal mode and blob id."""

    mode: str
    blob: str


@dataclass(frozen=True, slots=True)
class Differences:
    """Paths of the work tree to take into the index, to remove from it, and those that are not read.

    `pointers` are tracked files that git stores as Git LFS pointers and whose content is another now.
    """

    taken: tuple[bytes, ...]
    removed: tuple[bytes, ...]
    pointers: tuple[bytes, ...]
    untouched: tuple[Skipped, ...]
    conflicts: tuple[bytes, ...]


def differences(scratch: Scratch, pathspecs: Sequence[str], rules: Callable[[], PathRules] | None) -> Differences:
    """Compare the work tree with the index. `pathspecs` and `rules` narrow which untracked files are read.

    Raises ConfigurationError for an index that names a path outside the work tree, before anything there is read.
    """
    _refuse_outside(scratch)
    tracked, removed, conflicts = _tracked(scratch)
    untracked, untouched = _untracked(scratch, pathspecs, rules)
    filters = _filters(scratch, (*tracked, *untracked))
    taken: list[bytes] = []
    pointers: list[bytes] = []
    questions: dict[bytes, Skipped] = {}
    for path in (*tracked, *untracked):
        why = _unreadable(scratch, path, tracked.get(path), filters.get(path, ""))
        if why is None:
            taken.append(path)
        elif why is _POINTER:
            pointers.append(path)
        elif path in tracked and why.reason == CREDENTIALS and _size(scratch.repository.root, path) <= FILE_LIMIT:
            questions[path] = why
        else:
            untouched.append(why)
    untouched += _changed(scratch, questions, tracked)
    fitting, too_much = _within(scratch.repository.root, taken, frozenset(untracked))
    untouched += too_much
    return Differences(
        tuple(fitting), tuple(removed), tuple(pointers), tuple(_gathered(untouched)), tuple(conflicts)
    )


def _refuse_outside(scratch: Scratch) -> None:
    """Look through the paths of the index: git refuses such a path when it is added, not when it reads an index."""
    for path in scratch.run(["ls-files", "-z"]).split(b"\0"):
        # Most paths hold neither, and two searches in one string are quicker than its parts.
        if (path[:1] in (b"/", b".") or b"/." in path or b"//" in path) and _outside(path):
            raise ConfigurationError(
                f"the index of {scratch.repository.root} names {path_of(path)!r}, no path of its work tree",
                remedy="Make the index anew: git read-tree HEAD.",
            )


def _outside(path: bytes) -> bool:
    return any(part.lower() in (b"", b".", b"..", b".git") for part in path.removesuffix(b"/").split(b"/"))


def _tracked(scratch: Scratch) -> tuple[dict[bytes, Entry], list[bytes], list[bytes]]:
    """Return what `git diff-files` says: entries to look at, paths that are gone, paths with conflicts.

    An entry to look at may turn out to be unchanged: only its time stamp is known to differ.
    """
    # The status of a submodule's own work tree would be asked of a git that reads the submodule's configuration.
    raw = scratch.look(["diff-files", "--raw", "-z", "--no-renames", "--ignore-submodules=dirty"])
    entries: dict[bytes, Entry] = {}
    removed: list[bytes] = []
    conflicts: list[bytes] = []
    places = _Places(scratch.repository.root)
    fields = iter(raw.split(b"\0"))
    for meta, path in zip(fields, fields, strict=False):
        old_mode, _new_mode, blob, _zeros, status = meta.decode("ascii").lstrip(":").split()
        if status == "U":
            conflicts.append(path)
        there = places.kind(path)
        if there is None or (there == "folder" and old_mode != _LINK):
            removed.append(path)
        else:
            entries[path] = Entry(old_mode, blob)
    gone = [path for path in removed if path not in entries]
    return entries, list(dict.fromkeys(gone)), list(dict.fromkeys(conflicts))


class _Places:
    """Tells what is at paths of a work tree, without following a link in any part of a path."""

    def __init__(self, root: Path) -> None:
        self._root = os.fsencode(root)
        self._folders: dict[bytes, bool] = {b"": True}

    def kind(self, path: bytes) -> str | None:
        """Return "file" (or link), "folder" or "other", None where nothing is or a part is no folder."""
        folder, _, _name = path.rpartition(b"/")
        if not self._is_folder(folder):
            return None
        try:
            mode = os.lstat(self._root + b"/" + path).st_mode
        except OSError:
            return None
        return "file" if stat.S_ISREG(mode) or stat.S_ISLNK(mode) else "folder" if stat.S_ISDIR(mode) else "other"

    def _is_folder(self, folder: bytes) -> bool:
        if folder not in self._folders:
            try:
                there = stat.S_ISDIR(os.lstat(self._root + b"/" + folder).st_mode)
            except OSError:
                there = False
            self._folders[folder] = there and self._is_folder(folder.rpartition(b"/")[0])
        return self._folders[folder]


def _untracked(
    scratch: Scratch, pathspecs: Sequence[str], rules: Callable[[], PathRules] | None
) -> tuple[list[bytes], list[Skipped]]:
    """Return untracked files that may be in scope by their path, and those left out with the reason."""
    raw = scratch.look(["ls-files", "-o", "-z", "--exclude-standard", "--", *pathspecs])
    if not raw:
        return [], []
    from policies.paths import decide_path  # noqa: PLC0415 - it loads what a clean work tree does without

    paths = rules() if rules is not None else None
    wanted: list[bytes] = []
    left: list[Skipped] = []
    for path in raw.split(b"\0"):
        if not path:
            continue
        name = path_of(path)
        if name.endswith("/"):
            left.append(Skipped(name, "", "a git repository of its own", excluded=True))
        elif is_secret_path(name):
            left.append(Skipped(name, "", CREDENTIALS, excluded=True))
        elif paths is not None and not (decision := decide_path(name, paths)).included:
            left.append(Skipped(name, "", decision.reason, excluded=True))
        else:
            wanted.append(path)
    return wanted, left


def _filters(scratch: Scratch, paths: Iterable[bytes]) -> dict[bytes, str]:
    """Return the name of the `filter` attribute of each path that has one."""
    asked = b"".join(path + b"\0" for path in paths)
    if not asked:
        return {}
    fields = iter(scratch.look(["check-attr", "-z", "--stdin", "filter"], input=asked).split(b"\0"))
    rows = zip(fields, fields, fields, strict=False)
    return {
        path: value.decode("utf-8", "replace")
        for path, _name, value in rows
        if value not in (b"unspecified", b"unset", b"set", b"")
    }


_POINTER: Final = Skipped("", "", "stored as a Git LFS pointer", excluded=True)


def _unreadable(scratch: Scratch, path: bytes, entry: Entry | None, filter_name: str) -> Skipped | None:
    """Return why a file is not read, None where it may be, _POINTER where only its pointer is of interest."""
    name = path_of(path)
    if entry is not None and entry.mode == _LINK:
        return None
    target = os.fsencode(scratch.repository.root) + b"/" + path
    try:
        found = os.lstat(target)
    except OSError as error:
        return Skipped(name, "", f"cannot be read: {error.strerror}", excluded=False)
    if stat.S_ISLNK(found.st_mode):
        return None
    if not stat.S_ISREG(found.st_mode):
        return Skipped(name, "", "neither a file nor a link", excluded=True)
    if not os.access(target, os.R_OK):
        return Skipped(name, "", "cannot be read: permission denied", excluded=False)
    if is_secret_path(name):
        return Skipped(name, "", CREDENTIALS, excluded=True)
    if filter_name and (filtered := _by_filter(scratch, name, entry, filter_name)):
        return filtered
    if found.st_size > FILE_LIMIT:
        return Skipped(name, "", f"larger than {FILE_LIMIT // 1024**2} MiB", excluded=True)
    return None


def _by_filter(scratch: Scratch, name: str, entry: Entry | None, filter_name: str) -> Skipped | None:
    """Decide on a file with a `filter` attribute: what git would commit is what a program makes of it.

    No such program is run: the repository may have named it. Of Git LFS the result is known without.
    """
    if filter_name == "lfs":
        if entry is None:
            return Skipped(name, "", _POINTER.reason, excluded=True)
        return _POINTER if _is_pointer(_stored(scratch, entry)) else None
    stored = b"" if entry is None else _stored(scratch, entry)
    hidden = b"\0" in stored[:8000] or "crypt" in filter_name
    if not hidden and not scratch.config.runs_filter(filter_name):
        return None
    reason = (
        f"git would commit what the filter {filter_name!r} makes of it, and no filter is run here: it is not read"
    )
    return Skipped(name, "", reason, excluded=hidden)


def _stored(scratch: Scratch, entry: Entry) -> bytes:
    return scratch.blobs.read((entry.blob,)).get(entry.blob, b"")


def _is_pointer(data: bytes) -> bool:
    return data.startswith(b"version https://git-lfs.github.com/spec/")


def _changed(scratch: Scratch, files: Mapping[bytes, Skipped], entries: Mapping[bytes, Entry]) -> Iterator[Skipped]:
    """Yield those whose content is another than the index has; git hashes them, and nothing else sees them."""
    if not files:
        return
    names = b"".join(_quoted(path) + b"\n" for path in files)
    ids = scratch.look(["hash-object", "--stdin-paths"], input=names).decode("ascii").split()
    for (path, skip), blob in zip(files.items(), ids, strict=True):
        if blob != entries[path].blob:
            yield skip


def _quoted(path: bytes) -> bytes:
    return b'"' + path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


def _within(root: Path, taken: Sequence[bytes], untracked: frozenset[bytes]) -> tuple[list[bytes], list[Skipped]]:
    """Keep the untracked files below UNTRACKED_LIMIT in all, the smallest first."""
    sizes = {path: _size(root, path) for path in taken if path in untracked}
    total, beyond = 0, set()
    for path in sorted(sizes, key=sizes.__getitem__):
        total += sizes[path]
        if total > UNTRACKED_LIMIT:
            beyond.add(path)
    reason = f"the untracked files together are larger than {UNTRACKED_LIMIT // 1024**2} MiB"
    kept = [path for path in taken if path not in beyond]
    return kept, [Skipped(path_of(path), "", reason, excluded=False) for path in sorted(beyond)]


def _size(root: Path, path: bytes) -> int:
    try:
        return os.lstat(os.fsencode(root) + b"/" + path).st_size
    except OSError:
        return 0


def _gathered(skips: Sequence[Skipped]) -> Iterator[Skipped]:
    """Yield what is left out, many of one folder and reason as one row."""
    groups: dict[tuple[str, str, bool], list[Skipped]] = {}
    for skip in skips:
        folder = skip.path.partition("/")[0] if "/" in skip.path.rstrip("/") else ""
        groups.setdefault((folder, skip.reason, skip.excluded), []).append(skip)
    for (folder, reason, excluded), rows in groups.items():
        if len(rows) <= TOLD_SINGLY:
            yield from rows
        else:
            place = f"{folder}/" if folder else "the top folder"
            yield Skipped(f"{place} ({len(rows):,} files)", "", reason, excluded)
