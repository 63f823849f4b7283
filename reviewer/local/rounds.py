"""Rounds of fixing and reviewing: which one this is, and how many there may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# After so many rounds of fixing and reviewing a person decides, whatever is found: each round may cost money.
MAX_ROUNDS: Final = 10


@dataclass(frozen=True, slots=True)
class AgentRound:
    """What the round before wrote, None for the first, and how many rounds there may be."""

    previous: Mapping[str, Any] | None = None
    most: int = MAX_ROUNDS


FIRST_ROUND: Final = AgentRound()
