"""What a pull request is made of, asked of real git: merge base, commits, files, patches, where a line went."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from reviewer.demo.git import Git
from reviewer.errors import GitFailed

HUNK: Final = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
STATUS: Final = {
    "A": "added",
    "D": "removed",
    "M": "modified",
    "R": "renamed",
    "C": "copied",
    "T": "changed",
}


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of a diff. `patch` starts at the first `@@`, None for a binary file or a pure rename."""

    path: str
    previous: str | None
    status: str
    additions: int
    deletions: int
    blob: str
    patch: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """A line of one side of a file's diff: which hunk (0-based), and its `position` below the first `@@`."""

    hunk: int
    position: int


@dataclass(frozen=True, slots=True)
class Places:
    """Every line that a comment can be put on, by side and line number; `texts` holds the patch's lines."""

    right: dict[int, Place] = field(default_factory=dict)
    left: dict[int, Place] = field(default_factory=dict)
    texts: tuple[str, ...] = ()

    def side(self, name: str) -> dict[int, Place]:
        """Return the lines of LEFT or RIGHT."""
        return self.left if name == "LEFT" else self.right

    def hunk_text(self, place: Place) -> str:
        """Return the hunk from its `@@` line down to this place: a comment's `diff_hunk`."""
        start = place.position
        while start > 0 and not self.texts[start].startswith("@@"):
            start -= 1
        return "\n".join(self.texts[start : place.position + 1])


@lru_cache(maxsize=256)
def places(patch: str) -> Places:
    """Read the lines of a patch."""
    found = Places({}, {}, tuple(patch.split("\n")))
    hunk, old, new = -1, 0, 0
    for position, text in enumerate(found.texts):
        header = HUNK.match(text)
        if header:
            hunk += 1
            old, new = int(header[1]), int(header[3])
        elif hunk < 0 or text.startswith("\\"):
            continue
        elif text.startswith("+"):
            found.right[new] = Place(hunk, position)
            new += 1
        elif text.startswith("-"):
            found.left[old] = Place(hunk, position)
            old += 1
        elif text.startswith(" "):
            found.right[new] = found.left[old] = Place(hunk, position)
            old, new = old + 1, new + 1
    return found


class GitData:
    """Reads of one bare repository."""

    def __init__(self, git: Git, git_dir: Path) -> None:
        self.git = git.at(git_dir)
        self._files: dict[tuple[str, str], tuple[FileRow, ...]] = {}

    def merge_base(self, base: str, head: str) -> str:
        """Return the best common ancestor, or the base itself for unrelated histories."""
        try:
            return self.git.text("merge-base", base, head)
        except GitFailed:
            return base

    def commits(self, base: str, head: str) -> list[str]:
        """Return the commits of head that base has not, oldest first."""
        return self.git.text("rev-list", "--reverse", "--topo-order", f"{base}..{head}").split()

    def diff(self, base: str, head: str) -> str:
        """Return the unified diff of two commits as GitHub's diff media type gives it."""
        return self.git.run(*_DIFF, "-p", base, head).decode("utf-8", "surrogateescape")

    def mailbox(self, base: str, head: str) -> str:
        """Return the patch media type: one mail per commit."""
        return self.git.run("format-patch", "--stdout", "--no-signature", f"{base}..{head}").decode(
            "utf-8", "surrogateescape"
        )

    def files(self, base: str, head: str) -> tuple[FileRow, ...]:
        """Return every changed file with its patch, in git's order."""
        key = (base, head)
        if key not in self._files:
            self._files[key] = tuple(self._read_files(base, head))
        return self._files[key]

    def _read_files(self, base: str, head: str) -> list[FileRow]:
        raw = self.git.run(*_DIFF, "--raw", "-z", "--no-abbrev", base, head).decode("utf-8", "surrogateescape")
        counts = self.git.run(*_DIFF, "--numstat", "-z", base, head).decode("utf-8", "surrogateescape")
        patches = _split_patches(self.diff(base, head))
        rows: list[FileRow] = []
        block = 0
        fields, numbers = iter(raw.split("\0")), iter(counts.split("\0"))
        for meta in fields:
            if not meta:
                break
            *_, old_blob, new_blob, code = meta.split(" ")
            first = next(fields)
            renamed = code[0] in "RC"
            path = next(fields) if renamed else first
            added, removed, _ = next(numbers).split("\t", 2)
            if renamed:
                next(numbers), next(numbers)
            patch = patches[block] if block < len(patches) else None
            # A change of type (a file that becomes a link) is one row but two blocks of the diff.
            block += 2 if code[0] == "T" else 1
            rows.append(
                FileRow(
                    path=path,
                    previous=first if renamed else None,
                    status=STATUS.get(code[0], "changed"),
                    additions=int(added) if added != "-" else 0,
                    deletions=int(removed) if removed != "-" else 0,
                    blob=old_blob if code[0] == "D" else new_blob,
                    patch=patch,
                )
            )
        return rows

    def line_now(self, path: str, line: int, old: str, new: str) -> int | None:
        """Return where a line of `old` is in `new`; None where it was changed or is gone."""
        try:
            text = self.git.text(*_DIFF[:-1], "--no-renames", "-U0", "-p", old, new, "--", path)
        except GitFailed:
            return None
        shift = 0
        for row in text.split("\n"):
            header = HUNK.match(row)
            if not header:
                if row.startswith("deleted file"):
                    return None
                continue
            start, count = int(header[1]), int(header[2] or 1)
            new_count = int(header[4] or 1)
            # A pure insertion is written "after line start", so it moves only the lines below that one.
            if line < start or (count == 0 and line == start):
                break
            if count and line < start + count:
                return None
            shift += new_count - count
        return line + shift


_DIFF: Final = (
    "-c", "core.quotePath=true", "diff", "--no-color", "--no-ext-diff", "--no-textconv", "-M",
)  # fmt: skip


def _split_patches(diff: str) -> list[str | None]:
    """Return each file's patch from its first `@@` on, in the order of the diff."""
    patches: list[str | None] = []
    for block in re.split(r"^diff --git ", diff, flags=re.MULTILINE)[1:]:
        start = re.search(r"^@@ ", block, flags=re.MULTILINE)
        patches.append(block[start.start() :].removesuffix("\n") if start else None)
    return patches
