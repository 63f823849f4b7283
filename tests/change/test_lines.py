import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.change.lines import replace_lines, split_lines

# Everything that str.splitlines takes for the end of a line, and git does not.
OTHER_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
TEXTS = st.text(alphabet=f"ab \r\n{OTHER_ENDS}", max_size=40)


@pytest.mark.parametrize("end", OTHER_ENDS)
def test_only_a_newline_ends_a_line(end):
    source = f"one{end}still one\ntwo\n".encode()
    assert replace_lines(source, 2, 2, "TWO") == f"one{end}still one\nTWO\n".encode()
    assert split_lines(source.decode()) == [f"one{end}still one", "two"]


def test_the_line_ends_of_the_file_are_kept():
    assert replace_lines(b"one\r\ntwo\r\n", 2, 2, "a\nb") == b"one\r\na\r\nb\r\n"
    assert replace_lines(b"one\ntwo", 2, 2, "a\nb") == b"one\na\nb"


@pytest.mark.parametrize("lines", [(0, 1), (2, 1), (2, 2), (1, 2)])
def test_lines_that_are_not_there_cannot_be_replaced(lines):
    with pytest.raises(ValueError):
        replace_lines(b"one\n", *lines, "x")


@settings(max_examples=40)
@given(TEXTS, st.data())
def test_every_other_line_is_kept_byte_for_byte(text, data):
    count = len(split_lines(text))
    if not count:
        return
    first = data.draw(st.integers(1, count))
    last = data.draw(st.integers(first, count))
    source = text.encode()
    after = replace_lines(source, first, last, "NEW").split(b"\n")
    before = source.split(b"\n")
    assert after[: first - 1] == before[: first - 1]
    assert after[first:] == before[last:]
    assert after[first - 1].rstrip(b"\r") == b"NEW"


def test_git_counts_lines_as_we_do(tmp_path):
    text = f"one{OTHER_ENDS}\ntwo\r\nthree"
    (tmp_path / "a").write_text("", encoding="utf-8")
    (tmp_path / "b").write_text(text, encoding="utf-8", newline="")
    done = subprocess.run(
        ["git", "diff", "--no-index", "--numstat", "a", "b"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert int(done.stdout.split()[0]) == len(split_lines(text))
