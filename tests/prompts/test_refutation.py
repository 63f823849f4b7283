"""The smallest text that can refute findings."""

from __future__ import annotations

from reviewer.change.parse import parse_diff
from reviewer.change.units import build_units
from reviewer.context.model import ContextItem, ContextKind
from reviewer.context.surroundings import Surroundings
from reviewer.context.tokens import count_tokens
from reviewer.prompts.refutation import LINES_AROUND, refutation_text
from tests.findings.builders import finding

LINES = [f"step_{number} = work({number})" for number in range(1, 301)]


def new_file():
    body = "".join(f"+{line}\n" for line in LINES)
    change = parse_diff(
        "diff --git a/run.py b/run.py\nnew file mode 100644\n--- /dev/null\n+++ b/run.py\n"
        f"@@ -0,0 +1,300 @@\n{body}"
    )
    (unit,) = build_units(change.files, max_tokens=10_000, risk=lambda _hunk: 0.0, count=count_tokens)
    return unit


def at(line, **more):
    return finding(f"At {line}", path="run.py", line=line, quote=LINES[line - 1], body="It is wrong.", **more)


def shown(text):
    return {number for number, line in enumerate(LINES, start=1) if f"{number} +{line}\n" in text}


def test_two_findings_far_apart_show_what_is_around_each_and_not_what_is_between():
    text = refutation_text(new_file(), Surroundings({}, {}), (), [at(50), at(250)])
    near = {number for line in (50, 250) for number in range(line - LINES_AROUND, line + LINES_AROUND + 1)}
    assert shown(text) == near
    assert "lines not shown)" in text


def test_findings_of_one_place_share_its_text():
    one = refutation_text(new_file(), Surroundings({}, {}), (), [at(50)])
    assert refutation_text(new_file(), Surroundings({}, {}), (), [at(50), at(50)]) == one


def test_a_line_that_a_finding_rests_on_is_shown_too():
    text = refutation_text(new_file(), Surroundings({}, {}), (), [at(50, evidence=("run.py:200",))])
    assert {50, 200} <= shown(text)
    assert 120 not in shown(text)


def test_a_definition_is_shown_where_a_finding_names_it():
    items = [
        ContextItem("lib.py", 1, 2, f"def {name}():\n    return 1", ContextKind.DEFINITION, "r", 9, name)
        for name in ("work", "rest")
    ]
    text = refutation_text(new_file(), Surroundings({}, {}), items, [at(50)])
    assert "def work()" in text
    assert "def rest()" not in text


def test_the_function_around_a_change_is_shown_near_the_finding_alone():
    change = parse_diff(
        "diff --git a/run.py b/run.py\n--- a/run.py\n+++ b/run.py\n@@ -150 +150 @@\n-old\n+step_150 = work(150)\n"
    )
    (unit,) = build_units(change.files, max_tokens=10_000, risk=lambda _hunk: 0.0, count=count_tokens)
    text = refutation_text(unit, Surroundings({"run.py": ((1, 300),)}, {"run.py": LINES}), (), [at(150)])
    assert f"{150 - LINES_AROUND}  {LINES[149 - LINES_AROUND]}" in text
    assert LINES[148 - LINES_AROUND] not in text
    assert "150 +step_150" in text
