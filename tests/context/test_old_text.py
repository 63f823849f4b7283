"""Old text: only what differs, under its head, and never a line that is not in the definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.context.old_text import (
    PIECES_LINES,
    SHOWN_LINES,
    Now,
    Old,
    elided_lines,
    header_of,
    is_alike,
    moved_text,
    rewritten_text,
    whole_text,
)
from reviewer.context.snippets import elided_snippet
from reviewer.syntax.symbols import Definition, Source

BODY = "def total(items,\n          country):\n    result = sum(items)\n    return vat(result, country)\n"


def source_of(text: str, path: str = "shop/cart.py") -> Source:
    return Source(path, text.encode())


def old_of(text: str, removed: frozenset[int] = frozenset(), path: str = "shop/cart.py") -> Old:
    source = source_of(text, path)
    return Old(source, source.definitions[0], removed)


def now_of(text: str, path: str = "shop/cart.py") -> Now:
    source = source_of(text, path)
    return Now(source, source.definitions[0])


@pytest.mark.parametrize(
    ("path", "text", "header"),
    [
        ("a.py", BODY, "deftotal(items,country)"),
        ("a.py", "def total(\n    items,\n    country,\n):\n    return 1\n", "deftotal(items,country)"),
        ("a.go", "func Total(items []int) int {\n\treturn 1\n}\n", "funcTotal(items[]int)int"),
        (
            "a.ts",
            "export function total(\n  items: Item[],\n): number {\n  return 1;\n}\n",
            "functiontotal(items:Item[]):number",
        ),
        ("A.java", "class A {\n  int total(int a)\n  {\n    return a;\n  }\n}\n", "classA"),
    ],
)
def test_a_header_is_what_a_caller_depends_on_however_it_is_wrapped(path: str, text: str, header: str):
    source = source_of(text, path)
    assert header_of(source, source.definitions[0]) == header


def test_a_signature_alone_is_enough_where_nothing_else_changed():
    text = rewritten_text(old_of(BODY, frozenset((2,))), now_of(BODY.replace("country):", "country, day):")))
    assert [form.text for form in text.forms] == ["def total(items,\n          country):"]


def test_the_changed_lines_of_the_body_follow_the_signature_where_there_is_room():
    now = now_of(BODY.replace("country):", "day):").replace("vat(result, country)", "result"))
    text = rewritten_text(old_of(BODY, frozenset((2, 4))), now)
    assert [form.text for form in text.forms] == ["def total(items,\n          country):", BODY.rstrip("\n")]
    assert text.value > rewritten_text(old_of(BODY, frozenset((4,))), now_of(BODY.replace("vat", "tax"))).value


def test_code_that_moved_without_a_change_is_told_from_code_that_changed_on_the_way():
    commented = BODY.replace("    result", "    # The sum.\n    result")
    same = moved_text(old_of(BODY), now_of(f"\n{commented}", "shop/sums.py"))
    assert (same.note, len(same.forms)) == (" (moved to shop/sums.py, unchanged)", 1)
    other = moved_text(old_of(BODY), now_of(BODY.replace("vat", "tax"), "shop/sums.py"))
    assert other.note == " (moved to shop/sums.py)"
    assert "return vat(result" in other.forms[-1].text
    assert moved_text(old_of(BODY), now_of(f"class A:\n    pass\n{BODY}")).note == " (moved)"


def test_lines_that_were_only_put_in_are_shown_by_what_stood_around_them():
    rows = "".join(f"    step_{number}()\n" for number in range(20))
    old = f"def run():\n{rows}"
    now = old.replace("    step_10", "    check()\n    step_10")
    (form,) = moved_text(old_of(old), now_of(now, "b.py")).forms
    assert form.text == "def run():\n…\n    step_8()\n    step_9()\n    step_10()\n    step_11()\n…"


def test_two_definitions_of_one_name_that_share_little_are_two():
    assert is_alike(old_of(BODY), now_of(BODY.replace("vat", "tax"), "b.py"))
    assert not is_alike(old_of(BODY), now_of("def total():\n    return cache['total']\n", "b.py"))


def test_a_function_is_shown_whole_only_when_it_is_short_rewritten_and_mostly_unseen():
    text = "def run():\n" + "".join(f"    step_{number}()\n" for number in range(19))
    gone = frozenset(range(2, 8))
    assert whole_text(old_of(text, gone), frozenset((2, 3))) is not None
    assert whole_text(old_of(text, gone), frozenset(range(2, 13))) is None
    assert whole_text(old_of(text, frozenset((2,))), frozenset()) is None
    long = "def run():\n" + "".join(f"    step_{number}()\n" for number in range(PIECES_LINES))
    assert whole_text(old_of(long, frozenset(range(2, 30))), frozenset()) is None


@given(st.integers(1, 90), st.integers(0, 120), st.frozensets(st.integers(1, 220)))
def test_elision_keeps_the_head_stays_inside_and_marks_every_gap(first: int, more: int, wanted: frozenset[int]):
    definition = Definition("run", "function", first, first, first, first + more)
    numbers = elided_lines(definition, wanted)
    assert numbers == sorted(set(numbers))
    assert numbers[0] == first
    assert numbers[-1] <= definition.end
    inside = [number for number in sorted(wanted) if first <= number <= definition.end]
    assert len(numbers) <= 2 * SHOWN_LINES
    assert set(inside[: SHOWN_LINES // 3 - 1]) <= set(numbers)
    rows = source_of("".join(f"line {number}\n" for number in range(1, 250)))
    snippet = elided_snippet(rows, numbers, first, definition.end)
    shown = [row for row in snippet.text.split("\n") if row != "…"]
    assert shown == [f"line {number}" for number in numbers]
    # Rows can be counted off as lines of the file only where none is left out.
    whole = snippet.text.count("\n") == snippet.end - snippet.start
    assert whole == ("…" not in snippet.text)
