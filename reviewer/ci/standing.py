"""What stands after this run: found again in an open thread counts, although no comment says it a second time."""

from __future__ import annotations

import argparse
from dataclasses import replace

from policies.words import Severity
from reviewer.findings.model import Disposition
from reviewer.local.command import EXIT_FINDINGS, exit_status, named_model
from reviewer.publish.open_findings import decisive, still_open
from reviewer.settings import Settings
from reviewer.steps.result import Review


def with_open_threads(review: Review) -> Review:
    """Return the review with the findings of open threads among those that are shown.

    For SARIF and annotations, which tell the state of a commit: an alert that is left out counts as fixed.
    """
    again = {id(placed) for placed in still_open(review)}
    findings = tuple(
        replace(placed, disposition=Disposition.SUMMARY) if id(placed) in again else placed
        for placed in review.findings
    )
    return replace(review, findings=findings)


def status_of(review: Review, options: argparse.Namespace, settings: Settings) -> int:
    """Return the exit status, which is that of `kilo-review local`; a finding in an open thread counts too."""
    worst = max((placed.finding.severity for placed in decisive(review)), default=None)
    if options.fail_on != "never" and worst is not None and worst >= Severity.parse(options.fail_on):
        return EXIT_FINDINGS
    named = bool(named_model(options, settings))
    return exit_status(review, options.fail_on, named=named, whole=options.require_coverage)
