from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from policies.words import Severity
from reviewer.change.model import Side
from reviewer.change.parse import parse_diff
from reviewer.findings.model import Category, Coverage, Disposition, PlacedFinding, Skipped
from reviewer.local.apply import replace_lines
from reviewer.local.report import as_annotations, as_sarif
from reviewer.steps.result import Review, ReviewStatus
from tests.local.test_apply import suggestion
from tests.local.test_report import review

SCHEMA = Path(__file__).parent / "data" / "sarif-2.1.0-rtm.5.json"
# What git can name and the file system's bytes can hold: anything but NUL, decoded as the parser decodes it.
PATHS = st.binary(min_size=1, max_size=24).map(
    lambda raw: raw.replace(b"\0", b"0").decode("utf-8", "surrogateescape")
)
TEXTS = st.text(max_size=40)
SOURCES = st.sampled_from(("model:vendor/m", "ruff:S105", "gitleaks:generic-api-key", "zizmor:a/b c"))


@cache
def validator() -> Draft4Validator:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft4Validator.check_schema(schema)
    return Draft4Validator(schema)


def sarif(of: Review) -> dict[str, Any]:
    """What a program reads: the document as it is written, and only if the published schema takes it."""
    written = json.dumps(as_sarif(of, version="1.2.3"), ensure_ascii=False).encode("utf-8", "replace")
    document: dict[str, Any] = json.loads(written)
    errors = [
        f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in validator().iter_errors(document)
    ]
    assert errors == []
    return document


def results(of: Review) -> list[dict[str, Any]]:
    return list(sarif(of)["runs"][0]["results"])


@st.composite
def placed(draw: st.DrawFn) -> PlacedFinding:
    first = draw(st.integers(1, 50))
    base = suggestion(
        first + draw(st.integers(0, 5)), "", start=draw(st.sampled_from((None, first))), path=draw(PATHS)
    )
    finding = replace(
        base.finding,
        severity=draw(st.sampled_from(Severity)),
        category=draw(st.sampled_from(Category)),
        title=draw(TEXTS),
        body=draw(TEXTS),
        source=draw(SOURCES),
        suggestion=draw(st.none() | TEXTS),
    )
    return replace(
        base,
        finding=finding,
        disposition=draw(st.sampled_from(Disposition)),
        score=draw(st.floats(0, 1)),
    )


def test_the_schema_refuses_what_is_not_sarif():
    broken = as_sarif(review(suggestion(1, "y")), version="1")
    broken["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert list(validator().iter_errors(broken))


def test_a_review_without_findings_is_valid_and_has_no_results():
    assert results(review()) == []


def test_an_incomplete_review_is_valid_and_says_that_it_did_not_succeed():
    missed = Coverage((), (Skipped("x.py", "", "no model answered", excluded=False),))
    document = sarif(review(coverage=missed, status=ReviewStatus.INCOMPLETE))
    assert document["runs"][0]["invocations"] == [{"executionSuccessful": False}]


@given(st.lists(placed(), max_size=4))
def test_whatever_was_found_is_valid(found: list[PlacedFinding]):
    of = review(*found)
    shown = of.shown()
    written = results(of)
    assert len(written) == len(shown)
    for result, one in zip(written, shown, strict=True):
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert unquote_to_bytes(uri) == one.finding.path.encode("utf-8", "surrogateescape")


SHIFTED = """\
--- a/a.py
+++ b/a.py
@@ -1,0 +2,40 @@
"""
SHIFTED += (
    "".join(f"+new {number}\n" for number in range(40)) + "@@ -9,3 +50 @@\n-if not allowed:\n-    stop()\n go()\n"
)
GONE = "--- a/a.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-one\n-two\n"


def about_deleted(diff: str, line: int, *, start: int | None = None) -> Review:
    placed = suggestion(line, "", start=start)
    deleted = replace(placed, finding=replace(placed.finding, side=Side.LEFT, suggestion=None))
    return review(deleted, change=parse_diff(diff))


def test_a_finding_about_deleted_lines_stands_where_they_stood_and_says_so():
    (result,) = results(about_deleted(SHIFTED, 10, start=9))
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 50, "endLine": 50}
    assert result["message"]["text"].endswith(
        "(About deleted lines 9 to 10 of the file as it was before the change; 50 stands there now.)"
    )


def test_a_finding_about_a_deleted_file_keeps_its_own_lines_and_says_so():
    (result,) = results(about_deleted(GONE, 2))
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 2, "endLine": 2}
    assert "deleted line 2 of the file as it was before" in result["message"]["text"]


def test_an_annotation_about_a_deleted_line_stands_where_it_stood():
    (line,) = as_annotations(about_deleted(SHIFTED, 10)).splitlines()
    assert "line=50,endLine=50" in line
    assert "deleted line 10" in line


@pytest.mark.parametrize("path", ["a:b.py", "C:/x.py", "a?b#c", "Ä/日本.py", "a b%20.py", "\udcff.py"])
def test_a_path_is_never_read_as_a_scheme_a_host_or_a_query(path: str):
    (result,) = results(review(suggestion(1, "y", path=path)))
    parts = urlsplit(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")


@given(
    lines=st.lists(st.text("abc é", max_size=5), min_size=1, max_size=6),
    data=st.data(),
    text=st.text("xy\n", max_size=6),
)
def test_a_fix_that_a_program_applies_gives_what_our_own_apply_gives(
    lines: list[str], data: st.DataObject, text: str
):
    last = data.draw(st.integers(1, len(lines)))
    first = data.draw(st.integers(1, last))
    before = "".join(f"{line}\n" for line in lines)
    (result,) = results(review(suggestion(last, text, start=first)))
    ((replacement,),) = (change["replacements"] for change in result["fixes"][0]["artifactChanges"])
    assert applied(before, replacement) == replace_lines(before, first, last, text)


def applied(text: str, replacement: dict[str, Any]) -> str:
    """Apply as SARIF says (2.1.0, 3.30.5 to 3.30.8): without columns, a region ends before its last line's end."""
    region = replacement["deletedRegion"]
    assert set(region) == {"startLine", "endLine"}
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    begin, end = starts[region["startLine"] - 1], starts[region["endLine"]] - 1
    return text[:begin] + str(replacement["insertedContent"]["text"]) + text[end:]
