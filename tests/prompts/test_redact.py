from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.change.parse import parse_diff
from reviewer.prompts.redact import PLACEHOLDER, is_dotenv, redact, redact_change, redact_lines

_RANDOM = random.Random(7)


def _letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(_RANDOM.choice(alphabet) for _ in range(count))


# Built at run time: the repository itself holds nothing that looks like a secret.
TOKENS = {
    "github": "gh" + "p_" + _letters(36),
    "github-fine": "github" + "_pat_" + _letters(60),
    "aws": "AK" + "IA" + _letters(16, "ABCDEFGHIJKLMNOP234567"),
    "anthropic": "sk-" + "ant-api03-" + _letters(40),
    "openai": "sk-" + "proj-" + _letters(48),
    "google": "AI" + "za" + _letters(35),
    "slack": "xo" + "xb-" + "1234567890-" + _letters(24),
    "stripe": "sk" + "_live_" + _letters(24),
    "npm": "np" + "m_" + _letters(36),
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_of_a_known_format_is_replaced(name: str):
    text, count = redact(f'client = Client("{TOKENS[name]}")')
    assert (text, count) == (f'client = Client("{PLACEHOLDER}")', 1)


def test_a_password_in_an_address_is_replaced_and_the_address_stays():
    text, count = redact("postgres://app:" + "hunter22xyz" + "@db.internal/app")
    assert (text, count) == (f"postgres://app:{PLACEHOLDER}@db.internal/app", 1)


@pytest.mark.parametrize(
    "value", ["${DB_PASSWORD}", "your-password", "changeme123", "<password here>", "{{ secret }}"]
)
def test_placeholders_of_people_stay(value: str):
    line = f'password = "{value}"'
    assert redact(line) == (line, 0)


def test_a_named_secret_is_replaced_whatever_its_format():
    text, count = redact('API_KEY: "q8w7e6r5t4y3u2i1"')
    assert (text, count) == (f'API_KEY: "{PLACEHOLDER}"', 1)


def test_a_private_key_is_hidden_across_lines_and_the_lines_keep_their_number():
    body = [_letters(64) for _ in range(3)]
    lines = ["a = 1", "-----BEGIN RSA " + "PRIVATE KEY-----", *body, "-----END RSA " + "PRIVATE KEY-----", "b = 2"]
    clean, count = redact_lines(lines)
    assert len(clean) == len(lines)
    assert count == 1
    assert clean[0] == "a = 1"
    assert clean[-1] == "b = 2"
    assert not any(line in "\n".join(clean) for line in body)


def test_every_value_of_a_dotenv_file_is_hidden_and_its_names_stay():
    clean, count = redact_lines(["# comment", "export DB=postgres", "EMPTY="], dotenv=True)
    assert clean == ["# comment", f"export DB={PLACEHOLDER}", "EMPTY="]
    assert count == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [(".env", True), ("app/.env.production", True), ("prod.env", True), (".env.example", False), ("env.py", False)],
)
def test_dotenv_files_are_known_by_name(path: str, expected: bool):
    assert is_dotenv(path) is expected


def test_a_change_is_redacted_in_every_line_and_keeps_its_shape():
    token = TOKENS["github"]
    diff = f"--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n-old = '{token}'\n+new = '{token}'\n z = 1\n"
    redacted = redact_change(parse_diff(diff))
    texts = [line.text for hunk in redacted.change.hunks for line in hunk.lines]
    assert texts == [f"old = '{PLACEHOLDER}'", f"new = '{PLACEHOLDER}'", "z = 1"]
    assert redacted.count == 2
    assert redacted.change.hunks[0].lines[1].new_no == 1


@pytest.mark.parametrize(
    ("path", "section", "expected"),
    [
        ("x.py", f"KEY = '{TOKENS['github']}'", f"KEY = '{PLACEHOLDER}'"),
        ("x.py", f"KEY = '{TOKENS['github'][:20]}", f"KEY = '{PLACEHOLDER}"),
        ("x.py", "db_password = 'correct-horse-batt", f"db_password = '{PLACEHOLDER}"),
        ("key.txt", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7", PLACEHOLDER),
        (".env", "DB=postgres", f"DB={PLACEHOLDER}"),
        ("x.py", "def key_of(password='x'):", "def key_of(password='x'):"),
        ("x.py", "class Gherkin:\u202e", "class Gherkin:\\u{202e}"),
    ],
)
def test_the_line_in_a_hunks_header_is_redacted_too_also_where_git_cut_it(path: str, section: str, expected: str):
    diff = f"--- a/{path}\n+++ b/{path}\n@@ -9,2 +9,2 @@ {section}\n-a\n+b\n z\n"
    (hunk,) = redact_change(parse_diff(diff)).change.hunks
    assert hunk.section == expected


@given(
    st.lists(st.text(alphabet=st.characters(blacklist_characters="\n\r", codec="utf-8"), max_size=80), max_size=20)
)
def test_redaction_never_changes_the_number_of_lines_and_is_done_once(lines: list[str]):
    clean, _count = redact_lines(lines)
    assert len(clean) == len(lines)
    assert redact_lines(clean)[0] == clean
