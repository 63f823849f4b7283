"""Explained: everything that is decided before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.change.model import Change
from reviewer.steps.estimate import Planned


@dataclass(frozen=True, slots=True)
class Explained:
    """Everything that is decided before anything is asked.

    `candidate_reason` says why no model is usable, `bare` that there is a diff and no repository to look in.
    """

    change: Change
    planned: Planned
    candidate_reason: str
    bare: bool = False
