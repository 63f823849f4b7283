"""A provider behind a real socket: checks the key, keeps requests and books, and misbehaves on demand."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from uuid import uuid4

from reviewer.context.tokens import count_tokens
from tests.simulators.behaviour import (
    Behaviour,
    Cut,
    ErrorInStream,
    Flood,
    Forever,
    Hang,
    Raw,
    Say,
    Status,
)
from tests.simulators.dress import dressed
from tests.simulators.shapes import SHAPES, Tokens

KEY = "sk-simulated-0123456789abcdef"
# Shorter prefixes are not cached (OpenAI and Anthropic: 1,024 tokens).
SMALLEST_CACHED = 1024
# OpenAI reads the rest of a prefix from its cache in steps of so many tokens.
CACHE_STEP = 128
# Anthropic refuses a request with more breakpoints.
MOST_BREAKPOINTS = 4
NOTHING_FOUND = Say()
# The header that names a request, where a vendor has one.
ID_HEADERS = {"openai": "x-request-id", "anthropic": "request-id"}
PATHS = {
    "openai": re.compile(r"^/v1/chat/completions$"),
    "anthropic": re.compile(r"^/v1/messages$"),
    "gemini": re.compile(r"^/v1beta/models/([^/:]+):(streamGenerateContent\?alt=sse|generateContent)$"),
}


@dataclass(frozen=True)
class OllamaServes:
    """How an Ollama serves its one model: the window, whether it is loaded already, `num_ctx` where one is set."""

    model: str = "qwen3-coder:30b"
    window: int = 4096
    loaded: bool = True
    num_ctx: int = 0
    parameter_size: str = "30.5B"


@dataclass(frozen=True)
class Request:
    """One request as it arrived; `id` is the one that the provider gave it and names in its answer."""

    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes
    at: float
    id: str = ""


class ProviderSimulator:
    """`with ProviderSimulator("openai") as provider:` listens on loopback until the block ends.

    `script` is what the next requests get, in order; when it is empty `default` answers, which may be a function of
    the request's JSON body. `ollama` makes it an Ollama, which cuts what passes its window and asks for no key.
    `books` holds what the provider would bill: one entry per answer that it worked on.
    """

    def __init__(
        self,
        protocol: str,
        *,
        default: Behaviour | Callable[[Any], Behaviour] = NOTHING_FOUND,
        script: Iterable[Behaviour] = (),
        key: str = KEY,
        ollama: OllamaServes | None = None,
    ) -> None:
        self.protocol = protocol
        self.shape = SHAPES[protocol]
        self.default = default
        self.script = deque(script)
        self.key = key
        self.ollama = ollama
        self.requests: list[Request] = []
        self.books: list[Tokens] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.abandoned = 0
        self.leaving = threading.Event()
        self._lock = threading.Lock()
        self._prefixes: set[str] = set()
        self._seen: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.provider = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leaving.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def base_url(self) -> str:
        """What our settings call the base URL."""
        return self.root + {"openai": "/v1", "anthropic": "", "gemini": "/v1beta"}[self.protocol]

    def next_behaviour(self, body: Any) -> Behaviour:
        with self._lock:
            if self.script:
                return self.script.popleft()
        return self.default if not callable(self.default) else self.default(body)

    def count(self, body: Any, answer: str, reasoning: int) -> Tokens:
        """Count as providers do: a token is about four characters, and a prefix seen before is cached."""
        parts, breakpoints = _prompt(self.protocol, body)
        total = max(1, len("".join(parts)) // 4)
        if self.ollama:
            total = min(count_tokens("".join(parts)), self.ollama.window)
        read = written = 0
        with self._lock:
            if self.protocol != "anthropic":
                # Any beginning that an earlier prompt had too, in steps of CACHE_STEP tokens.
                whole = "\n".join(parts)
                longest = max((_common(whole, seen) // 4 for seen in self._seen), default=0)
                self._seen.append(whole)
                longest -= longest % CACHE_STEP
                read = min(longest, total) if longest >= SMALLEST_CACHED else 0
            for index in breakpoints:
                prefix = "".join(parts[: index + 1])
                size = len(prefix) // 4
                if size < SMALLEST_CACHED:
                    continue
                if prefix in self._prefixes:
                    read, written = max(read, size), 0
                else:
                    self._prefixes.add(prefix)
                    written = size - read
        return Tokens(total, read, written, max(1, len(answer) // 4) + reasoning, reasoning)

    def bill(self, tokens: Tokens) -> None:
        with self._lock:
            self.books.append(tokens)

    def enter(self, delta: int) -> None:
        with self._lock:
            self.in_flight += delta
            self.most_in_flight = max(self.most_in_flight, self.in_flight)


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def _prompt(protocol: str, body: Any) -> tuple[list[str], list[int]]:
    """The texts of a prompt in order, and the indexes after which a prefix is cached."""
    parts: list[str] = []
    marks: list[int] = []

    def take(content: Any) -> None:
        for block in [{"text": content}] if isinstance(content, str) else content or []:
            parts.append(str(block.get("text", "")))
            if block.get("cache_control"):
                marks.append(len(parts) - 1)

    if protocol == "gemini":
        take((body.get("systemInstruction") or {}).get("parts"))
        for content in body.get("contents", []):
            take(content.get("parts"))
    else:
        take(body.get("system"))
        for message in body.get("messages", []):
            take(message.get("content"))
    # OpenAI and Gemini cache prefixes without being asked.
    return parts, marks if protocol == "anthropic" else []


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    provider: ProviderSimulator

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    named = ""
    counted = False

    def send_response(self, code: int, message: str | None = None) -> None:
        super().send_response(code, message)
        header = ID_HEADERS.get(self.server.provider.protocol)
        if header and self.named:
            self.send_header(header, self.named)

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        provider = self.server.provider
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        body = json.loads(raw)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.named = f"req-{uuid4().hex}"
        provider.requests.append(Request(self.path, headers, body, raw, time.monotonic(), self.named))
        provider.enter(1)
        self.counted = True
        try:
            self._answer(provider, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            provider.abandoned += 1
            self.close_connection = True
        finally:
            self._leave(provider)

    def _leave(self, provider: ProviderSimulator) -> None:
        """Called before the last bytes go out: a client that has read them may ask again at once."""
        if self.counted:
            self.counted = False
            provider.enter(-1)

    def do_GET(self) -> None:
        provider = self.server.provider
        provider.requests.append(Request(self.path, dict(self.headers), None, b"", time.monotonic()))
        if provider.ollama and self.path == "/api/ps":
            serves = provider.ollama
            row = {
                "name": serves.model,
                "model": serves.model,
                "details": {"parameter_size": serves.parameter_size},
                "context_length": serves.window,
            }
            self._json(200, {"models": [row] if serves.loaded else []})
        elif provider.ollama and self.path == "/v1/models":
            row = {"id": provider.ollama.model, "object": "model", "owned_by": "library"}
            self._json(200, {"object": "list", "data": [row]})
        elif self.path == "/v1/models":
            self._json(200, {"object": "list", "data": [{"id": "simulated", "object": "model", "owned_by": "x"}]})
        else:
            self._json(404, provider.shape.error(404, "no such path"))

    def _show(self, serves: OllamaServes, body: Any) -> None:
        if body.get("model") != serves.model:
            self._json(404, {"error": f"model '{body.get('model')}' not found"})
            return
        lines = ['stop                           "<|im_end|>"']
        if serves.num_ctx:
            lines.append(f"num_ctx                        {serves.num_ctx}")
        shown = {
            "parameters": "\n".join(lines),
            "details": {"parameter_size": serves.parameter_size},
            "model_info": {"qwen3moe.context_length": 262_144},
        }
        self._json(200, shown)

    def _answer(self, provider: ProviderSimulator, body: Any, headers: dict[str, str]) -> None:
        if provider.ollama and self.path == "/api/show":
            self._show(provider.ollama, body)
            return
        if not PATHS[provider.protocol].match(self.path):
            self._json(404, provider.shape.error(404, f"no such path: {self.path}"))
            return
        if not provider.ollama and provider.key not in (
            headers.get("authorization", "").removeprefix("Bearer "),
            headers.get("x-api-key"),
            headers.get("x-goog-api-key"),
            headers.get("api-key"),
        ):
            self._json(401, provider.shape.error(401, "invalid key"))
            return
        if provider.protocol == "anthropic" and len(_prompt("anthropic", body)[1]) > MOST_BREAKPOINTS:
            self._json(400, provider.shape.error(400, "A maximum of 4 blocks with cache_control may be provided."))
            return
        behaviour = provider.next_behaviour(body)
        if isinstance(behaviour, Status):
            error = provider.shape.error(behaviour.status, behaviour.message)
            if behaviour.error is not None:
                error = {"error": behaviour.error}
            self._json(200 if behaviour.inside else behaviour.status, error, behaviour.headers)
        elif isinstance(behaviour, Say):
            self._say(provider, body, behaviour)
        else:
            self._misbehave(provider, body, behaviour)

    def _model(self, body: Any) -> str:
        found = PATHS["gemini"].match(self.path)
        return found.group(1) if found else str(body.get("model"))

    def _say(self, provider: ProviderSimulator, body: Any, say: Say) -> None:
        model = self._model(body)
        tokens = provider.count(body, say.text, say.reasoning)
        provider.bill(tokens)
        streamed = (body.get("stream") or "streamGenerateContent" in self.path) and not say.whole
        if not streamed:
            self._leave(provider)
            answer = dressed(provider.shape.whole(model, say.text, say.finish, tokens, say.cost), say)
            self._json(200, answer, {"content-type": say.content_type} if say.content_type else None)
            return
        self._begin(say.content_type or "text/event-stream; charset=utf-8")
        for _ in range(say.comments):
            self._write(b": keep-alive\n\n")
            provider.leaving.wait(say.pause)
        self._events(provider.shape.start(model, tokens))
        for start in range(0, len(say.text), say.piece):
            name, data = provider.shape.piece(model, say.text[start : start + say.piece])
            self._events([(name, dressed(data, say))])
            if say.blanks:
                self._write(b"data:\n\ndata: \n\n")
            provider.leaving.wait(say.pause)
        wanted = bool((body.get("stream_options") or {}).get("include_usage"))
        ended = provider.shape.end(model, say.finish, tokens if say.usage else None, say.cost, wanted)
        ended = [(name, dressed(data, say)) for name, data in ended]
        if say.ending != "done":
            ended = [event for event in ended if event[1] != "[DONE]" and event[0] != "message_stop"]
        if say.ending == "no finish":
            ended = []
        self._leave(provider)
        self._events(ended)
        if say.ending == "open":
            provider.leaving.wait(60)
        if say.ending == "broken":
            # A reset instead of an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            provider.leaving.wait(0.2)
            self.connection.close()

    def _misbehave(self, provider: ProviderSimulator, body: Any, behaviour: Behaviour) -> None:
        self.close_connection = True
        if isinstance(behaviour, Hang):
            self._hang(provider, body, behaviour)
        elif isinstance(behaviour, Raw):
            self._begin(behaviour.content_type)
            self._write(behaviour.body)
        elif isinstance(behaviour, Flood):
            self._begin()
            block = b": " + b"x" * 65_534 + b"\n"
            for _ in range(behaviour.size // len(block) + 1):
                self._write(block)
        elif isinstance(behaviour, Cut):
            said = behaviour.text[: behaviour.pieces * behaviour.piece]
            pieces = [said[start : start + behaviour.piece] for start in range(0, len(said), behaviour.piece)]
            self._speak(provider, body, pieces)
        elif isinstance(behaviour, ErrorInStream):
            self._speak(provider, body, [behaviour.text])
            self._events([provider.shape.error_event(behaviour.message)])
        elif isinstance(behaviour, Forever):
            self._speak(provider, body, [behaviour.start])
            for _ in range(behaviour.limit):
                self._events([provider.shape.piece(self._model(body), behaviour.piece)])

    def _speak(self, provider: ProviderSimulator, body: Any, pieces: list[str]) -> None:
        """Begin a stream that is billed and has no end."""
        tokens = provider.count(body, "".join(pieces), 0)
        provider.bill(tokens)
        model, shape = self._model(body), provider.shape
        self._begin()
        self._events([*shape.start(model, tokens), *(shape.piece(model, piece) for piece in pieces)])

    def _hang(self, provider: ProviderSimulator, body: Any, hang: Hang) -> None:
        if hang.piece:
            self._speak(provider, body, [hang.piece])
        elif hang.headers or hang.comments:
            self._begin()
        until = time.monotonic() + hang.seconds
        while time.monotonic() < until and not provider.leaving.wait(0.05):
            if hang.comments:
                self._write(b": keep-alive\n\n")

    def _begin(self, content_type: str = "text/event-stream; charset=utf-8") -> None:
        self.send_response(200)
        self.send_header("content-type", content_type)
        # The end of a stream is the end of the connection, so that a cut one looks like one.
        self.send_header("connection", "close")
        self.end_headers()

    def _events(self, events: Iterable[tuple[str, Any]]) -> None:
        for name, data in events:
            head = f"event: {name}\n" if name else ""
            text = data if isinstance(data, str) else json.dumps(data)
            self._write(f"{head}data: {text}\n\n".encode())

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def _json(self, status: int, body: Any, headers: Any = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        given = {"content-type": "application/json", **(headers or {})}
        self.send_header("content-length", str(len(data)))
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
