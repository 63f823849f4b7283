"""The signature, against GitHub's own example and against everything that is not one."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.errors import ConfigurationError, SignatureRefused
from webhooks.signature import sign, verify

SECRET = "It's a Secret to Everybody"
BODY = b"Hello, World!"
RIGHT = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_githubs_own_example_is_accepted():
    verify(BODY, RIGHT, [SECRET])
    assert sign(BODY, SECRET) == RIGHT


def test_either_of_two_secrets_is_accepted_while_they_rotate():
    verify(BODY, RIGHT, ["the new one", SECRET])
    verify(BODY, RIGHT, [SECRET, "the old one"])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        " ",
        "sha256=",
        RIGHT.removeprefix("sha256="),
        RIGHT.upper(),
        RIGHT[:-1],
        RIGHT + "0",
        RIGHT + "," + RIGHT,
        "sha256=" + "0" * 64,
        "sha1=" + hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest(),
        "sha512=" + hmac.new(SECRET.encode(), BODY, hashlib.sha512).hexdigest(),
        "sha256=" + hashlib.sha256(BODY).hexdigest(),
        "sha256=ñ" + RIGHT[8:],
        "sha256=\udcff",
        "sha256=" + "ſ" * 64,
    ],
)
def test_anything_else_is_refused_with_a_rule_and_never_another_error(header: str | None):
    with pytest.raises(SignatureRefused) as refusal:
        verify(BODY, header, [SECRET])
    assert refusal.value.rule.startswith("signature-")
    assert SECRET not in str(refusal.value)


def test_a_body_that_was_parsed_and_written_again_is_refused():
    with pytest.raises(SignatureRefused):
        verify(b'{"a": 1}', sign(b'{"a":1}', SECRET), [SECRET])


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
def test_without_a_secret_nothing_is_accepted_not_even_the_empty_secrets_own_signature(secrets: list[str]):
    empty = "sha256=" + hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    with pytest.raises(ConfigurationError, match="GITHUB_WEBHOOK_SECRET"):
        verify(BODY, empty, secrets)


@given(st.binary(max_size=200), st.text(max_size=80))
def test_no_header_text_raises_anything_but_a_refusal(body: bytes, header: str):
    with pytest.raises(SignatureRefused):
        verify(body, header, [SECRET])


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_signature_is_for_one_body(body: bytes, other: bytes):
    verify(body, sign(body, SECRET), [SECRET])
    if body != other:
        with pytest.raises(SignatureRefused):
            verify(other, sign(body, SECRET), [SECRET])
