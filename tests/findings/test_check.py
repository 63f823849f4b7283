import pytest

from policies.words import Check, Severity
from reviewer.change.lines import replace_lines
from reviewer.change.model import Side
from reviewer.findings.check import check_answer
from reviewer.findings.parse import parse_answer
from reviewer.findings.syntax import still_parses
from reviewer.models.model import FinishReason
from tests.findings.builders import AFTER, Files, anchors_of, answer, completion, finding, stated, unit_of

UNIT, ANCHORS = unit_of(), anchors_of()
HEAD = Files({"shop/cart.py": AFTER.encode()})


def check(text, *, finish=FinishReason.STOP, head=HEAD, evidence=(), unit=UNIT, anchors=ANCHORS):
    return check_answer(parse_answer(text, unit), completion(text, finish), unit, anchors, head, evidence)


def test_a_finding_stands_on_the_line_that_it_quotes_whatever_number_it_names():
    checked = check(answer(stated(line=6)))
    (good,) = checked.good
    assert checked.failures == ()
    assert (good.line, good.start_line, good.side, good.quote) == (
        4,
        None,
        Side.RIGHT,
        "        found += row.price * row.count",
    )
    assert (good.source, good.unit) == ("model:small", UNIT.identity)


def test_a_quote_of_two_lines_stands_on_both():
    (good,) = check(answer(stated(quote="found += row.price * row.count\nlog(row)"))).good
    assert (good.start_line, good.line) == (4, 5)


def test_a_removed_line_can_be_commented_on_the_left():
    (good,) = check(answer(stated(quote="-        found += row.price", line=4))).good
    assert (good.side, good.line) == (Side.LEFT, 4)


def test_a_slip_of_the_pen_in_the_quote_is_forgiven_near_the_named_line():
    (good,) = check(answer(stated(quote="found += row.price * row.counts", line=5))).good
    assert good.line == 4


@pytest.mark.parametrize(
    ("wrong", "failed"),
    [
        ({"quote": "os.system(user_input)"}, Check.QUOTE),
        ({"path": "shop/other.py"}, Check.ANCHOR),
        ({"path": "/etc/passwd"}, Check.ANCHOR),
        ({"severity": "unheard of"}, Check.SCHEMA),
    ],
)
def test_a_finding_that_fails_is_named_and_kept_on_record(wrong, failed):
    checked = check(answer(stated(**wrong), stated(title="Good one")))
    assert [good.title for good in checked.good] == ["Good one"]
    (failure,) = checked.failures
    assert failure.check is failed
    assert failure.finding is not None
    assert failure.finding.title == "Count may be missing"
    assert failure.detail


def test_a_line_of_the_file_outside_the_diff_is_real_but_has_no_anchor():
    head = Files({"shop/cart.py": (AFTER + "\n\ndef unrelated():\n    pass\n").encode()})
    (good,) = check(answer(stated(quote="def unrelated():", line=0)), head=head).good
    assert good.line == 9
    assert ANCHORS.place(good.path, good.line) is None


@pytest.mark.parametrize(
    ("finish", "failed"),
    [
        (FinishReason.LENGTH, Check.TRUNCATED),
        (FinishReason.RUNAWAY, Check.TRUNCATED),
        (FinishReason.CUT, Check.TRUNCATED),
        (FinishReason.REFUSAL, Check.REFUSED),
    ],
)
def test_an_answer_that_did_not_end_well_fails_whole_but_loses_nothing(finish, failed):
    checked = check(answer(stated()), finish=finish)
    assert [(failure.check, failure.finding) for failure in checked.failures] == [(failed, None)]
    assert len(checked.good) == 1


def test_silence_where_an_analyser_speaks_up_fails():
    grave = finding("SQL injection", source="bandit:B608", severity=Severity.HIGH, confidence=None)
    slight = finding("Unused import", source="ruff:F401", severity=Severity.LOW, confidence=None)
    (failure,) = check(answer(), evidence=[slight, grave]).failures
    assert failure.check is Check.EMPTY_ON_EVIDENCE
    assert "bandit:B608" in failure.detail
    assert check(answer(), evidence=[slight]).failures == ()
    assert check(answer(stated()), evidence=[grave]).failures == ()


def test_doubt_that_the_model_states_itself_is_a_failed_check():
    (failure,) = check(answer(uncertain=True)).failures
    assert failure.check is Check.SELF_REPORTED_UNCERTAIN


@pytest.mark.parametrize(
    ("suggestion", "published"),
    [
        ("        found += row.price * (row.count or 1)", "        found += row.price * (row.count or 1)"),
        ("found += row.price * (row.count or 1)", "        found += row.price * (row.count or 1)"),
        ("+        found += row.price", "        found += row.price"),
        ("```\n        found += 1\n```", "        found += 1"),
        ("if row.count:\n    found += row.price", "        if row.count:\n            found += row.price"),
        ("        found += 2\n        log(row)", "        found += 2"),
        ("", None),
    ],
)
def test_a_suggestion_is_put_into_the_shape_that_applies(suggestion, published):
    checked = check(answer(stated(suggestion=suggestion)))
    assert checked.failures == ()
    assert checked.good[0].suggestion == published


@pytest.mark.parametrize(
    ("suggestion", "failed"),
    [
        ("        found += row.price * row.count", Check.SUGGESTION_APPLIES),
        ("        found += row.price * row.count   \n", Check.SUGGESTION_APPLIES),
        ("        found += row.price * row.count\n        log(row)", Check.SUGGESTION_APPLIES),
        ("        found += (row.price", Check.SUGGESTION_PARSES),
        ("        else:", Check.SUGGESTION_PARSES),
    ],
)
def test_a_suggestion_that_fails_is_taken_off_and_the_finding_stays(suggestion, failed):
    checked = check(answer(stated(suggestion=suggestion)))
    (failure,) = checked.failures
    assert failure.check is failed
    (good,) = checked.good
    assert good.suggestion is None
    assert failure.finding == good


def test_a_suggestion_for_a_removed_line_does_not_apply():
    checked = check(answer(stated(quote="found += row.price", suggestion="pass")))
    assert checked.good[0].suggestion is None
    assert checked.failures[0].check is Check.SUGGESTION_APPLIES


def test_a_suggestion_is_refused_when_the_head_is_not_what_the_diff_says():
    head = Files({"shop/cart.py": AFTER.replace("row.count", "row.number").encode()})
    checked = check(answer(stated(suggestion="        found += 1")), head=head)
    assert checked.failures[0].check is Check.SUGGESTION_APPLIES


def test_line_ends_of_windows_do_not_stop_a_suggestion():
    head = Files({"shop/cart.py": AFTER.replace("\n", "\r\n").encode()})
    checked = check(answer(stated(suggestion="        found += 1")), head=head)
    assert (checked.failures, checked.good[0].suggestion) == ((), "        found += 1")


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        ("a.py", "x = (1)\n", "x = (1\n"),
        ("a.js", "let x = [1];\n", "let x = [1;\n"),
        ("a.ts", "let x: number = 1;\n", "let x: = 1;\n"),
        ("a.tsx", "const a = <b>c</b>;\n", "const a = <b>c</;\n"),
        ("a.go", "package a\n\nfunc f() {}\n", "package a\n\nfunc f( {}\n"),
        ("A.java", "class A { int x = 1; }\n", "class A { int x = ; }\n"),
        ("a.rb", "def f\n  1\nend\n", "def f(\n  1\nend\n"),
        ("a.php", "<?php f(1);\n", "<?php f(1;\n"),
        ("a.rs", "fn f() {}\n", "fn f( {}\n"),
        ("a.c", "int f(void) { return 1; }\n", "int f(void) { return 1; \n"),
        ("a.cpp", "class A { int x; };\n", "class A { int x; ;\n"),
        ("a.cs", "class A { int x = 1; }\n", "class A { int x = 1 \n"),
        ("a.kt", "fun f() { }\n", "fun f( { }\n"),
    ],
)
def test_each_language_is_judged_by_its_own_grammar(path, good, bad):
    assert still_parses(path, good.encode(), good.replace("1", "2").encode())
    assert not still_parses(path, good.encode(), bad.encode())
    assert still_parses(path, bad.encode(), bad.encode())


def test_an_unknown_language_is_not_judged():
    assert still_parses("notes.txt", b"(", b"((((")


def test_lines_that_should_go_are_replaced_by_one_beside_them_that_stays():
    head = Files({"shop/cart.py": AFTER.encode()})
    (good,) = check(answer(stated(quote="        log(row)", line=5, suggestion="DELETE")), head=head).good
    assert (good.start_line, good.line) == (4, 5)
    assert good.suggestion == "        found += row.price * row.count"
    assert good.quote == "        log(row)"
    after = replace_lines(AFTER.encode(), 4, 5, good.suggestion).decode()
    assert after == AFTER.replace("        log(row)\n", "")


def test_a_removed_line_cannot_be_deleted_again():
    (good,) = check(answer(stated(quote="-        found += row.price", line=0, suggestion="DELETE"))).good
    assert good.suggestion is None


@pytest.mark.parametrize(
    ("also", "told"), [("shop/row.py:12", True), ("shop/row.py:3-5", True), ("see above", False), (None, False)]
)
def test_a_second_place_is_told_in_the_body(also, told):
    (good,) = check(answer(stated(also=also))).good
    assert ("Also at `" in good.body) is told
    assert good.body.startswith(stated()["body"])
