"""What was concluded on hunks of one repository on this machine, kept among the answers that were paid for."""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.local.dismissed import Subject
from reviewer.steps.context import ResultStore


@dataclass(frozen=True, slots=True)
class HunkResults:
    """Results that only reviews of one repository share: what they say rests on its other files too."""

    results: ResultStore
    subject: Subject

    def get(self, key: str) -> str | None:
        """Return a stored result of the repository, None where there is none."""
        return self.results.get(f"{self.subject.repo_id}:{key}")

    def put(self, key: str, text: str) -> None:
        """Store a result for the repository."""
        self.results.put(f"{self.subject.repo_id}:{key}", text)
