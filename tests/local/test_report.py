from __future__ import annotations

import json
from dataclasses import replace

from reviewer.change.parse import parse_diff
from reviewer.context.model import LookUpCounts
from reviewer.findings.model import Coverage, Disposition, PlacedFinding, Reviewed, Skipped
from reviewer.local.command import exit_status
from reviewer.local.report import as_annotations, as_json, as_sarif
from reviewer.local.terminal import closing
from reviewer.publish import coverage
from reviewer.steps.result import Review, ReviewStatus
from tests.local.test_apply import suggestion

DIFF = "--- a/a b.py\n+++ b/a b.py\n@@ -1 +1 @@\n-x\n+y\n"


def review(*placed: PlacedFinding, **more: object) -> Review:
    base = Review(
        change=parse_diff(DIFF),
        status=ReviewStatus.COMPLETE,
        findings=placed,
        coverage=Coverage((Reviewed("a b.py", "@@ -1 +1 @@", "model:m"),)),
    )
    return replace(base, **more)  # type: ignore[arg-type]


def test_the_json_document_survives_json():
    document = as_json(review(suggestion(1, "y = 1", path="a b.py")))
    assert json.loads(json.dumps(document)) == document
    assert document["findings"][0]["path"] == "a b.py"
    assert document["cost_usd"] == 0.0
    assert document["coverage"]["complete"] is True


def test_sarif_has_stable_fingerprints_and_escaped_paths():
    sarif = as_sarif(review(suggestion(1, "y = 1", path="a b.py")), version="1.2.3")
    (result,) = sarif["runs"][0]["results"]
    assert result["partialFingerprints"] == {"kiloReview/v1": "a b.py1"}
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b.py"
    rules = [rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]]
    assert rules[result["ruleIndex"]] == result["ruleId"]


def test_findings_that_a_reader_does_not_see_are_in_json_and_not_in_sarif():
    hidden = replace(suggestion(1, "y"), disposition=Disposition.UNVERIFIED)
    assert len(as_json(review(hidden))["findings"]) == 1
    assert as_sarif(review(hidden), version="1")["runs"][0]["results"] == []


def test_an_annotation_cannot_be_broken_out_of():
    placed = suggestion(1, "y", path="a,b:c.py")
    evil = replace(placed, finding=replace(placed.finding, title="x::y", body="one\n::error::two%"))
    (line,) = as_annotations(review(evil)).splitlines()
    assert line.startswith("::error file=a%2Cb%3Ac.py,line=1,endLine=1,title=x%3A%3Ay::")
    assert "%0A" in line


def test_no_issues_is_only_said_when_everything_was_reviewed():
    assert closing(review()).startswith("no issues found")
    missed = Coverage((), (Skipped("x.py", "", "no model answered", excluded=False),))
    cut = review(coverage=missed, status=ReviewStatus.INCOMPLETE)
    assert "no issues" not in closing(cut)
    assert exit_status(cut, "high") == 3


def test_the_exit_status_follows_the_severity_asked_for():
    found = review(suggestion(1, "y"))
    assert exit_status(found, "high") == 1
    assert exit_status(found, "critical") == 0
    assert exit_status(found, "never") == 0
    assert exit_status(review(status=ReviewStatus.STOPPED_BY_LIMIT), "high") == 4


def test_what_the_context_lacked_and_what_models_looked_up_is_said_in_every_form():
    cut = review(
        context_limits=("guideline files read: 6 at most, 2 left out",),
        lookups=LookUpCounts(4, 2, empty=1, refused=1),
    )
    document = as_json(cut)
    assert document["context_limits"] == ["guideline files read: 6 at most, 2 left out"]
    assert document["lookups"] == {"asked": 4, "answered": 2, "empty": 1, "refused": 1}
    said = "\n".join(coverage.lines(cut))
    assert "Models looked up 4 places (1 found nothing, 1 refused)." in said
    assert "Context was cut short: guideline files read: 6 at most, 2 left out." in said
    assert not any("ontext" in line or "looked up" in line for line in coverage.lines(review()))
