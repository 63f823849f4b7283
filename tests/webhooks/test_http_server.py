"""Slow, broken and too many clients, on real sockets against the real server."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.process_tree import wait_for
from webhooks import http_server
from webhooks.http_server import THREADS, HTTPServer


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.5)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


class Running:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, **limits: float) -> None:
        for name, value in limits.items():
            monkeypatch.setattr(http_server, name, value)
        self.server = HTTPServer(echo, ("127.0.0.1", 0), body_limit=1000)
        self.port = int(self.server.effective_port)
        self.thread = threading.Thread(target=self.server.serve)
        self.thread.start()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def post(self, path: str = "/", body: bytes = b"hello") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    running: list[Running] = []

    def start(**limits: float) -> Running:
        running.append(Running(monkeypatch, **limits))
        return running[-1]

    yield start
    for each in running:
        each.server.stop()
        each.thread.join(20)
        assert not each.thread.is_alive()


def answer_of(sock: socket.socket) -> tuple[int, dict[str, str]]:
    """Status and JSON of what a socket gets until it is closed; (0, {}) where nothing came."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while chunk := sock.recv(4096):
            data += chunk
    if not data:
        return 0, {}
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), json.loads(body)


@pytest.mark.parametrize(
    "begin",
    [b"", b"P", b"POST / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\nabc"],
    ids=["silent", "in the request line", "in the headers", "in the body"],
)
def test_slow_clients_of_any_number_hold_no_thread(serve, begin):
    running = serve()
    with contextlib.ExitStack() as stack:
        for _ in range(5 * THREADS):
            sock = stack.enter_context(running.connect())
            sock.sendall(begin)
        assert running.post() == (200, b"hello")
        assert running.post("/slow") == (200, b"hello")


@pytest.mark.parametrize(
    "begin",
    [b"POST / HTTP/1.1\r\nX: ", b"POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\n"],
    ids=["headers", "body"],
)
def test_a_request_that_trickles_is_answered_408_although_every_byte_is_in_time(serve, begin):
    running = serve(REQUEST_SECONDS=0.5)
    with running.connect() as sock:
        sock.sendall(begin)

        def trickle() -> None:
            with contextlib.suppress(OSError):
                for _ in range(200):
                    sock.sendall(b"x")
                    time.sleep(0.05)

        thread = threading.Thread(target=trickle)
        thread.start()
        status, fields = answer_of(sock)
        thread.join()
    assert (status, fields["error"]) == (408, "slow-request")
    assert running.post() == (200, b"hello")


def test_a_connection_that_stays_open_between_requests_is_not_overdue(serve):
    running = serve(REQUEST_SECONDS=0.3)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    for _ in range(3):
        connection.request("POST", "/", b"again")
        assert connection.getresponse().read() == b"again"
        time.sleep(1.2)
    connection.close()


def test_where_connections_run_short_the_one_that_waited_longest_makes_room(serve):
    running = serve(CONNECTIONS=30)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(running.connect()) for _ in range(60)]
        for sock in slow:
            with contextlib.suppress(OSError):
                sock.sendall(b"POST / HTTP/1.1\r\n")
        for _ in range(5):
            assert running.post() == (200, b"hello")
        assert answer_of(slow[0]) == (0, {})


@pytest.mark.parametrize(
    ("request_bytes", "status", "error"),
    [
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", 400, "http"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n", 400, "http"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX\r\n0\r\n\r\n", 400, "http"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "http"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "http"),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, "http"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 413, "body-limit"),
        (b"POST / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431, "header-limit"),
    ],
)
def test_a_request_that_cannot_be_read_is_4xx_in_json(serve, request_bytes, status, error):
    running = serve()
    with running.connect() as sock:
        sock.sendall(request_bytes)
        found, fields = answer_of(sock)
    assert (found, fields["error"]) == (status, error)
    assert running.post() == (200, b"hello")


def test_at_a_stop_a_request_that_has_arrived_is_answered(serve):
    running = serve()
    answers: list[tuple[int, bytes]] = []
    thread = threading.Thread(target=lambda: answers.append(running.post("/slow")))
    thread.start()
    wait_for(lambda: any(channel.requests for channel in list(running.server.active_channels.values())))
    running.server.stop()
    thread.join(20)
    running.thread.join(20)
    assert answers == [(200, b"hello")]
    with pytest.raises(OSError):
        running.connect()
