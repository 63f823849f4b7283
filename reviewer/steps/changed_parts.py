"""The added and removed lines of hunks, as the rules of policies/ read them."""

from __future__ import annotations

from collections.abc import Sequence

from policies.rules import ChangedPart
from reviewer.change.model import Hunk


def changed_parts(hunks: Sequence[Hunk]) -> tuple[ChangedPart, ...]:
    """Return the added and removed lines of each path, as the rules of policies/ read them."""
    added: dict[str, list[str]] = {}
    removed: dict[str, list[str]] = {}
    for hunk in hunks:
        added.setdefault(hunk.path, []).extend(line.text for line in hunk.added)
        removed.setdefault(hunk.path, []).extend(line.text for line in hunk.removed)
    return tuple(ChangedPart(path, tuple(added[path]), tuple(removed[path])) for path in added)
