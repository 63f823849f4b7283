"""Records of the analysers: a Rule in a reader's words, and EvidenceRun, how one analyser's run ended."""

from __future__ import annotations

from dataclasses import dataclass

from policies.words import Severity
from reviewer.findings.model import Category


@dataclass(frozen=True, slots=True)
class Rule:
    """How a rule's hits are shown; `same_as` names the ruff rule that finds the same thing ("" for none)."""

    severity: Severity
    category: Category
    title: str
    advice: str
    same_as: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceRun:
    """One analyser's run: how many findings, how long, and why it did not run where `error` is set."""

    tool: str
    version: str
    findings: int
    duration_ms: int
    error: str = ""
