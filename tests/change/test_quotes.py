"""Where a quote of a diff stands, whatever was done to it while it was copied."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.change.anchor import Anchors
from reviewer.change.model import Anchor, Side
from reviewer.change.parse import parse_diff
from reviewer.change.quotes import compact

PATH = "src/job.py"
CODE = """\
def first(job):
    for part in job.parts:
        send("part", part.name)
    }
    return job

def second(job):
        for part in job.parts:
            send("part", part.name)
            }
        log("sent", len(job.parts), retry=False)
        close(job)
    return job
""".rstrip("\n").split("\n")
DIFF = f"--- a/{PATH}\n+++ b/{PATH}\n@@ -0,0 +1,{len(CODE)} @@\n" + "".join(f"+{line}\n" for line in CODE)
ANCHORS = Anchors.from_change(parse_diff(DIFF))


def lines(first: int, last: int) -> Anchor:
    return Anchor(PATH, Side.RIGHT, last, first if first < last else None)


def found(quote: str, near: int | None = None) -> Anchor | None:
    return ANCHORS.by_quote(PATH, quote, near)


def test_indentation_decides_between_lines_that_are_else_the_same() -> None:
    assert found('            send("part", part.name)') == lines(9, 9)
    assert found('        send("part", part.name)') == lines(3, 3)


def test_a_quote_without_indentation_takes_the_line_that_is_named() -> None:
    assert found('send("part", part.name)', 9) == lines(9, 9)
    assert found('send("part", part.name)', 3) == lines(3, 3)


@pytest.mark.parametrize(
    "quote",
    [
        'log("sent", len(job.parts), retry=False)\nclose(job)',
        "log('sent', len(job.parts), retry=False)\n    close(job)",
        'log( "sent",len( job.parts ),  retry = False )\nclose( job )',
        "log(“sent”, len(job.parts), retry=False)\nclose(job)",
        '11 +        log("sent", len(job.parts), retry=False)\n12 +        close(job)',
        '+        log("sent", len(job.parts), retry=False)\n+        close(job)',
        'log("sent", … retry=False)\nclose(job)',
        'log("sent", ...)\nclose(job)',
    ],
    ids=[
        "trimmed",
        "other marks",
        "white space",
        "typographic",
        "numbered",
        "marked",
        "elision inside",
        "elided end",
    ],
)
def test_a_careless_copy_is_found(quote: str) -> None:
    assert found(quote) == lines(11, 12)


def test_a_line_of_the_range_that_is_left_out_is_forgiven_said_or_not() -> None:
    assert found("def second(job):\n            }\n        close(job)") == lines(7, 12)
    assert found("def second(job):\n    ...\n        close(job)") == lines(7, 12)


def test_one_line_in_three_may_be_miscopied_and_not_one_in_two() -> None:
    good = ['        log("sent", len(job.parts), retry=False)', "        close(job)", "    return job"]
    assert found("\n".join([good[0], "        shut(job)", good[2]])) == lines(11, 13)
    assert found("\n".join(["        shout()", *good[1:]])) == lines(12, 13)
    assert found("def nowhere():\n        close(job)") is None


def test_a_brace_that_is_indented_alike_closes_the_range() -> None:
    assert found('    for part in job.parts:\n        send("part", part.name)\n    }') == lines(2, 4)
    assert found('for part in job.parts:\nsend("part", part.name)\n            }', 8) == lines(8, 10)


def test_lines_of_two_hunks_are_no_range() -> None:
    text = f"--- a/{PATH}\n+++ b/{PATH}\n@@ -1 +1 @@\n-a\n+one()\n@@ -90 +90 @@\n-b\n+two()\n"
    assert Anchors.from_change(parse_diff(text)).by_quote(PATH, "one()\ntwo()") is None


@given(st.integers(1, len(CODE)), st.integers(0, 5), st.data())
@settings(max_examples=60)
def test_a_range_is_found_with_its_white_space_changed_anywhere(start: int, more: int, data: st.DataObject) -> None:
    end = min(len(CODE), start + more)
    rows = CODE[start - 1 : end]
    if not rows[0].strip() or not rows[-1].strip():
        return
    quote = "\n".join(data.draw(st.sampled_from(["", " ", "\t   "])) + " ".join(row.split(" ")) for row in rows)
    place = found(quote, start)
    assert place is not None
    assert [compact(row) for row in CODE[(place.start_line or place.line) - 1 : place.line]] == list(
        map(compact, rows)
    )


@given(st.text(max_size=60))
def test_no_quote_raises(quote: str) -> None:
    place = found(quote)
    assert place is None or 1 <= place.line <= len(CODE)
