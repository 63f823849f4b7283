"""Write and read an answer as the store of results keeps it: who gave it, its tier, its look-ups and its text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Protocol

from policies.words import Tier
from reviewer.findings.parse import LookupRequest


class ResultStore(Protocol):
    """Answers that were paid for once, by the hash of everything that they depend on."""

    def get(self, key: str) -> str | None:
        """Return a stored answer, None where there is none."""

    def put(self, key: str, text: str) -> None:
        """Keep an answer; one that is stored already is replaced."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored answer, with what the same unit is read against again.

    `second` is the text of a second pass by `second_by`, "" where none was made.
    """

    by: str
    text: str
    tier: Tier
    lookups: tuple[LookupRequest, ...] = ()
    second: str = ""
    second_by: str = ""


def write_stored(stored: Stored) -> str:
    """Return an answer as text: one line of JSON about it, then the model's own words."""
    about = {
        "by": stored.by,
        "tier": stored.tier.label,
        "lookups": [asdict(request) for request in stored.lookups],
        "second": stored.second,
        "second_by": stored.second_by,
    }
    return f"{json.dumps(about)}\n{stored.text}"


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
        second, second_by = str(about.get("second", "")), str(about.get("second_by", ""))
        return Stored(str(about["by"]), said, tier, lookups, second, second_by)
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration):
        return None
