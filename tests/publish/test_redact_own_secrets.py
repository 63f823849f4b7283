from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.publish.redact_own_secrets import OwnSecrets

CANARY = "canary-Zk39xQ7pLm2VtR8wYb5N"

DRESSES = {
    "plain": CANARY,
    "reversed": CANARY[::-1],
    "hex": CANARY.encode().hex(),
    "upper hex": CANARY.encode().hex().upper(),
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "base64 with a lead": base64.b64encode(b"x" + CANARY.encode()).decode(),
    "base64 with two": base64.b64encode(b"xy" + CANARY.encode()).decode(),
    "spaced": " ".join(CANARY),
    "dashed": "-".join(CANARY),
    "quoted": '"canary-Zk39x" + "Q7pLm2VtR8wYb5N"',
    "over lines": "canary-Zk39xQ\n7pLm2VtR8wYb5N",
    "first seven removed": CANARY[7:],
    "last seven removed": CANARY[:-7],
    "upper": CANARY.upper(),
    "escaped": CANARY.replace("-", "\\-"),
    "spelled in code": "`canary-Zk39x``Q7pLm2VtR8wYb5N`",
}


@pytest.mark.parametrize("dress", DRESSES)
def test_a_secret_is_found_in_every_dress(dress: str) -> None:
    told = OwnSecrets([CANARY])(f"before {DRESSES[dress]} after")
    assert "[redacted]" in told
    letters = "".join(char for char in told if char.isalnum()).lower()
    for form in (CANARY, CANARY[::-1], CANARY.encode().hex()):
        bare = "".join(char for char in form if char.isalnum()).lower()
        assert not any(bare[at : at + 12] in letters for at in range(len(bare) - 11))


def test_text_without_secrets_stays() -> None:
    text = "The key of the dict is never read; see `app/keys.py:12`.\n\n```py\nx = 1\n```\n"
    assert (
        OwnSecrets([CANARY, "-----BEGIN RSA PRIVATE KEY-----\nMIIEabcdefghijkl\n-----END RSA PRIVATE KEY-----\n"])(
            text
        )
        == text
    )


def test_a_private_key_is_found_by_any_part_of_its_body() -> None:
    body = "MIIEowIBAAKCAQEAq7d9Fk2mZx8Lr5Tn3Vb1"
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n"
    assert body[8:24] not in OwnSecrets([key])(f"leak: {body[8:24]}!")


def test_tokens_of_other_issuers_are_hidden_too() -> None:
    assert "ghp_" not in OwnSecrets()("ghp_" + "a1" * 18)


def test_a_word_is_no_secret() -> None:
    assert OwnSecrets(["short"])("a short text") == "a short text"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_around_a_secret_hides_it(before: str, after: str) -> None:
    assert CANARY not in OwnSecrets([CANARY])(f"{before}{CANARY}{after}")
