from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from policies.words import Severity
from reviewer.findings.model import Coverage, Skipped
from reviewer.local.ci_formats import as_code_climate, as_junit
from tests.local.test_apply import suggestion
from tests.local.test_report import review


def test_each_finding_is_a_failed_test_and_each_unread_part_a_skipped_one():
    missed = Coverage(
        skipped=(Skipped("big.py", "", "too large", excluded=False), Skipped("a.lock", "", "lock", excluded=True))
    )
    suite = ElementTree.fromstring(as_junit(review(suggestion(1, "y", path="a b.py"), coverage=missed)))
    assert suite.attrib == {"name": "kilo-review", "tests": "2", "failures": "1", "skipped": "1"}
    failed, skipped = suite
    assert failed.find("failure") is not None
    assert failed.attrib["classname"] == "a b.py"
    assert skipped.attrib["name"] == "big.py was not reviewed"


def test_a_clean_review_is_one_passed_test():
    suite = ElementTree.fromstring(as_junit(review()))
    assert [list(case) for case in suite] == [[]]


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_of_a_finding_breaks_the_xml(title: str, body: str):
    placed = suggestion(1, "y", path="a b.py")
    odd = replace(placed, finding=replace(placed.finding, title=title, body=body))
    ElementTree.fromstring(as_junit(review(odd)))


def test_gitlab_s_report_has_path_line_severity_and_a_stable_fingerprint():
    placed = suggestion(1, "y", path="a b.py")
    grave = replace(placed, finding=replace(placed.finding, severity=Severity.CRITICAL))
    (issue,) = as_code_climate(review(grave))
    assert issue["location"] == {"path": "a b.py", "lines": {"begin": 1, "end": 1}}
    assert (issue["severity"], issue["fingerprint"]) == ("blocker", grave.finding.fingerprint)
