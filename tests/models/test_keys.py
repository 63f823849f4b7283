"""Keys and addresses as people paste them: taken, or refused in one sentence that never holds the key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.errors import ConfigurationError
from reviewer.models.redact import redactor
from reviewer.settings import PROVIDER_KEYS, Settings
from reviewer.text.secret_value import SecretForm, secret_form

KEY = "sk-proj-Zq8vT4mB1xN7kR2wY5uP9sL3hJ6gD0fA"
AROUND = {
    "line end": KEY + "\n",
    "carriage return": KEY + "\r",
    "both": KEY + "\r\n",
    "blank": f" {KEY} ",
    "tab": KEY + "\t",
    "no-break space": KEY + "\u00a0",
    "byte order mark": "\ufeff" + KEY,
    "zero width space": KEY + "\u200b",
    "quotes": f'"{KEY}"',
    "single quotes": f"'{KEY}'",
    "curly quotes": f"\u201c{KEY}\u201d",
    "quotes and a line end": f'"{KEY}"\n',
    "Bearer": f"Bearer {KEY}",
    "bearer in quotes": f'"bearer {KEY}"',
}


@pytest.mark.parametrize("name", [*PROVIDER_KEYS, "KILO_REVIEW_MODEL_KEY"])
@pytest.mark.parametrize("written", AROUND.values(), ids=AROUND.keys())
def test_what_copying_puts_around_a_key_is_taken_off(name: str, written: str) -> None:
    settings = Settings.from_environ({name: written})
    found = (settings.model_key, *settings.provider_keys.values())
    assert [key.reveal() for key in found if key] == [KEY]


@pytest.mark.parametrize(
    "written",
    [f"{KEY}\nsecond", f"{KEY} second", f"\u201c{KEY}", f"{KEY}\u00e4", KEY[:9] + "\u200b" + KEY[9:], KEY + "\x00"],
    ids=["two lines", "two words", "one curly quote", "umlaut", "zero width space inside", "NUL"],
)
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(written: str) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY holds") as caught:
        Settings.from_environ({"OPENAI_API_KEY": written})
    assert KEY[:12] not in str(caught.value)
    assert caught.value.exit_code == 2
    assert caught.value.remedy


@given(st.text(max_size=60))
def test_any_text_for_a_key_is_a_clean_key_or_a_refusal(written: str) -> None:
    said = ""
    settings = Settings.from_environ({})
    try:
        settings = Settings.from_environ({"MISTRAL_API_KEY": written})
    except ConfigurationError as error:
        said = str(error)
    assert not any(word in said for word in written.split() if len(word) > 8)
    assert all("!" <= char <= "~" for key in settings.provider_keys.values() for char in key.reveal())


def test_a_key_of_nothing_is_no_key() -> None:
    for nothing in ("", "\n", '""', " \ufeff "):
        assert not Settings.from_environ({"OPENAI_API_KEY": nothing}).provider_keys


@pytest.mark.parametrize(
    "key",
    [
        "not-needed",
        "none",
        "EMPTY",
        "test",
        "ollama",
        "dummy",
        "x",
        "xxx",
        "sk-no-key-required",
        "lm-studio",
        "<your key>",
    ],
)
def test_a_placeholder_for_a_key_is_no_secret(key: str) -> None:
    assert secret_form(key) is SecretForm.NONE
    settings = Settings.from_environ({"KILO_REVIEW_MODEL_KEY": key.replace(" ", "_")})
    redact = redactor(settings.secrets())
    text = f"No test needed: not-needed, none, EMPTY, ollama, x, {key}"
    assert redact(text) == text


@pytest.mark.parametrize("key", [KEY, "hunter2", "correct-horse-battery", "abcdefghijkl", "sk-test-51H"])
def test_every_key_is_among_the_secrets_of_the_settings(key: str) -> None:
    assert key in Settings.from_environ({"KILO_REVIEW_MODEL_KEY": key}).secrets()


@pytest.mark.parametrize(
    "name", ["KILO_REVIEW_MODEL_URL", "KILO_REVIEW_OLLAMA_BASE_URL", "KILO_REVIEW_OPENAI_BASE_URL"]
)
@pytest.mark.parametrize(
    "written", ["localhost:11434/v1", "127.0.0.1:8080", "models.example.org/v1", "ftp://x/v1", "x"]
)
def test_an_address_without_http_is_refused_with_the_one_to_write(name: str, written: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        Settings.from_environ({name: written})
    assert caught.value.exit_code == 2
    assert "http" in caught.value.remedy


def test_the_remedy_for_an_address_without_its_scheme_can_be_pasted() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({"KILO_REVIEW_MODEL_URL": "localhost:11434/v1"})
    address = caught.value.remedy.rpartition("=")[2]
    assert Settings.from_environ({"KILO_REVIEW_MODEL_URL": address}).model_url == "http://localhost:11434/v1"


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({"KILO_REVIEW_MODEL_URL": f"user:{KEY}@host/v1"})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("behind", ["", "/", "/chat/completions", "/models", "/chat/completions/"])
def test_the_path_of_a_request_behind_an_address_is_taken_off(behind: str) -> None:
    settings = Settings.from_environ({"KILO_REVIEW_MODEL_URL": f"http://127.0.0.1:1234/v1{behind}"})
    assert settings.model_url == "http://127.0.0.1:1234/v1"
