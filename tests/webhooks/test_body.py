"""Reading a body within its size."""

from __future__ import annotations

from io import BytesIO

import pytest

from reviewer.errors import DeliveryRefused
from webhooks.body import CHUNK, read_body


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_a_body_of_any_size_is_whole(size: int):
    body = bytes(number % 251 for number in range(size))
    environ = {"CONTENT_LENGTH": str(size), "wsgi.input": BytesIO(body)}
    assert read_body(environ, size) == body
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(body)}
    assert read_body(chunked, size) == body
    if size:
        with pytest.raises(DeliveryRefused) as refusal:
            read_body({**chunked, "wsgi.input": BytesIO(body)}, size - 1)
        assert refusal.value.status == 413


def test_a_body_that_is_too_large_by_its_own_word_is_not_read():
    class Unread:
        def read(self, size: int) -> bytes:
            raise AssertionError("was read")

    with pytest.raises(DeliveryRefused) as refusal:
        read_body({"CONTENT_LENGTH": "11", "wsgi.input": Unread()}, 10)
    assert refusal.value.status == 413


@pytest.mark.parametrize("length", ["", "-1", "x", "1e3", "\u0661"])
def test_a_body_without_a_length_is_refused(length: str):
    with pytest.raises(DeliveryRefused) as refusal:
        read_body({"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"x")}, 10)
    assert refusal.value.status == 411


def test_a_body_that_is_cut_off_is_refused():
    with pytest.raises(DeliveryRefused) as refusal:
        read_body({"CONTENT_LENGTH": "5", "wsgi.input": BytesIO(b"abc")}, 10)
    assert refusal.value.rule == "cut-body"
