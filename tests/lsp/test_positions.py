from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.lsp.positions import UTF8, UTF16, UTF32, Positions, Span, units


@pytest.mark.parametrize(("encoding", "length"), [(UTF8, 8), (UTF16, 4), (UTF32, 3)])
def test_columns_are_in_the_units_that_the_client_asked_for(encoding: str, length: int):
    assert units("aß😀", encoding) == length - (1 if encoding == UTF8 else 0)


def test_a_bare_carriage_return_ends_a_line_of_the_protocol_and_a_form_feed_none():
    assert Positions("a\rb\n\x0cc\n  d\n").span(3, 3, indented=True) == Span(3, 2, 3, 3)
    assert Positions("a\rbb\n").span(1, 1) == Span(0, 0, 1, 2)
    assert Positions("x\x0cy\u2028z\nn").span(2, 2) == Span(1, 0, 1, 1)


def test_a_line_end_of_windows_is_no_part_of_the_line():
    positions = Positions("one\r\ntwo\r\n")
    assert (positions.span(2, 2), positions.line_end) == (Span(1, 0, 1, 3), "\r\n")


def test_lines_that_are_not_there_become_the_nearest_and_an_empty_text_has_one_place():
    assert Positions("a\nbb").span(7, 9) == Span(1, 0, 1, 2)
    assert Positions("").span(1, 1) == Span(0, 0, 0, 0)


@given(st.text(alphabet="ab😀𝒳ß\t ", max_size=20))
def test_a_column_of_utf_16_is_what_the_codec_says(text: str):
    assert Positions(text + "\n").span(1, 1).end_column == len(text.encode("utf-16-le")) // 2
