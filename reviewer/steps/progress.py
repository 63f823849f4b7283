"""Report how far a review is."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from reviewer.models.model import Usage


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a review is: stage, units done of all, tokens and US dollars so far (None: unknown)."""

    stage: str
    done: int = 0
    total: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: Decimal | None = Decimal(0)
