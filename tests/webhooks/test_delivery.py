"""Reading a delivery: whatever the body is, the answer is a value or a refusal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.errors import DeliveryRefused
from webhooks.delivery import read_delivery, whole

HEADERS = {"X-GitHub-Event": "pull_request", "X-GitHub-Delivery": "a-1", "Content-Type": "application/json"}


def test_a_delivery_has_githubs_own_words():
    body = b'{"action": "opened", "installation": {"id": 5}, "n": 1}'
    delivery = read_delivery({**HEADERS, "Content-Type": "application/json; charset=utf-8"}, body)
    assert (delivery.event, delivery.action, delivery.guid) == ("pull_request", "opened", "a-1")
    assert delivery.installation_id == 5
    assert delivery.payload["n"] == 1
    assert "payload" not in repr(delivery)


@pytest.mark.parametrize(
    ("change", "rule", "status"),
    [
        ({"X-GitHub-Event": ""}, "event-header", 400),
        ({"X-GitHub-Event": "pull request"}, "event-header", 400),
        ({"X-GitHub-Event": "../x"}, "event-header", 400),
        ({"X-GitHub-Event": "x" * 65}, "event-header", 400),
        ({"X-GitHub-Delivery": ""}, "delivery-header", 400),
        ({"X-GitHub-Delivery": "a b"}, "delivery-header", 400),
        ({"X-GitHub-Delivery": "a" * 65}, "delivery-header", 400),
        ({"Content-Type": ""}, "content-type", 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "content-type", 415),
    ],
)
def test_wrong_headers_are_refused(change: dict[str, str], rule: str, status: int):
    with pytest.raises(DeliveryRefused) as refusal:
        read_delivery({**HEADERS, **change}, b"{}")
    assert (refusal.value.rule, refusal.value.status) == (rule, status)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b"{}x", "json"),
        (b"\xff\xfe\x00", "json"),
        (b'{"a": "\xff"}', "json"),
        (b'{"a": NaN}', "json"),
        (b'{"a": -Infinity}', "json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "json"),
        (b"[]", "json-object"),
        (b"null", "json-object"),
        (b'"x"', "json-object"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "json-depth"),
        (b"[" * 200_000, "json-depth"),
        (b'{"installation": {"id": "5"}}', "payload"),
        (b'{"installation": {"id": true}}', "payload"),
        (b'{"installation": {"id": 9223372036854775808}}', "payload"),
        (b'{"installation": {}}', "payload"),
    ],
)
def test_wrong_bodies_are_refused(body: bytes, rule: str):
    with pytest.raises(DeliveryRefused) as refusal:
        read_delivery(HEADERS, body)
    assert refusal.value.rule == rule
    assert refusal.value.status == 400


@pytest.mark.parametrize("action", [1, None, [], "Opened!", "x" * 100])
def test_an_action_that_is_no_word_is_no_action(action: object):
    assert read_delivery(HEADERS, json.dumps({"action": action}).encode()).action == ""


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats()))
def test_an_id_is_a_positive_number_of_64_bits(value: object):
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
        assert whole({"id": value}, "id") == value
    else:
        with pytest.raises(DeliveryRefused):
            whole({"id": value}, "id")


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal(body: bytes):
    try:
        read_delivery(HEADERS, body)
    except DeliveryRefused as refusal:
        assert 400 <= refusal.status < 500  # noqa: PT017 - either outcome is right
