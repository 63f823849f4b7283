"""LookupRequest: what a model asks to see before it answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LookupRequest:
    """What the model wants to see: a "definition" or the "references" of `name`, or lines of the "file" `path`.

    Lines are 1-based and inclusive, None where not given.
    """

    kind: str
    name: str
    path: str | None = None
    start_line: int | None = None
    end_line: int | None = None
