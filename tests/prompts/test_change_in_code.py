"""The change inside its code: each changed line once, its function around it, numbers that are the head's."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.change.model import Hunk, LineKind, Unit
from reviewer.change.parse import parse_diff
from reviewer.context.surroundings import SMALL_FILE_LINES, surroundings
from reviewer.prompts.change_in_code import LONGEST_LINE, cut_lines, render_in_code
from reviewer.syntax.symbols import Source
from tests.findings.builders import unit_of

PATH = "pkg/app.py"


def count(text: str) -> int:
    return len(text) // 4


def hunks_of(old: list[str], new: list[str], *, context: int = 3) -> tuple[Hunk, ...]:
    lines = difflib.unified_diff(old, new, f"a/{PATH}", f"b/{PATH}", n=context, lineterm="")
    return parse_diff("\n".join(lines) + "\n").hunks


def shown(old: list[str], new: list[str], *, budget: int = 10_000, context: int = 3) -> list[str]:
    hunks = hunks_of(old, new, context=context)
    source = Source(PATH, ("\n".join(new) + "\n").encode())
    around = surroundings(hunks, {PATH: source}, budget=budget, count=count)
    return render_in_code(Unit("u", hunks, ""), around).split("\n")


def function(name: str, lines: int) -> list[str]:
    return [f"def {name}(x):", *(f"    x = x + {number}  # {name}" for number in range(lines)), "    return x", ""]


def changed(lines: list[str], at: int, text: str) -> list[str]:
    return [*lines[:at], text, *lines[at + 1 :]]


BIG = [line for number in range(12) for line in function(f"f{number}", 20)]


def test_a_small_file_is_shown_whole():
    old = function("f", 10)
    assert len(old) < SMALL_FILE_LINES
    text = shown(old, changed(old, 2, "    x = 0"))
    assert [line.split("  ")[0].split(" ")[0] for line in text[1:] if not line.startswith("-")] == [
        str(number) for number in range(1, len(old) + 1)
    ]


def test_a_hunk_is_shown_within_its_whole_function_and_no_other():
    at = BIG.index("    x = x + 10  # f5")
    text = shown(BIG, changed(BIG, at, "    x = 0"))
    assert any(line.endswith("  def f5(x):") for line in text)
    assert sum("# f5" in line for line in text) == 20 + 0
    assert not any("# f4" in line or "# f6" in line for line in text)
    assert f"{at + 1} +    x = 0" in text
    assert "-    x = x + 10  # f5" in text


def test_a_long_function_keeps_its_signature_and_the_lines_nearest_to_the_change():
    old = [*function("before", 40), *function("long", 400)]
    at = old.index("    x = x + 200  # long")
    text = shown(old, changed(old, at, "    x = 0"))
    assert any(line.endswith("  def long(x):") for line in text)
    near = [int(line.split(" ")[0]) for line in text if line[0].isdigit() and "# long" in line]
    assert min(near) > at - 90
    assert max(near) < at + 90
    assert sorted(near) == near
    assert any(line.startswith("… (") for line in text)


def test_what_is_left_out_is_said_with_its_number_of_lines():
    at = BIG.index("    x = x + 10  # f5")
    text = shown(BIG, changed(BIG, at, "    x = 0"))
    first = int(next(line for line in text if line[0].isdigit()).split(" ")[0])
    assert text[1] == f"… ({first - 1} lines above)"


def test_without_room_only_the_hunks_are_shown():
    at = BIG.index("    x = x + 10  # f5")
    text = shown(BIG, changed(BIG, at, "    x = 0"), budget=0)
    assert sum(line[0].isdigit() or line[0] == "-" for line in text) == 3 + 2 + 3


def test_a_long_line_of_data_around_a_change_is_cut_and_said():
    old = ["DATA = [" + "1, " * 5000 + "]", *function("f", 10)]
    text = shown(old, changed(old, 4, "    x = 0"))
    assert max(len(line) for line in text) < 400
    assert any("(line cut)" in line for line in text)


def test_a_file_that_the_head_does_not_have_is_shown_by_its_hunks():
    hunks = hunks_of(function("f", 10), [])
    text = render_in_code(Unit("u", hunks, ""))
    assert sum(line.startswith("-") for line in text.split("\n")) == 13


edits = st.lists(
    st.tuples(st.integers(0, len(BIG) - 1), st.sampled_from(["    x = 9", "", "    y = 1\n    z = 2", None])),
    min_size=1,
    max_size=6,
    unique_by=lambda edit: edit[0],
)


@given(edits, st.sampled_from([0, 50, 400, 10_000]), st.sampled_from([0, 1, 3]))
def test_every_line_of_the_change_is_shown_once_and_every_number_is_that_of_the_head(found, budget, context):
    new: list[str] = []
    by_line = dict(found)
    for number, line in enumerate(BIG):
        text = by_line.get(number, line)
        if text is not None:
            new += text.split("\n")
    hunks = hunks_of(BIG, new, context=context)
    if not hunks:
        return
    text = shown(BIG, new, budget=budget, context=context)
    numbered = [line.split(" ", 1) for line in text if line[:1].isdigit()]
    assert [int(number) for number, _ in numbered] == sorted({int(number) for number, _ in numbered})
    assert all(new[int(number) - 1] == rest[1:] for number, rest in numbered)
    added = [int(number) for number, rest in numbered if rest.startswith("+")]
    assert added == sorted(line.new_no or 0 for hunk in hunks for line in hunk.added)
    removed = [line[1:] for line in text if line.startswith("-")]
    assert removed == [line.text for hunk in hunks for line in hunk.lines if line.kind is LineKind.REMOVED]
    assert {line.new_no for hunk in hunks for line in hunk.lines if line.new_no} <= {int(n) for n, _ in numbered}


@pytest.mark.parametrize("context", [0, 3])
def test_a_removal_at_either_end_of_a_file_stands_where_it_was(context):
    text = shown(BIG, BIG[2:], context=context)
    assert text[1:3] == ["-" + BIG[0], "-" + BIG[1]]
    text = shown(BIG, BIG[:-3], context=context)
    assert text[-3:] == ["-" + line for line in BIG[-3:]]


def test_a_line_of_data_is_shown_by_its_ends_and_says_how_much_is_left_out():
    data = "start" + "7," * 40_000 + "end"
    unit = unit_of(f"--- a/data.py\n+++ b/data.py\n@@ -0,0 +1,2 @@\n+{data}\n+x = 1\n")
    text = render_in_code(unit)
    assert len(text) < LONGEST_LINE
    assert "1 +start7,7," in text
    assert "… (78,308 characters not shown) … " in text
    assert text.split("\n")[1].endswith("7,end")
    assert cut_lines(unit) == ("data.py:1",)
    assert cut_lines(unit_of()) == ()
