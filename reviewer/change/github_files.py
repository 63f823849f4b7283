"""The rows of GitHub's `pulls/{n}/files` → Change, honest about what the rows leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

from reviewer.change.hunks import read_hunk
from reviewer.change.model import Change, FileChange, FileStatus, Hunk, Line, LineKind
from reviewer.change.paths import inside
from reviewer.errors import DiffUnreadable

if TYPE_CHECKING:
    from unidiff.patch import Hunk as UnidiffHunk

# Rows come back with zero counts and no patch, unmarked, once a response holds about 20,000 patch lines
# (github.com/orgs/community/discussions/213491). From here on a row without a patch proves nothing.
PATCH_LINES_TRUSTED = 18_000
EMPTY_BLOB = frozenset(
    {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    }
)
BINARY_SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".heic", ".icns", ".ico", ".jpeg", ".jpg", ".png", ".psd", ".tif", ".tiff", ".webp"),
    *(".7z", ".bz2", ".gz", ".jar", ".rar", ".tar", ".tgz", ".whl", ".xz", ".zip", ".zst"),
    *(".bin", ".class", ".dat", ".dll", ".dylib", ".exe", ".o", ".pyc", ".so", ".wasm"),
    *(".eot", ".otf", ".ttf", ".woff", ".woff2", ".pdf", ".docx", ".xlsx", ".pptx"),
    *(".flac", ".mov", ".mp3", ".mp4", ".ogg", ".wav", ".webm"),
    *(".keystore", ".npy", ".npz", ".parquet", ".sqlite"),
)


def parse_github_files(rows: Sequence[Mapping[str, Any]], *, base: str, head: str) -> Change:
    """Parse the rows of every page, in order, into a Change.

    A row whose patch is absent, cut off, or short of its own counts is `truncated`, unless the row itself explains
    it: an empty file, a binary by its suffix, a pure rename in a response small enough to be trusted.
    Raises DiffUnreadable for a row without a usable path.
    """
    trusted = (
        sum(str(row.get("patch") or "").count("\n") + 1 for row in rows if row.get("patch")) < PATCH_LINES_TRUSTED
    )
    files: dict[str, FileChange] = {}
    for number, row in enumerate(rows, start=1):
        file = _file(row, number, trusted=trusted)
        files[file.path] = file
    return Change(base, head, tuple(files.values()))


def _file(row: Mapping[str, Any], number: int, *, trusted: bool) -> FileChange:
    name = row.get("filename")
    if not isinstance(name, str):
        raise DiffUnreadable(f"row {number} of the pull request's files has no filename", line_no=number)
    path = inside(name, number)
    status = _status(row.get("status"))
    previous = row.get("previous_filename")
    old_path = (
        None if status is FileStatus.ADDED else inside(previous, number) if isinstance(previous, str) else path
    )
    patch = row.get("patch")
    if not isinstance(patch, str) or not patch:
        binary, truncated = _without_patch(row, path, status, trusted=trusted)
        return FileChange(path, old_path, status, binary=binary, truncated=truncated)
    hunks, whole = _hunks(patch, path)
    file = FileChange(path, old_path, status, hunks)
    counts = (row.get("additions"), row.get("deletions"))
    short = not whole or counts != (file.additions, file.deletions)
    return FileChange(path, old_path, status, hunks, truncated=True) if short else file


def _status(word: object) -> FileStatus:
    try:
        return FileStatus(str(word))
    except ValueError:
        return FileStatus.CHANGED


def _without_patch(row: Mapping[str, Any], path: str, status: FileStatus, *, trusted: bool) -> tuple[bool, bool]:
    """Return (binary, truncated) of a row that has no patch."""
    if any(row.get(count) for count in ("additions", "deletions", "changes")):
        return False, True
    if path.lower().endswith(BINARY_SUFFIXES):
        return True, False
    if row.get("sha") in EMPTY_BLOB:
        return False, False
    return False, not (trusted and status is FileStatus.RENAMED)


def _hunks(patch: str, path: str) -> tuple[tuple[Hunk, ...], bool]:
    """Return the whole hunks of a patch, and whether that was all of it.

    A patch of GitHub's is hunks alone, under no header, which is what unidiff reads well. What it refuses was cut
    off: the hunks before the cut are read one by one.
    """
    # Loaded for what GitHub sends only: the local tool reads no such patch.
    from unidiff.errors import UnidiffParseError  # noqa: PLC0415
    from unidiff.patch import PatchSet  # noqa: PLC0415

    whole = patch if patch.endswith("\n") else patch + "\n"
    try:
        (file,) = PatchSet(StringIO(f"--- a\n+++ b\n{whole}"))
    except (UnidiffParseError, ValueError):
        return _before_the_cut(patch, path)
    hunks = tuple(_hunk(found, path) for found in file)
    # It ends a hunk at the first line that is none; what is left of the patch is no hunk then.
    return (hunks, True) if hunks else _before_the_cut(patch, path)


def _hunk(found: UnidiffHunk, path: str) -> Hunk:
    lines: list[Line] = []
    for row in found:
        if row.line_type == "\\":
            lines[-1] = replace(lines[-1], no_newline=True)
            continue
        text = row.value.removesuffix("\n")
        crlf = text.endswith("\r")
        kind = LineKind(row.line_type or " ")
        lines.append(Line(row.source_line_no, row.target_line_no, kind, text.removesuffix("\r"), crlf=crlf))
    return Hunk(
        path,
        found.source_start,
        found.source_length,
        found.target_start,
        found.target_length,
        found.section_header.strip(),
        tuple(lines),
    )


def _before_the_cut(patch: str, path: str) -> tuple[tuple[Hunk, ...], bool]:
    lines = patch.removesuffix("\n").split("\n")
    hunks: list[Hunk] = []
    position = 0
    while position < len(lines):
        try:
            hunk, position = read_hunk(lines, position, path)
        except DiffUnreadable:
            return tuple(hunks), False
        hunks.append(hunk)
    return tuple(hunks), True
