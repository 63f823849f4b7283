"""Guidelines: what a repository's own REVIEW.md and AGENTS.md ask of a change, nearest folder first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from reviewer.context.limits import Limit, LimitsReached
from reviewer.context.model import ContextItem, ContextKind, Snapshot

NAMES: Final = ("REVIEW.md", "AGENTS.md")
FILE_CHARS: Final = 6000
FILES: Final = 6


def guidelines_for(
    paths: Sequence[str],
    base: Snapshot | None,
    *,
    count: Callable[[str], int],
    limits: LimitsReached | None = None,
) -> tuple[ContextItem, ...]:
    """Return the guideline files of the changed paths' folders and their parents, deepest folder first.

    They are read at the base commit, so that a change cannot rewrite the rules it is reviewed by; without a base
    there are none. At most FILES files, each cut at FILE_CHARS characters; `limits` is told where that bites.
    """
    if base is None:
        return ()
    entries = base.entries()
    folders = {folder for path in paths for folder in _folders(path)}
    found = [
        f"{folder}/{name}" if folder else name
        for folder in sorted(folders, key=lambda folder: (-folder.count("/") - bool(folder), folder))
        for name in NAMES
        if (f"{folder}/{name}" if folder else name) in entries
    ]
    limits = limits or LimitsReached()
    limits.note(Limit.GUIDELINE_FILES, FILES, len(found) - FILES)
    contents = base.read_many(found[:FILES])
    items = []
    for path in found[:FILES]:
        text = contents.get(path, b"").decode("utf-8", "replace").strip()
        if not text:
            continue
        cut = text[:FILE_CHARS]
        limits.note(Limit.GUIDELINE_CHARS, FILE_CHARS, len(text) - FILE_CHARS, where=path)
        note = "" if cut == text else f", cut at {FILE_CHARS:,} of {len(text):,} characters"
        folder = path.rpartition("/")[0] or "the whole repository"
        items.append(
            ContextItem(
                path=path,
                start_line=1,
                end_line=cut.count("\n") + 1,
                text=cut,
                kind=ContextKind.GUIDELINE,
                reason=f"guidelines for {folder}, as of the base commit{note}",
                tokens=count(cut),
            )
        )
    return tuple(items)


def _folders(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(len(parts), -1, -1)]
