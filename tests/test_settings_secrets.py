"""What the settings print, and what they call a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reviewer.models.redact import redactor
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.settings import Secret, Settings
from reviewer.text.secret_address import address_secrets, printable
from reviewer.text.secret_value import SecretForm, secret_form

HIDDEN = {
    "database": "db-Zk39xQ7pLm2V", "redis": "rd-Zk39xQ7pLm2V", "alert": "aX4kQ9zT7pLm2VtR8wYb",
    "base": "bs-Zk39xQ7pLm2V",
    "model": "md-Zk39xQ7pLm2V", "query": "qy-Zk39xQ7pLm2V", "token": "tk-Zk39xQ7pLm2V", "key": "ky-Zk39xQ7pLm2V",
    "hook": "hk-Zk39xQ7pLm2V", "encoded": "p@ss/Zk39xQ7pLm",
}  # fmt: skip


def settings() -> Settings:
    return Settings(
        Path("state"),
        Path("cache"),
        database_url=f"postgresql+psycopg://app:{HIDDEN['database']}@db.internal:5432/app",
        redis_url=f"rediss://:{HIDDEN['redis']}@cache:6379/0",
        alert_webhook=f"https://hooks.chat.example/services/T0001/{HIDDEN['alert']}",
        base_urls={"openai": f"https://u:{HIDDEN['base']}@proxy.example/v1?key={HIDDEN['query']}"},
        model_url=f"https://{HIDDEN['token']}@models.example/v1",
        model_key=Secret(HIDDEN["model"]),
        provider_keys={"openai": Secret(HIDDEN["key"])},
        webhook_secrets=(Secret(HIDDEN["hook"]),),
        github_api_url="https://u:p%40ss%2FZk39xQ7pLm@github.example/api/v3",
    )


def test_settings_print_no_password_key_or_token():
    shown = repr(settings()) + str(settings()) + f"{settings()}"
    assert [name for name, value in HIDDEN.items() if value in shown or value[3:] in shown] == []
    for kept in ("db.internal:5432/app", "cache:6379", "hooks.chat.example", "proxy.example/v1", "models.example"):
        assert kept in shown


@pytest.mark.parametrize("name", HIDDEN)
def test_what_a_model_echoes_of_our_settings_is_not_published(name: str):
    conceal = OwnSecrets(settings().secrets())
    assert HIDDEN[name] in settings().secrets()
    for said in (HIDDEN[name], json.dumps({"body": HIDDEN[name]}), f"the value is `{HIDDEN[name]}`."):
        assert HIDDEN[name] not in conceal(said)


def test_hosts_users_and_parts_of_our_addresses_are_no_secrets():
    conceal = OwnSecrets(settings().secrets())
    text = "The services of hooks.chat.example and db.internal are called by app over postgresql+psycopg."
    assert conceal(text) == text


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sqlite:////var/lib/ledger.sqlite", "sqlite:////var/lib/ledger.sqlite"),
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://:x@h/0", "redis://***@h/0"),
        ("https://h/v1?key=x", "https://h/v1?***"),
        ("not an address", "not an address"),
        ("https://[broken@x", "***"),
        ("", ""),
    ],
)
def test_an_address_is_printed_without_its_secrets(address: str, shown: str):
    assert printable(address) == shown.replace("//***@h/0", "//:***@h/0")


def test_an_address_that_cannot_be_read_is_a_secret_whole():
    assert address_secrets("https://u:p@[broken") == ("https://u:p@[broken",)
    assert address_secrets("https://h.example/v1") == ()


@pytest.mark.parametrize(
    "value",
    ["not-needed", "none", "EMPTY", "x", "dummy", "test", "ollama", "lm-studio", "sk-no-key-required",
     "your-api-key",
     "00000000", "xxxxxxxxxxxxxxxx", "12345678", "1234567890", "postgres", "changeme", "password", ""],
)  # fmt: skip
def test_a_dummy_key_is_no_secret_and_takes_no_word_of_a_comment(value: str):
    assert secret_form(value) is SecretForm.NONE
    text = (
        f"A key is not needed here; {value} of postgres, none, EMPTY test, lm-studio "
        "12345678 0000000000 xxxxxxxxxxxxxxxxxx."
    )
    assert OwnSecrets([value]).own(text) == text
    assert redactor([value])(text) == text


@pytest.mark.parametrize(
    "value",
    ["sk-proj-Zq8vT4mB1xN7kR2wY5uP9sL3hJ6gD0fA", "8f14e45fceea167a", "hunter2hunter2", "Tr0ub4dor&3", "84629173",
     "aBcDkFgXiJ", "-----BEGIN RSA PRIVATE KEY-----\nMIIEabcdefghijkl\n-----END RSA PRIVATE KEY-----"],
)  # fmt: skip
def test_what_an_issuer_or_a_careful_person_made_is_a_secret(value: str):
    assert secret_form(value) is SecretForm.PIECES
    assert value not in OwnSecrets([value])(f"leak: {value} end")


def test_a_value_in_another_script_is_hidden_as_a_whole():
    assert "пароль-длинный" not in OwnSecrets(["пароль-длинный"])("вот: пароль-длинный.")


def test_a_passphrase_of_words_is_hidden_as_a_whole_and_its_words_are_not():
    value = "correct-horse-battery-staple"
    assert secret_form(value) is SecretForm.WHOLE
    conceal = OwnSecrets([value])
    assert conceal(f"it is {value}") == "it is [redacted]"
    assert conceal("a correct horse and a battery staple") == "a correct horse and a battery staple"
