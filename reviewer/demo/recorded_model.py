"""A model endpoint on loopback that answers from recordings, by what is asked and not by the order of asking."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from reviewer.demo.recording import Recording, key_of, misfit

# The model's name in every answer: it stands under each finding.
ANSWERS_AS: Final = "recorded answer"
MOST_BYTES: Final = 4 * 1024 * 1024


class RecordedModel:
    """Serves `POST /v1/chat/completions` until it is stopped.

    `unknown` holds the requests that no recording fits, `asked` the keys of those that one fitted.
    """

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self.recordings = {row.key: row for row in recordings}
        self.unknown: dict[str, Mapping[str, Any]] = {}
        self.asked: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="recorded-model", daemon=True)

    @property
    def url(self) -> str:
        """The address for KILO_REVIEW_RECORDED_BASE_URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def start(self) -> None:
        """Start to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and close the socket."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return the status and the body for a request."""
        key = key_of(request)
        found = self.recordings.get(key)
        if found is None:
            self.unknown[key] = request
            error = {"type": "no_recording", "message": misfit(request, self.recordings.values())}
            return 400, {"error": error}
        self.asked.add(key)
        return 200, completion(found)


def completion(recording: Recording) -> dict[str, Any]:
    """Return a recording as a chat completion."""
    message = {"role": "assistant", "content": recording.answer}
    return {
        "id": f"recorded-{recording.key}",
        "object": "chat.completion",
        "created": 0,
        "model": ANSWERS_AS,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": recording.input_tokens,
            "completion_tokens": recording.output_tokens,
            "total_tokens": recording.input_tokens + recording.output_tokens,
        },
    }


def _handler(model: RecordedModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: object) -> None:
            pass

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            if length > MOST_BYTES:
                self.close_connection = True
                self._reply(413, {"error": {"type": "too_large", "message": f"more than {MOST_BYTES} bytes"}})
                return
            text = self.rfile.read(length)
            try:
                request = json.loads(text)
            except ValueError:
                request = None
            if not self.path.endswith("/chat/completions") or not isinstance(request, Mapping):
                error = {"type": "bad_request", "message": "only chat completions are answered here"}
                self._reply(404, {"error": error})
                return
            self._reply(*model.answer(request))

        def _reply(self, status: int, body: Mapping[str, Any]) -> None:
            data = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
