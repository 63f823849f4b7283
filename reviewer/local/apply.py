"""Suggestions into files: one question each, never without asking, never over a file that changed meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reviewer.change import lines
from reviewer.findings.model import PlacedFinding
from reviewer.git.snapshot import Snapshot
from reviewer.local.overlay import read_below


@dataclass(frozen=True, slots=True)
class Applied:
    """How many suggestions were written, and why others were not."""

    written: int
    refused: tuple[str, ...]


def replace_lines(text: str, start: int, end: int, suggestion: str) -> str:
    """Return text with lines `start`..`end` (1-based, inclusive) replaced; the file's own line ends are kept.

    Raises ValueError where the lines are not there.
    """
    source = text.encode("utf-8", "surrogateescape")
    return lines.replace_lines(source, start, end, suggestion).decode("utf-8", "surrogateescape")


def apply_suggestions(
    findings: Sequence[PlacedFinding],
    *,
    root: Path,
    head: Snapshot,
    ask: Callable[[PlacedFinding], bool],
) -> Applied:
    """Ask about each suggestion and write the accepted ones, from the last line of a file to its first.

    `head` is what was reviewed: a file that reads differently now is refused, and nothing of it is written.
    """
    written, refused = 0, []
    wanted = [placed for placed in findings if placed.finding.suggestion is not None]
    wanted.sort(key=lambda placed: (placed.finding.path, -placed.finding.line))
    expected: dict[str, bytes | None] = {}
    touched: dict[str, int] = {}
    for placed in wanted:
        finding = placed.finding
        path = finding.path
        start = finding.start_line or finding.line
        if finding.line >= touched.get(path, finding.line + 1):
            refused.append(f"{path}:{finding.line}: overlaps a suggestion that was written")
            continue
        if not ask(placed):
            continue
        current = _read(root, path)
        if current is None or current != expected.setdefault(path, _as_reviewed(head, path, current)):
            refused.append(f"{path}:{finding.line}: the file changed since it was reviewed; review again")
            continue
        text = current.decode("utf-8", "surrogateescape")
        fresh = replace_lines(text, start, finding.line, finding.suggestion or "").encode(
            "utf-8", "surrogateescape"
        )
        _write(root / path, fresh)
        expected[path] = fresh
        touched[path] = start
        written += 1
    return Applied(written, tuple(refused))


def _as_reviewed(head: Snapshot, path: str, current: bytes | None) -> bytes | None:
    """Return what was reviewed, in the line ends that the file has on disk."""
    reviewed = head.read(path)
    if reviewed is None or current is None or b"\r\n" in reviewed or b"\r\n" not in current:
        return reviewed
    return reviewed.replace(b"\n", b"\r\n")


def _read(root: Path, path: str) -> bytes | None:
    try:
        return read_below(root, path)
    except OSError:
        return None


def _write(path: Path, data: bytes) -> None:
    """Write beside the file and rename: Ctrl-C leaves the old file or the new one, never half of one."""
    mode = path.stat().st_mode
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
