"""An answer as the store of results keeps it: who gave it, from which tier, what it had looked up, and its text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Protocol

from policies.words import Tier
from reviewer.findings.parse import LookupRequest
from reviewer.steps.ask import Answered


class ResultStore(Protocol):
    """Answers that were paid for once, by the hash of everything that they depend on."""

    def get(self, key: str) -> str | None:
        """Return a stored answer, None where there is none."""

    def put(self, key: str, text: str) -> None:
        """Keep an answer; one that is stored already is replaced."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored answer, with what the same unit is read against again."""

    by: str
    text: str
    tier: Tier
    lookups: tuple[LookupRequest, ...] = ()


def write_stored(answered: Answered) -> str:
    """Return an answer as text: one line of JSON about it, then the model's own words."""
    about = {
        "by": answered.by,
        "tier": answered.tier.label,
        "lookups": [asdict(request) for request in answered.lookups],
    }
    return f"{json.dumps(about)}\n{answered.text}"


def read_stored(text: str) -> Stored | None:
    """Read what `write_stored` wrote, None where it is something else: it is asked for again then."""
    head, _, said = text.partition("\n")
    try:
        about = json.loads(head)
        tier = next(tier for tier in Tier if tier.label == about["tier"])
        names = {field.name for field in fields(LookupRequest)}
        lookups = tuple(
            LookupRequest(**{name: value for name, value in row.items() if name in names})
            for row in about["lookups"]
        )
        return Stored(str(about["by"]), said, tier, lookups)
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration):
        return None
