"""The pause of a pull request in words."""

from __future__ import annotations

from typing import Final

from reviewer.ledger.pauses import Pauses

_PAUSED: Final = "Automatic reviews of this pull request are paused by {}. `/kilo resume` ends that."


def pause_note(pauses: Pauses, repo_id: int, number: int) -> str:
    """Return by whom a pull request is paused and how that ends, "" where it is not paused."""
    by = pauses.paused_by(repo_id, number)
    return _PAUSED.format(by) if by else ""
