"""What a change does to a guard: removed, weakened, turned round, or only moved and reworded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.guards import SHAPES, NetLines, dropped, tokens, turned, weakened
from policies.load import load_policy
from policies.rules import ChangedPart, builtin_rules, hits
from policies.sensitivity import assess

RULES = builtin_rules()
ROWS = [json.loads(line) for line in (Path(__file__).parent / "one_liners.jsonl").read_text("utf-8").splitlines()]
REGRESSIONS = [row for row in ROWS if row["regression"]]
CALM = [row for row in ROWS if not row["regression"]]

lines = st.lists(st.text(alphabet="ab<>=!&| ()ifreturn1", max_size=24), max_size=5).map(tuple)


def names(path: str, added: str = "", removed: str = "") -> set[str]:
    return {hit.rule.name for hit in hits((part(path, added, removed),), RULES)}


def part(path: str, added: str, removed: str) -> ChangedPart:
    return ChangedPart(path, tuple(filter(None, added.split("\n"))), tuple(filter(None, removed.split("\n"))))


def escalated(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    threshold = load_policy().sensitivity_threshold
    return [
        row
        for row in rows
        if assess((part(row["path"], row["added"], row["removed"]),), RULES, threshold=threshold).sensitive
    ]


def test_seven_of_ten_one_line_regressions_start_at_the_frontier_and_one_of_ten_calm_lines() -> None:
    assert (len(REGRESSIONS), len(CALM)) == (78, 78)
    assert len(escalated(REGRESSIONS)) >= 0.7 * len(REGRESSIONS)
    assert len(escalated(CALM)) <= 0.1 * len(CALM)


def test_the_regressions_are_of_many_languages_and_most_of_each_are_found() -> None:
    found = escalated(REGRESSIONS)
    endings = {row["path"].rpartition(".")[2] for row in REGRESSIONS}
    assert len(endings) >= 12
    for ending in ("py", "js", "java", "go", "rb", "php", "c"):
        of_language = [row for row in REGRESSIONS if row["path"].endswith("." + ending)]
        assert sum(row in found for row in of_language) >= 0.5 * len(of_language), ending


@pytest.mark.parametrize("row", [row for row in CALM if "(" in row["removed"]][:12], ids=lambda row: row["path"])
def test_a_line_that_only_moved_is_neither_added_nor_removed(row: dict[str, str]) -> None:
    assert names(row["path"], row["removed"], "    " + row["removed"]) == set()


@pytest.mark.parametrize(
    ("path", "removed", "added"),
    [
        ("a.py", "@login_required", "@login_required(redirect=True)"),
        ("a.js", "if (file.ownerId !== user.id) return", "if (file.ownerId !== req.user.id) return"),
        ("a.py", "return hmac.compare_digest(a, b)", "return hmac.compare_digest(first, second)"),
        ("a.java", "@PreAuthorize(\"hasRole('ADMIN')\")", "@PreAuthorize(\"hasAuthority('ADMIN')\")"),
        ("a.go", "name = filepath.Clean(name)", "path = filepath.Clean(name)"),
        ("a.c", "  if (len > sizeof(buf)) return -1;", "  if (len >= sizeof(buf) || !len) return -1;"),
    ],
)
def test_a_guard_that_is_only_reworded_or_made_stricter_is_not_reported_as_taken_away(
    path: str, removed: str, added: str
) -> None:
    assert not names(path, added, removed) & {"access-check-removed", "guard-dropped", "validation-removed"}


@pytest.mark.parametrize(
    ("removed", "added"),
    [
        ("if (a < b) {", "if (a <= b) {"),
        ("if user == owner:", "if user != owner:"),
        ("if (!ok) return;", "if (ok) return;"),
        ("return a && b;", "return a || b;"),
        ("unless admin? and active?", "unless admin? or active?"),
    ],
)
def test_a_comparison_that_is_turned_round_is_seen(removed: str, added: str) -> None:
    assert turned(NetLines((added,), (removed,))) == added


@pytest.mark.parametrize(
    ("removed", "added"),
    [
        ("if (a && b) {", "if (a) {"),
        ("if (a) {", "if (a || b) {"),
        ("if x and y.ok:", "if x:"),
        ("if (w > M || h > M) return;", "if (w > M) return;"),
        ("if (off + n > cap)", "if (off > cap)"),
    ],
)
def test_a_condition_that_loses_a_part_is_seen(removed: str, added: str) -> None:
    assert weakened(NetLines((added,), (removed,))) == added


def test_a_condition_that_gains_a_part_is_stricter_and_no_weakening() -> None:
    assert weakened(NetLines(("if (a && b) {",), ("if (a) {",))) == ""


@pytest.mark.parametrize(
    "line", ["import x", "require 'json'", "raise NotImplementedError", "total = a + b", "# if x: return"]
)
def test_what_refuses_nothing_is_no_guard(line: str) -> None:
    assert dropped(NetLines((), (line,))) == ""


def test_a_guard_of_several_lines_that_goes_is_seen_and_one_that_is_replaced_is_not() -> None:
    guard = ("if n > limit {", "return errTooLarge", "}")
    assert dropped(NetLines((), guard)) == guard[0]
    assert dropped(NetLines(("if n > limit || n < 0 {", "return errTooLarge", "}"), guard)) == ""


def test_prose_and_comments_are_no_conditions() -> None:
    assert turned(NetLines(("// if a <= b",), ("// if a < b",))) == ""
    assert weakened(NetLines(("if you want to, read this",), ("if you want to and can, read this",))) == ""


def test_a_rewrite_of_a_file_is_left_to_the_model() -> None:
    old = "\n".join(f"    old_{n} = {n}" for n in range(60))
    assert names("a.py", "\n".join(f"    new_{n} = {n}" for n in range(60)), old + "\n@login_required") == set()


def test_tests_and_prose_may_drop_a_guard() -> None:
    assert names("tests/test_a.py", "", "@login_required") == set()
    assert names("docs/a.md", "", "if not user.is_admin: raise Forbidden()") == set()


@settings(max_examples=80)
@given(lines, lines)
def test_a_shape_names_a_line_of_the_change_or_nothing(added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    net = NetLines(added, removed)
    for shape in SHAPES.values():
        found = shape(net)
        assert found == "" or found in {*net.added, *net.removed}
    assert not {*net.added} & {*net.removed}


@settings(max_examples=40)
@given(lines)
def test_a_change_of_white_space_alone_does_nothing_to_a_guard(given: tuple[str, ...]) -> None:
    assert len(NetLines(given, tuple("  " + line for line in given))) == 0


@pytest.mark.parametrize("evil", ["(" * 400, "if " * 160, "a && " * 90, '"' * 399, "'\\" * 200, "return if " * 40])
def test_no_expression_for_guards_can_be_made_to_backtrack(evil: str) -> None:
    """An expression that backtracks runs into the time limit of the suite here."""
    assert isinstance(tokens(evil), tuple)
    changed = (ChangedPart("a.c", (evil,) * 6, (evil + "x",) * 5),)
    assert isinstance(hits(changed, RULES), tuple)
