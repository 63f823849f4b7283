"""Serve a GGUF model with llama.cpp in this process: `python -m reviewer.demo.llama_server FILE PORT`."""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Final

CONTEXT_TOKENS: Final = 8192
# llama.cpp's threads wait for each other in a busy loop: with two on two busy cores it is fifty times slower.
THREADS: Final = 1
BATCH: Final = 512


def main(weights: str, port: int) -> None:
    """Serve until the process is ended."""
    # A compiled package of 100 MB that only this process needs.
    xllamacpp = import_module("xllamacpp")

    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.model_alias = {Path(weights).stem.lower()}
    params.n_ctx = CONTEXT_TOKENS
    params.n_batch = BATCH
    params.n_parallel = 1
    params.cpuparams.n_threads = THREADS
    params.cpuparams_batch.n_threads = THREADS
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.use_jinja = True
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201 - for the log
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
