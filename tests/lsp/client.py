"""A client of the language-server protocol over the real server's standard input and output."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.git_folder import ENV

# Long for a machine that is busy; no test waits for it to pass.
PATIENCE = 60.0
CAPABILITIES = {
    "window": {"workDoneProgress": True},
    "workspace": {"workspaceEdit": {"documentChanges": True}},
}


class Client:
    """`with Client(root, cache, …) as client:` starts a server for a folder; `close` ends it by the protocol."""

    def __init__(
        self,
        root: Path,
        cache: Path,
        *args: str,
        environ: dict[str, str] | None = None,
        review: dict[str, Any] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        self.root = root
        self.seen: list[dict[str, Any]] = []
        self._arrived: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._number = 0
        env = {**ENV, "HOME": str(cache), "KILO_REVIEW_CACHE_DIR": str(cache), **(environ or {})}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kilo_review", "lsp", "--stdio", *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=Path(__file__).parents[2],
        )
        threading.Thread(target=self._read, daemon=True).start()
        options = {"kilo": {"review": {"debounceMs": 50, **(review or {})}}}
        self.initialized = self.request(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": root.as_uri(),
                "workspaceFolders": [{"uri": root.as_uri(), "name": root.name}],
                "capabilities": CAPABILITIES,
                "initializationOptions": options,
                **(more or {}),
            },
        )
        self.notify("initialized", {})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End the process, however it is."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def uri(self, path: str) -> str:
        return (self.root / path).as_uri()

    def notify(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def request(self, method: str, params: Any) -> Any:
        """Return the result; what arrives meanwhile is kept in `seen`."""
        number = self.start(method, params)
        return self.result(number)

    def start(self, method: str, params: Any) -> int:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        return self._number

    def result(self, number: int) -> Any:
        answer = self.wait(lambda message: message.get("id") == number and "method" not in message)
        assert "error" not in answer, answer
        return answer["result"]

    def wait(self, wanted: Callable[[dict[str, Any]], Any], *, after: int = 0) -> dict[str, Any]:
        """Return the first message from number `after` on that is wanted."""
        until = time.monotonic() + PATIENCE
        looked = after
        while True:
            for message in self.seen[looked:]:
                looked += 1
                if wanted(message):
                    return message
            arrived = self._arrived.get(timeout=max(0.1, until - time.monotonic()))
            if arrived is None:
                raise AssertionError(f"the server ended: {(self.process.stderr and self.process.stderr.read())!r}")
            self.seen.append(arrived)
            if arrived.get("method") in ("window/workDoneProgress/create", "client/registerCapability"):
                self._send({"id": arrived["id"], "result": None})

    def open(self, path: str) -> None:
        text = (self.root / path).read_bytes().decode()
        self.notify(
            "textDocument/didOpen",
            {"textDocument": {"uri": self.uri(path), "languageId": "x", "version": 1, "text": text}},
        )

    def edit(self, path: str, text: str, version: int) -> None:
        self.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": self.uri(path), "version": version}, "contentChanges": [{"text": text}]},
        )

    def save(self, path: str) -> int:
        """Say that a file was saved; return from which message on its consequences are."""
        now = len(self.seen)
        self.notify("textDocument/didSave", {"textDocument": {"uri": self.uri(path)}})
        return now

    def saved(self, path: str) -> dict[str, Any]:
        """Say that a file was saved, and return the status of the review."""
        return self.status(self.save(path))

    def status(self, after: int) -> dict[str, Any]:
        status: dict[str, Any] = self.wait(lambda m: m.get("method") == "kilo/status", after=after)["params"]
        # What is shown is sent after the status; a request's answer comes behind both.
        self.request("workspace/executeCommand", {"command": "kilo.explain", "arguments": [{"quiet": True}]})
        return status

    def diagnostics(self, path: str) -> list[dict[str, Any]]:
        """Return what is shown in a file now."""
        sent = [
            message["params"]["diagnostics"]
            for message in self.seen
            if message.get("method") == "textDocument/publishDiagnostics"
            and message["params"]["uri"] == self.uri(path)
        ]
        return sent[-1] if sent else []

    def messages(self) -> list[str]:
        return [m["params"]["message"] for m in self.seen if m.get("method") == "window/showMessage"]

    def actions(self, path: str, line: int) -> list[dict[str, Any]]:
        at = {"line": line, "character": 0}
        return self.request(
            "textDocument/codeAction",
            {
                "textDocument": {"uri": self.uri(path)},
                "range": {"start": at, "end": at},
                "context": {"diagnostics": []},
            },
        )

    def close(self) -> int:
        """Say shutdown and exit; return the exit status."""
        self.request("shutdown", None)
        self.notify("exit", None)
        return self.process.wait(PATIENCE)

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream
        try:
            while header := stream.readline():
                if header.lower().startswith(b"content-length:"):
                    length = int(header.partition(b":")[2])
                    while stream.readline().strip():
                        pass  # Another header.
                    self._arrived.put(json.loads(stream.read(length)))
        except ValueError:
            pass  # The stream was closed by `kill`.
        self._arrived.put(None)
