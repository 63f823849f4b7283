"""Findings against what a pull request shows already: the same issue once, another issue always."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.words import Severity
from reviewer.findings.earlier import EarlierFinding
from reviewer.findings.fingerprint import fingerprint
from reviewer.findings.merge import merge
from reviewer.findings.model import Category, Disposition
from tests.findings.builders import finding

QUOTE = 'rows = db.execute(f"SELECT * FROM orders WHERE name = {name}")'
STYLE = finding(
    "Query text is hard to read",
    body="The statement is one long line; a constant with a name would say what it selects.",
    quote=QUOTE,
    severity=Severity.LOW,
    category=Category.MAINTAINABILITY,
)
CRASH = finding(
    "Missing orders raise IndexError",
    body="execute() returns an empty list for an unknown customer, and the next line takes rows[0].",
    quote=QUOTE,
    severity=Severity.HIGH,
)
INJECTION = finding(
    "SQL injection through name",
    body="The name parameter is pasted into the SELECT statement, so anybody can read every order.",
    quote=QUOTE,
    severity=Severity.CRITICAL,
    category=Category.SECURITY,
)
LEAK = finding(
    "Orders of other customers are returned",
    body="Nothing restricts the query to the tenant of the session, so customers see each other's orders.",
    quote=QUOTE,
    severity=Severity.HIGH,
    category=Category.SECURITY,
)


def shown(of, state="open", **changes):
    values = {
        "fingerprint": of.fingerprint,
        "path": of.path,
        "title": of.title,
        "body": of.body,
        "line": of.line,
        "state": state,
        "severity": of.severity,
        "category": of.category,
    }
    return EarlierFinding(**values | changes)


def fates(findings, *earlier, **more):
    return [group.disposition for group in merge(findings, earlier=earlier, **more)]


@pytest.mark.parametrize("state", ["open", "dismissed", "resolved"])
@pytest.mark.parametrize(("old", "new"), [(STYLE, CRASH), (INJECTION, LEAK), (CRASH, INJECTION), (LEAK, INJECTION)])
def test_another_issue_on_the_code_of_an_earlier_comment_is_told_under_a_name_of_its_own(old, new, state):
    (group,) = merge([new], earlier=[shown(old, state)])
    assert group.disposition is None
    assert group.finding.fingerprint != old.fingerprint
    (again,) = merge([new], earlier=[shown(old, state), shown(new, fingerprint=group.finding.fingerprint)])
    assert again.disposition is Disposition.DUPLICATE
    assert again.finding.fingerprint == group.finding.fingerprint


def test_one_comment_answers_for_one_issue_of_a_line():
    groups = merge([STYLE, CRASH, INJECTION, LEAK], earlier=[shown(CRASH)])
    assert [group.disposition for group in groups] == [None, Disposition.DUPLICATE, None, None]
    assert len({group.finding.fingerprint for group in groups}) == 4


def test_the_same_words_on_a_second_line_of_the_same_text_are_a_second_issue():
    there, added = replace(CRASH, line=4), replace(CRASH, line=400)
    assert fates([there, added], shown(there)) == [Disposition.DUPLICATE, None]


def test_a_grave_issue_does_not_hide_behind_a_small_one_in_similar_words():
    grave = replace(CRASH, title="Orders that are missing raise IndexError", severity=Severity.CRITICAL)
    small = shown(CRASH, "dismissed", severity=Severity.LOW, body="The list of orders may be missing.")
    assert fates([grave], small) == [None]
    assert fates([grave], shown(CRASH, "dismissed")) == [Disposition.SUPPRESSED]


def test_a_danger_is_not_suppressed_by_a_dismissed_remark_in_similar_words():
    danger = replace(
        CRASH,
        category=Category.SECURITY,
        title="Anybody can crash the worker",
        body="execute() returns an empty list for an unknown customer: anybody can stop the worker.",
    )
    assert fates([danger], shown(CRASH, "dismissed")) == [None]
    assert fates([danger], shown(CRASH, "dismissed", category=Category.SECURITY)) == [Disposition.SUPPRESSED]


@pytest.mark.parametrize("state", ["open", "dismissed"])
def test_a_file_that_is_renamed_in_a_later_push_keeps_its_findings(state):
    old = [
        shown(one, state, path="shop/orders.py", fingerprint=fingerprint("shop/orders.py", QUOTE, one.category))
        for one in (CRASH, INJECTION)
    ]
    found = [replace(one, path="shop/order_book.py", fingerprint="new") for one in (CRASH, INJECTION)]
    fate = Disposition.DUPLICATE if state == "open" else Disposition.SUPPRESSED
    assert fates(found, *old, paths={"shop/order_book.py"}) == [fate, fate]
    assert fates(found, *old, paths={"shop/order_book.py", "shop/orders.py"}) == [None, None]


def test_a_renamed_file_is_known_by_its_issues_where_its_lines_changed_too():
    old = shown(CRASH, path="shop/orders.py", fingerprint="of other code")
    new = replace(CRASH, path="shop/order_book.py", quote="rows = find(name)")
    assert fates([new], old, paths={"shop/order_book.py"}) == [Disposition.DUPLICATE]
    other = replace(LEAK, path="shop/order_book.py", quote="rows = find(name)")
    assert fates([other], old, paths={"shop/order_book.py"}) == [None]


ISSUES = [STYLE, CRASH, INJECTION, LEAK]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(ISSUES), unique=True, max_size=4),
    st.lists(st.tuples(st.sampled_from(ISSUES), st.sampled_from(["open", "dismissed", "resolved"])), max_size=4),
)
def test_what_is_new_is_always_told_and_every_name_is_its_own(found, before):
    earlier = [
        shown(one, state, fingerprint=fingerprint(one.path, QUOTE, one.category, ordinal=at))
        for at, (one, state) in enumerate(before)
    ]
    groups = merge(found, earlier=earlier)
    known = {one.title for one, _state in before}
    for group in groups:
        assert (group.disposition is not None) == (group.finding.title in known)
    names = [group.finding.fingerprint for group in groups]
    assert len(set(names)) == len(names)
    told = {group.finding.fingerprint for group in groups if group.disposition is None}
    assert not told & {one.fingerprint for one in earlier}
