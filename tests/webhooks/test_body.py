"""Reading a body from a real socket, within its size and its time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from io import BytesIO

import pytest

from reviewer.errors import DeliveryRefused
from webhooks.body import CHUNK, Deadlines, read_body


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_sender_that_trickles_is_given_up_although_every_byte_is_in_time(pair):
    ours, theirs = pair
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.05):
            try:
                theirs.sendall(b"x")
            except OSError:
                return

    thread = threading.Thread(target=trickle)
    thread.start()
    environ = {"CONTENT_LENGTH": "100000", "wsgi.input": ours.makefile("rb"), "gunicorn.socket": ours}
    started = time.monotonic()
    with pytest.raises(DeliveryRefused) as refusal:
        read_body(environ, 10**6, Deadlines(0.3))
    stop.set()
    thread.join()
    assert (refusal.value.rule, refusal.value.status) == ("slow-body", 408)
    assert time.monotonic() - started < 10


def test_a_body_in_time_is_returned_and_its_socket_is_left_alone(pair):
    ours, theirs = pair
    deadlines = Deadlines(0.3)
    for _ in range(3):
        theirs.sendall(b"hello")
        environ = {"CONTENT_LENGTH": "5", "wsgi.input": ours.makefile("rb", 0), "gunicorn.socket": ours}
        assert read_body(environ, 10, deadlines) == b"hello"
    time.sleep(1.5)
    theirs.sendall(b"again")
    assert ours.recv(5) == b"again"


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_a_body_of_any_size_is_whole(size: int):
    body = bytes(number % 251 for number in range(size))
    environ = {"CONTENT_LENGTH": str(size), "wsgi.input": BytesIO(body)}
    assert read_body(environ, size, Deadlines()) == body
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(body)}
    assert read_body(chunked, size, Deadlines()) == body
    if size:
        with pytest.raises(DeliveryRefused) as refusal:
            read_body({**chunked, "wsgi.input": BytesIO(body)}, size - 1, Deadlines())
        assert refusal.value.status == 413


def test_a_body_that_is_too_large_by_its_own_word_is_not_read():
    class Unread:
        def read(self, size: int) -> bytes:
            raise AssertionError("was read")

    with pytest.raises(DeliveryRefused) as refusal:
        read_body({"CONTENT_LENGTH": "11", "wsgi.input": Unread()}, 10, Deadlines())
    assert refusal.value.status == 413


@pytest.mark.parametrize("length", ["", "-1", "x", "1e3", "\u0661"])
def test_a_body_without_a_length_is_refused(length: str):
    with pytest.raises(DeliveryRefused) as refusal:
        read_body({"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"x")}, 10, Deadlines())
    assert refusal.value.status == 411


def test_a_body_that_is_cut_off_is_refused():
    with pytest.raises(DeliveryRefused) as refusal:
        read_body({"CONTENT_LENGTH": "5", "wsgi.input": BytesIO(b"abc")}, 10, Deadlines())
    assert refusal.value.rule == "cut-body"
