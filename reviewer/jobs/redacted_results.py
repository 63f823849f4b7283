"""Answers as they are stored: without the secrets of this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Results(Protocol):
    """Answers by the hash of everything that they depend on."""

    def get(self, key: str) -> str | None: ...  # noqa: D102
    def put(self, key: str, text: str) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class RedactedResults:
    """Results that `redact` goes over before they are kept; what is read was redacted when it was written.

    With `asks_again` what is stored is not read: everything is asked anew.
    """

    results: Results
    redact: Callable[[str], str]
    asks_again: bool = False

    def get(self, key: str) -> str | None:
        """Return a stored result, None where there is none."""
        return None if self.asks_again else self.results.get(key)

    def put(self, key: str, text: str) -> None:
        """Store a result without secrets."""
        self.results.put(key, self.redact(text))


@dataclass(frozen=True, slots=True)
class OfRepository:
    """Results that only reviews of one repository share: what they say rests on its other files too."""

    results: Results
    repo_id: int

    def get(self, key: str) -> str | None:
        """Return a stored result of the repository, None where there is none."""
        return self.results.get(f"{self.repo_id}:{key}")

    def put(self, key: str, text: str) -> None:
        """Store a result for the repository."""
        self.results.put(f"{self.repo_id}:{key}", text)
