"""A Review in the formats that CI systems show: JUnit XML and Code Climate JSON. Pure."""

from __future__ import annotations

from typing import Any, Final
from xml.etree import ElementTree

from policies.words import Severity
from reviewer.change.anchor import Anchors
from reviewer.findings.model import Finding
from reviewer.local.report import in_new_file
from reviewer.steps.result import Review

# Severities of Code Climate's issue, which GitLab reads: https://docs.gitlab.com/ci/testing/code_quality/
_CLIMATE: Final = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
}


def as_junit(review: Review) -> str:
    """Return JUnit XML: one failed test a finding, one skipped test a part of the change that was not read.

    A review without either is one passed test, because a file without tests reads as a broken job.
    """
    anchors = Anchors.from_change(review.change)
    suite = ElementTree.Element("testsuite", name="kilo-review")
    for placed in review.shown():
        finding = placed.finding
        start, _, note = in_new_file(finding, anchors)
        case = _case(suite, finding.path, f"{finding.path}:{start} {finding.title}")
        failure = ElementTree.SubElement(case, "failure", message=_xml(finding.title), type=finding.severity.label)
        failure.text = _xml(f"{finding.path}:{start}\n{finding.body}{note}")
    missed = [row for row in review.coverage.skipped if not row.excluded]
    for row in missed:
        case = _case(suite, row.path, f"{row.path} {row.header} was not reviewed".replace("  ", " "))
        ElementTree.SubElement(case, "skipped", message=_xml(row.reason))
    if not len(suite):
        _case(suite, "kilo-review", "no findings")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(review.shown())))
    suite.set("skipped", str(len(missed)))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def as_code_climate(review: Review) -> list[dict[str, Any]]:
    """Return Code Climate's list of issues with the findings that a reader sees."""
    anchors = Anchors.from_change(review.change)
    return [_issue(placed.finding, anchors) for placed in review.shown()]


def _issue(finding: Finding, anchors: Anchors) -> dict[str, Any]:
    start, end, note = in_new_file(finding, anchors)
    return {
        "type": "issue",
        "check_name": finding.source,
        "description": finding.title,
        "content": {"body": finding.body + note},
        "categories": ["Security" if finding.category.value == "security" else "Bug Risk"],
        "fingerprint": finding.fingerprint,
        "severity": _CLIMATE[finding.severity],
        "location": {"path": finding.path, "lines": {"begin": max(1, start), "end": max(1, end)}},
    }


def _case(suite: ElementTree.Element, place: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=_xml(place), name=_xml(name))


def _xml(text: str) -> str:
    """Return a text with the characters that XML 1.0 has no form for as U+FFFD."""
    return "".join(char if _allowed(ord(char)) else "\ufffd" for char in text)


def _allowed(code: int) -> bool:
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
