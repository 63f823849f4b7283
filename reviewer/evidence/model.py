"""EvidenceRun: how one analyser's run ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EvidenceRun:
    """One analyser's run: how many findings, how long, and why it did not run where `error` is set."""

    tool: str
    version: str
    findings: int
    duration_ms: int
    error: str = ""
