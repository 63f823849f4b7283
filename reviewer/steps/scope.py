"""Which files and hunks of a change are reviewed; the rest is listed with its reason, never dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Final

from policies.attributes import Attributes, attributes_of, parse_gitattributes
from policies.conventions import is_manifest
from policies.paths import HEADER_LINES, decide_path
from policies.policy import Policy
from reviewer.change.model import Change, FileChange, FileStatus
from reviewer.context.secret_paths import is_secret_path
from reviewer.findings.model import Skipped
from reviewer.git.snapshot import Snapshot
from reviewer.steps.only_paths import NOT_CHOSEN, is_chosen

ATTRIBUTES_FILE: Final = ".gitattributes"
CREDENTIALS: Final = "its name says that it holds credentials: the analysers read it, no model does"
# Read of a file's head: more than HEADER_LINES lines of any generator.
HEADER_BYTES: Final = 16 * 1024
# A Git LFS pointer consists of these lines and no other.
_LFS_LINE: Final = re.compile(
    r"version https://git-lfs\.github\.com/spec/|oid sha256:[0-9a-f]{64}$|size \d+$|ext-\d-"
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the change's files before they are decided on: attributes and heads, by path.

    `old` are the heads of files at the base, `new` those of files that the change adds, `copies` the vendored
    copies that it changes without a package manager.
    """

    attributes: Attributes
    old: Mapping[str, tuple[str, ...]]
    new: Mapping[str, tuple[str, ...]]
    copies: frozenset[str]


@dataclass(frozen=True, slots=True)
class Scope:
    """The files to review, in the change's order, everything that is left out, and the attributes in force.

    `credentials` are changed files that hold credentials by their name: the analysers read them, no model does.
    """

    files: tuple[FileChange, ...]
    skipped: tuple[Skipped, ...]
    attributes: Attributes = field(default_factory=Attributes)
    credentials: tuple[FileChange, ...] = ()


def decide_scope(
    change: Change,
    policy: Policy,
    *,
    head: Snapshot | None,
    base: Snapshot | None,
    only: Sequence[str] = (),
) -> Scope:
    """Decide file by file; `only` are the paths that the review is kept to, none for the whole change.

    `.gitattributes` and the header of a generated file are read at the base only: a pull request cannot declare its
    own code generated.
    """
    old = {file.old_path: file.path for file in change.files if file.hunks and file.old_path}
    new = {file.path: file.path for file in change.files if file.hunks and not file.old_path}
    known = _Known(_attributes(change, base), _heads(base, old), _heads(head, new), _edited_copies(change, base))
    files, skipped, credentials = [], [], []
    for file in change.files:
        reason, excluded = _why_not(file, policy, known)
        if reason:
            skipped.append(Skipped(file.path, "", reason, excluded))
        elif is_secret_path(file.path) or (file.old_path and is_secret_path(file.old_path)):
            skipped.append(Skipped(file.path, "", CREDENTIALS, excluded=True))
            credentials.append(file)
        elif not is_chosen(file, only):
            skipped.extend(Skipped(file.path, hunk.header, NOT_CHOSEN, excluded=False) for hunk in file.hunks)
        else:
            files.append(file)
    return Scope(tuple(files), tuple(skipped), known.attributes, tuple(credentials))


def _why_not(file: FileChange, policy: Policy, known: _Known) -> tuple[str, bool]:
    """Return why a file is left out, "" where it is not, and whether that is on purpose."""
    if file.truncated:
        return "its diff is too large for GitHub to give out", False
    plain = _without_text(file)
    if plain:
        return plain, True
    decision = decide_path(
        file.path,
        policy.paths,
        attributes=attributes_of(file.path, known.attributes),
        first_lines=known.old.get(file.path, ()),
        new_lines=known.new.get(file.path, ()),
        edited_copy=file.path in known.copies,
    )
    return ("", True) if decision.included else (decision.reason, decision.certain)


def _without_text(file: FileChange) -> str:
    if file.is_submodule:
        return "a submodule: its commit moved"
    if file.is_symlink:
        return "a symbolic link"
    if file.binary:
        return "binary"
    if not file.hunks:
        moved = file.status in (FileStatus.RENAMED, FileStatus.COPIED)
        return (
            f"{file.status.value} without a change of text" if moved else "no change of text (mode or empty file)"
        )
    if all(_LFS_LINE.match(line.text) for hunk in file.hunks for line in hunk.lines):
        return "a Git LFS pointer"
    return ""


def _attributes(change: Change, base: Snapshot | None) -> Attributes:
    if base is None:
        return Attributes()
    folders = {""}
    for file in change.files:
        parents = PurePosixPath(file.path).parts[:-1]
        folders.update(accumulate(parents, lambda above, part: f"{above}/{part}"))
    paths = {f"{folder}/{ATTRIBUTES_FILE}".lstrip("/"): folder for folder in folders}
    found = Attributes()
    for path, data in base.read_many([path for path in paths if path in base.entries()]).items():
        found = found + parse_gitattributes(data.decode("utf-8", "replace"), folder=paths[path])
    return found


def _heads(snapshot: Snapshot | None, names: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Return the first lines of files, by the names that the change gives them now."""
    if snapshot is None:
        return {}
    return {
        names[path]: tuple(data[:HEADER_BYTES].decode("utf-8", "replace").split("\n")[:HEADER_LINES])
        for path, data in snapshot.read_many(list(names)).items()
    }


def _edited_copies(change: Change, base: Snapshot | None) -> frozenset[str]:
    """Return the files in folders that the base has, where no package manager's file changes with them.

    A vendored copy that comes with a new `go.mod` or a lock file is an update; without one it was changed by hand.
    """
    if base is None or any(is_manifest(file.path) for file in change.files):
        return frozenset()
    folders = {path.rpartition("/")[0] for path in base.entries()}
    return frozenset(
        file.path for file in change.files if (file.old_path or file.path).rpartition("/")[0] in folders
    )
