from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.prompts.fence import prose, reveal
from reviewer.publish.escape import is_visible, plain, suggestion, visible
from reviewer.text.invisible import escaped, hidden_in, is_hidden, without_hidden
from webhooks.commands import parse_command

BLANK_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U00016fe4\U0001d159"


def test_every_format_control_and_separator_character_of_unicode_is_hidden():
    characters = map(chr, range(sys.maxunicode + 1))
    wanted = {
        char for char in characters
        if unicodedata.category(char) in ("Cf", "Cc", "Cs", "Co", "Cn", "Zl", "Zp") and char not in "\t\n\r"
    }  # fmt: skip
    assert [hex(ord(char)) for char in wanted if not is_hidden(char)] == []


@pytest.mark.parametrize("char", [*BLANK_LETTERS, "\ufe0f", "\U000e0041", "\U000e0101", "\u206f", "\U0001bca0"])
def test_a_blank_letter_or_ignorable_character_is_seen_by_no_reader_so_by_no_model(char: str):
    assert reveal(f"a{char}b") == f"a\\u{{{ord(char):x}}}b"
    assert prose(f"a{char}b", limit=50) == "ab"
    assert visible(f"a{char}b") == "ab"
    assert plain(f"a{char}b") == "ab"
    assert suggestion(f"a{char}b") is None


@pytest.mark.parametrize("char", ["\u200b", "\ufeff", "\u3164", "\u2060"])
def test_a_command_means_what_its_writer_sees(char: str):
    assert parse_command(f"/kilo review{char}") == parse_command("/kilo review")
    assert parse_command(f"/kilo review --model a{char}b") == parse_command("/kilo review --model ab")
    assert parse_command(f"{char}/kilo review") is None


def test_tags_that_spell_a_command_spell_nothing():
    assert parse_command("".join(chr(0xE0000 + ord(letter)) for letter in "/kilo review")) is None


def test_letters_marks_signs_and_blanks_of_living_scripts_stay():
    text = "\tnaïve → 日本 हिन्दी עברית ไทย ½ €\u00a0x\n"
    assert hidden_in(text) == frozenset()
    assert escaped(text) == text
    assert is_visible(text)


@given(st.text(max_size=60))
def test_nothing_hidden_is_left_and_nothing_else_is_lost(text: str):
    clean = without_hidden(text)
    assert hidden_in(clean) == frozenset() == hidden_in(escaped(text))
    assert clean == "".join(char for char in text if not is_hidden(char))
