"""The parsed diff: Change, FileChange, Hunk, Line; and Unit, the part that one model call reviews."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LineKind(StrEnum):
    """What a diff line does."""

    CONTEXT = " "
    ADDED = "+"
    REMOVED = "-"


class Side(StrEnum):
    """GitHub's words for the two columns of a diff: LEFT is the base, RIGHT the head."""

    LEFT = "LEFT"
    RIGHT = "RIGHT"


class FileStatus(StrEnum):
    """GitHub's words for what happened to a file."""

    ADDED = "added"
    REMOVED = "removed"
    MODIFIED = "modified"
    RENAMED = "renamed"
    COPIED = "copied"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a hunk; `text` is without the marker and without the line end.

    `old_no` is None on an added line, `new_no` on a removed one; both are 1-based.
    `no_newline` says that this is a last line without a line end, `crlf` that its line end was CR LF.
    """

    old_no: int | None
    new_no: int | None
    kind: LineKind
    text: str
    no_newline: bool = False
    crlf: bool = False


@dataclass(frozen=True, slots=True)
class Hunk:
    """A run of lines under one `@@` header; `path` is the path at the head (at the base for a removed file)."""

    path: str
    old_start: int
    old_length: int
    new_start: int
    new_length: int
    section: str
    lines: tuple[Line, ...]

    @property
    def header(self) -> str:
        """The `@@ -a,b +c,d @@ section` line."""
        head = f"@@ -{self.old_start},{self.old_length} +{self.new_start},{self.new_length} @@"
        return f"{head} {self.section}" if self.section else head

    @property
    def added(self) -> tuple[Line, ...]:
        """Lines that the change adds."""
        return tuple(line for line in self.lines if line.kind is LineKind.ADDED)

    @property
    def removed(self) -> tuple[Line, ...]:
        """Lines that the change removes."""
        return tuple(line for line in self.lines if line.kind is LineKind.REMOVED)


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a change.

    `old_path` is None for an added file. Modes are git's octal strings ("100644", "120000" a symbolic link,
    "160000" a submodule), None where the diff does not say. `truncated` marks a file whose hunks the source
    left out (GitHub's zero-count rows, a patch over the size limit): it must never count as reviewed.
    """

    path: str
    old_path: str | None
    status: FileStatus
    hunks: tuple[Hunk, ...] = ()
    binary: bool = False
    old_mode: str | None = None
    new_mode: str | None = None
    truncated: bool = False

    @property
    def additions(self) -> int:
        """How many lines are added."""
        return sum(len(hunk.added) for hunk in self.hunks)

    @property
    def deletions(self) -> int:
        """How many lines are removed."""
        return sum(len(hunk.removed) for hunk in self.hunks)

    @property
    def is_symlink(self) -> bool:
        """True where either side is a symbolic link."""
        return "120000" in (self.old_mode, self.new_mode)

    @property
    def is_submodule(self) -> bool:
        """True where either side is a submodule."""
        return "160000" in (self.old_mode, self.new_mode)


@dataclass(frozen=True, slots=True)
class Change:
    """Everything between two commits. `base` is the merge base that the diff starts from.

    Both are full commit ids, or "" where a side has no commit (a work tree, an unborn branch, a bare diff).
    """

    base: str
    head: str
    files: tuple[FileChange, ...]

    @property
    def hunks(self) -> tuple[Hunk, ...]:
        """Every hunk of every file, in order."""
        return tuple(hunk for file in self.files for hunk in file.hunks)

    def file(self, path: str) -> FileChange | None:
        """Return the file at a head path, None where the change does not touch it."""
        return next((file for file in self.files if file.path == path), None)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place that GitHub accepts an inline comment on; `start_line` is None for a single line."""

    path: str
    side: Side
    line: int
    start_line: int | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """Related hunks that one model call reviews together.

    `identity` is a hex digest of the content of its hunks: the same after a rebase or a shift of lines.
    `reason` says why these hunks travel together; `risk` orders units, highest first.
    """

    identity: str
    hunks: tuple[Hunk, ...]
    reason: str
    risk: float = 0.0

    @property
    def paths(self) -> tuple[str, ...]:
        """The distinct paths of its hunks, in order."""
        return tuple(dict.fromkeys(hunk.path for hunk in self.hunks))
