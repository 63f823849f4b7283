from __future__ import annotations

import re

from hypothesis import assume, example, given
from hypothesis import strategies as st

from reviewer.git.decode import path_of, raw_path


@given(st.binary(min_size=1, max_size=30))
@example(b"caf\xe9.py")
@example("café.py".encode())
@example(b"\xff\xfe")
def test_a_path_comes_back_from_its_text_byte_by_byte(raw: bytes):
    assume(not re.search(rb"\\x[89a-f][0-9a-f]", raw))
    shown = path_of(raw)
    assert raw_path(shown) == raw
    assert shown.encode("utf-8")
