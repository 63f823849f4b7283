"""Findings that were dismissed on this machine: kept in the local ledger, and not shown again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reviewer.findings.model import Disposition
from reviewer.ledger.dismissals import Dismissal
from reviewer.local.repository import Repository
from reviewer.steps.result import Review


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose findings are dismissed: a pull request, or with `number` 0 a repository on this machine."""

    repo_id: int
    number: int = 0


def subject_of(repository: Repository) -> Subject:
    """Return the subject of a repository on this machine; all of its work trees have the same.

    Its id is negative: those of GitHub are positive.
    """
    digest = hashlib.sha256(os.fsencode(repository.common_dir.resolve())).digest()
    return Subject(-1 - (int.from_bytes(digest[:8], "big") >> 1))


def without_dismissed(review: Review, dismissed: Mapping[str, Dismissal]) -> Review:
    """Return the review with dismissed findings marked as such; each keeps its place among the findings."""
    if not dismissed:
        return review
    findings = tuple(
        replace(placed, disposition=Disposition.SUPPRESSED, anchor=None, reason=_reason(one))
        if (one := dismissed.get(placed.finding.fingerprint))
        else placed
        for placed in review.findings
    )
    return replace(review, findings=findings)


def _reason(dismissal: Dismissal) -> str:
    return f"dismissed by {dismissal.actor}" + (f": {dismissal.reason}" if dismissal.reason else "")
