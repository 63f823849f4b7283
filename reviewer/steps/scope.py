"""Which files and hunks of a change are reviewed; the rest is listed with its reason, never dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Final

from policies.attributes import Attributes, attributes_of, parse_gitattributes
from policies.paths import decide_path
from policies.policy import Policy
from reviewer.change.model import Change, FileChange, FileStatus
from reviewer.findings.model import Skipped
from reviewer.git.snapshot import Snapshot

ATTRIBUTES_FILE: Final = ".gitattributes"
HEADER_LINES: Final = 10
HEADER_BYTES: Final = 4096
_LFS: Final = "version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class Scope:
    """The files to review, in the change's order, everything that is left out, and the attributes in force."""

    files: tuple[FileChange, ...]
    skipped: tuple[Skipped, ...]
    attributes: Attributes = field(default_factory=Attributes)


def decide_scope(change: Change, policy: Policy, *, head: Snapshot | None, base: Snapshot | None) -> Scope:
    """Decide file by file.

    `.gitattributes` is read at the base: a pull request cannot declare its own code generated. The header of a
    generated file is read at the base where the file was there before, else at the head.
    """
    attributes = _attributes(change, base)
    headers = _headers(change, head=head, base=base)
    files, skipped = [], []
    for file in change.files:
        reason, excluded = _why_not(file, policy, attributes, headers)
        if reason:
            skipped.append(Skipped(file.path, "", reason, excluded))
        else:
            files.append(file)
    return Scope(tuple(files), tuple(skipped), attributes)


def _why_not(
    file: FileChange, policy: Policy, attributes: Attributes, headers: Mapping[str, tuple[str, ...]]
) -> tuple[str, bool]:
    """Return why a file is left out, "" where it is not, and whether that is on purpose."""
    if file.truncated:
        return "its diff is too large for GitHub to give out", False
    plain = _without_text(file)
    if plain:
        return plain, True
    decision = decide_path(
        file.path,
        policy.paths,
        attributes=attributes_of(file.path, attributes),
        first_lines=headers.get(file.path, ()),
    )
    return ("", True) if decision.included else (decision.reason, True)


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
    if any(line.text.startswith(_LFS) for line in file.hunks[0].lines[:3]):
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


def _headers(change: Change, *, head: Snapshot | None, base: Snapshot | None) -> Mapping[str, tuple[str, ...]]:
    headers: dict[str, tuple[str, ...]] = {}
    old = {file.old_path: file.path for file in change.files if file.hunks and file.old_path}
    new = {file.path: file.path for file in change.files if file.hunks and not file.old_path}
    for snapshot, names in ((base, old), (head, new)):
        if snapshot is None:
            continue
        for path, data in snapshot.read_many(list(names)).items():
            text = data[:HEADER_BYTES].decode("utf-8", "replace")
            headers[names[path]] = tuple(text.split("\n")[:HEADER_LINES])
    return headers
