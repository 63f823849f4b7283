"""Text on a terminal is wrapped under its indentation; elsewhere a line stays a line."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.local.layout import NARROWEST, laid_out, print_text

words = st.text("ab/.`é-", min_size=1, max_size=30)
lines = st.builds(
    lambda indent, parts: " " * indent + " ".join(parts), st.sampled_from((0, 2, 4)), st.lists(words, max_size=12)
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.lists(lines, min_size=1, max_size=5).map("\n".join), st.integers(NARROWEST, 90))
def test_no_row_is_wider_than_the_terminal_and_no_word_is_lost(text: str, width: int) -> None:
    rows = [row for row, _style in laid_out(text, width=width)]
    assert all(len(row) <= width for row in rows)
    assert " ".join(rows).split() == text.split()


def test_what_is_wrapped_stands_under_its_line() -> None:
    rows = list(laid_out("unit 1 of 2\n    definition, 40 tokens: `clean_path` is called there", width=40))
    assert rows == [
        ("unit 1 of 2", "bold"),
        ("    definition, 40 tokens: `clean_path`", "dim"),
        ("      is called there", "dim"),
    ]


def test_a_path_longer_than_the_terminal_is_not_cut() -> None:
    path = "deep/" * 20 + "module.py:3-9"
    assert [row for row, _style in laid_out(f"  {path}", width=60)] == [f"  {path}"]


LONG = "title\n" + "    " + "word " * 60


def test_a_pipe_gets_every_line_whole_and_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    print_text(LONG)
    assert capsys.readouterr().out == LONG + "\n"


@pytest.mark.parametrize(("terminal", "coloured"), [("xterm-256color", True), ("dumb", False)])
def test_a_terminal_gets_rows_of_its_width(monkeypatch: pytest.MonkeyPatch, terminal: str, coloured: bool) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("LINES", raising=False)
    monkeypatch.setenv("TERM", terminal)
    print_text(LONG)
    shown = screen.getvalue()
    assert ("\x1b[1mtitle" in shown) is coloured
    assert max(len(row.replace("\x1b[2m", "").replace("\x1b[0m", "")) for row in shown.splitlines()[1:]) <= 60


def test_a_prompt_is_shown_as_it_would_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    print_text(LONG, exactly=True)
    assert screen.getvalue() == LONG + "\n"
