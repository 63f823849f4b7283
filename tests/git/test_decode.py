from __future__ import annotations

import re

from hypothesis import assume, example, given
from hypothesis import strategies as st

from reviewer.git.decode import path_of, raw_path, text_of


@given(st.binary(min_size=1, max_size=30))
@example(b"caf\xe9.py")
@example("café.py".encode())
@example(b"\xff\xfe")
def test_a_path_comes_back_from_its_text_byte_by_byte(raw: bytes):
    assume(not re.search(rb"\\x[89a-f][0-9a-f]", raw))
    shown = path_of(raw)
    assert raw_path(shown) == raw
    assert shown.encode("utf-8")


@given(st.binary(max_size=30))
def test_any_content_is_text_and_utf_8_is_what_it_says(data: bytes):
    text = text_of(data)
    assert text.count("\n") == data.count(b"\n")
    assert text.encode("utf-8") == data or text.encode("latin-1") == data
