from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.words import Severity
from reviewer.findings.earlier import EarlierFinding
from reviewer.findings.fingerprint import fingerprint
from reviewer.findings.merge import merge
from reviewer.findings.model import Category, Disposition
from reviewer.findings.similarity import Similarity, Statement
from tests.findings.builders import finding

LEAK = finding(
    "Retry goroutine can never be stopped",
    body="retryConnect loops forever with no context, no stop channel and no limit; Close() does not signal it.",
    line=52,
    source="model:one",
)
LEAK_AGAIN = finding(
    "Background retry loop cannot be stopped",
    body="retryConnect loops forever with no context or done channel: Close() does not stop it after shutdown.",
    line=53,
    source="model:two",
    severity=Severity.MEDIUM,
)
SQL = finding(
    "Query is built from user input",
    body="The name parameter is concatenated into the SELECT statement, so anybody can inject SQL.",
    line=52,
    source="model:two",
    category=Category.SECURITY,
)


def test_one_issue_in_other_words_is_one_group_with_two_voices():
    (group,) = merge([LEAK_AGAIN, LEAK])
    assert group.finding is LEAK
    assert group.others == (LEAK_AGAIN,)
    assert group.agreed == 2


def test_two_issues_on_one_line_stay_two():
    groups = merge([LEAK, SQL])
    assert [group.finding.title for group in groups] == [LEAK.title, SQL.title]
    assert len({group.finding.fingerprint for group in groups}) == 2


def test_one_issue_in_two_files_is_told_for_each():
    assert len(merge([LEAK, replace(LEAK, path="shop/other.py")])) == 2


def test_what_one_answer_tells_apart_stays_apart_unless_it_is_nearly_the_same():
    kin = replace(
        LEAK,
        title="Every failed Connect starts another retry goroutine",
        body="Each failed Connect starts another retryConnect loop with no limit, and Close() does not stop them.",
        line=70,
    )
    assert len(merge([LEAK, replace(kin, source="model:two")])) == 1
    assert len(merge([LEAK, kin])) == 2
    assert len(merge([LEAK, kin], source_of=lambda found: found.title)) == 1
    assert len(merge([LEAK, replace(LEAK, line=53)])) == 1


def test_different_issues_on_the_same_code_get_names_of_their_own():
    other = replace(SQL, fingerprint=LEAK.fingerprint)
    first, second = merge([LEAK, other])
    assert first.finding.fingerprint != second.finding.fingerprint


@pytest.mark.parametrize(
    ("state", "disposition"),
    [("open", Disposition.DUPLICATE), ("dismissed", Disposition.SUPPRESSED), ("resolved", Disposition.SUPPRESSED)],
)
def test_what_the_pull_request_already_shows_is_not_told_again(state, disposition):
    old = EarlierFinding(LEAK.fingerprint, LEAK.path, LEAK.title, LEAK.body, 40, state, "https://example.test/1")
    (group,) = merge([LEAK_AGAIN], earlier=[replace(old, fingerprint=LEAK_AGAIN.fingerprint)])
    assert group.disposition is disposition
    assert "https://example.test/1" in group.reason


@pytest.mark.parametrize("line", [52, 70, None])
def test_a_thread_is_known_again_when_lines_moved_and_words_changed(line):
    old = EarlierFinding("other", LEAK.path, LEAK.title, LEAK.body, line, "open")
    (group,) = merge([LEAK_AGAIN], earlier=[old])
    assert group.disposition is Disposition.DUPLICATE


def test_a_thread_follows_its_file_through_a_rename():
    old = EarlierFinding("other", "shop/basket.py", LEAK.title, LEAK.body, 52, "dismissed")
    assert merge([LEAK], earlier=[old])[0].disposition is None
    (group,) = merge([LEAK], earlier=[old], renamed={"shop/basket.py": "shop/cart.py"})
    assert group.disposition is Disposition.SUPPRESSED


def test_a_resolved_issue_that_came_back_in_new_code_is_told():
    old = EarlierFinding("of the code before", LEAK.path, LEAK.title, LEAK.body, 52, "resolved")
    assert merge([LEAK], earlier=[old])[0].disposition is None


@pytest.mark.parametrize("name", ["other", SQL.fingerprint])
def test_another_issue_beside_a_thread_is_told_even_on_the_same_code(name):
    old = EarlierFinding(name, LEAK.path, LEAK.title, LEAK.body, 52, "open")
    assert merge([SQL], earlier=[old])[0].disposition is None


def test_a_name_survives_white_space_and_rewording_and_not_other_code():
    name = fingerprint("a.py", "x  =  compute( y )", Category.DEFECT)
    assert name == fingerprint("a.py", "    x = compute( y )", Category.MAINTAINABILITY)
    assert name != fingerprint("a.py", "x = compute(z)", Category.DEFECT)
    assert name != fingerprint("b.py", "x = compute( y )", Category.DEFECT)
    assert name != fingerprint("a.py", "x = compute( y )", Category.SECURITY)


FINDINGS = st.lists(
    st.builds(
        finding,
        st.sampled_from(
            ["Null is not checked", "Value may be None", "Lock is never released", "Race on the cache"]
        ),
        path=st.sampled_from(["a.py", "b.py"]),
        line=st.integers(1, 30),
        source=st.sampled_from(["model:one", "model:two", "ruff:F401"]),
        body=st.sampled_from(["It crashes when the row is empty.", "The lock stays held after an error.", "é"]),
        severity=st.sampled_from(Severity),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(FINDINGS)
def test_merging_loses_and_repeats_nothing_whatever_comes(findings):
    groups = merge(findings)
    kept = sorted((one.path, one.line, one.title, one.source) for group in groups for one in group.findings)
    assert kept == sorted((one.path, one.line, one.title, one.source) for one in findings)
    names = [group.finding.fingerprint for group in groups]
    assert len(names) == len(set(names))
    assert all(1 <= group.agreed <= len(group.findings) for group in groups)
    assert groups == merge(findings)


@settings(max_examples=60, deadline=None)
@given(
    *[st.builds(Statement, *[st.text(max_size=12)], st.integers(0, 99), st.text(max_size=30), st.text(max_size=30))]
    * 2
)
def test_likeness_is_a_chance_and_the_same_both_ways(first, second):
    likeness = Similarity([first, second])
    chance = likeness.chance(first, second)
    assert 0 <= chance <= 1
    assert chance == pytest.approx(likeness.chance(second, first))


@pytest.mark.parametrize("apart", [1, 2, 30])
def test_two_hits_of_analysers_on_two_lines_are_two_findings_also_beside_a_model(apart: int):
    hits = [
        finding("Command goes through a shell", body="Pass a list.", line=52 + n * apart, source="ruff:S602")
        for n in range(6)
    ]
    said = finding("Command goes through a shell", body="Pass a list.", line=52, source="model:one")
    assert len(merge(hits)) == 6
    groups = merge([*hits, said])
    assert {line for group in groups for line in [other.line for other in group.findings]} == {
        hit.line for hit in hits
    }
    assert len(groups) == 6
