"""What local servers say in their own API about a model: the window that it is served with, and its size.

OpenAI's list of models says neither. Ollama serves far less than a model can read (4,096 tokens where no user set
`num_ctx`) and cuts longer prompts without a word: https://docs.ollama.com/context-length
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reviewer.egress import EgressRefused

ANSWER_SECONDS: Final = 1.0
BODY_LIMIT: Final = 1024 * 1024
_SIZE: Final = re.compile(r"(?<![a-z0-9.])(\d{1,4}(?:\.\d{1,3})?) ?([bmk])(?![a-z0-9])")
_UNITS: Final = {"b": 1_000_000_000, "m": 1_000_000, "k": 1_000}
_NUM_CTX: Final = re.compile(r"^num_ctx[ \t]{1,80}(\d{1,9})[ \t]{0,80}$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Served:
    """How a server serves a model: tokens of window and number of parameters, 0 where it does not say."""

    context_window: int = 0
    parameters: int = 0


def served(base_url: str, model: str, *, offline: bool) -> Served:
    """Ask the server behind an OpenAI-compatible base URL in its own words; what it does not say is 0."""
    root = base_url.rstrip("/").removesuffix("/v1")
    running = fetch_json(f"{root}/api/ps", offline=offline)
    if isinstance(running, Mapping) and isinstance(running.get("models"), list):
        return _ollama(root, model, running["models"], offline=offline)
    listed = fetch_json(f"{root}/api/v0/models", offline=offline)
    rows = listed.get("data") if isinstance(listed, Mapping) else None
    row = next((row for row in _objects(rows) if row.get("id") == model), {})
    return Served(_whole(row.get("loaded_context_length")), parameters_of(model))


def parameters_of(name: str) -> int:
    """Read a model's size from its name ("qwen3-coder:30b", "smollm2-135m"), 0 where the name holds none."""
    sizes = [float(number) * _UNITS[unit] for number, unit in _SIZE.findall(name.lower())]
    return int(max(sizes, default=0))


def _ollama(root: str, model: str, running: object, *, offline: bool) -> Served:
    row = next((row for row in _objects(running) if model in _names(row)), {})
    size = parameters_of(_text(_object(row.get("details")).get("parameter_size")))
    if window := _whole(row.get("context_length")):
        return Served(window, size or parameters_of(model))
    shown = _object(fetch_json(f"{root}/api/show", offline=offline, send={"model": model}))
    info = _object(shown.get("model_info"))
    size = (
        size
        or _whole(info.get("general.parameter_count"))
        or parameters_of(_text(_object(shown.get("details")).get("parameter_size")))
    )
    asked = _NUM_CTX.search(_text(shown.get("parameters")))
    # What the model could read at most says nothing about what it is served with.
    return Served(int(asked[1]) if asked else 0, size or parameters_of(model))


def fetch_json(url: str, *, offline: bool, send: Mapping[str, Any] | None = None) -> object:
    """Return what a local server answers to a GET, or to a POST of `send`; None for anything but JSON."""
    import httpx  # noqa: PLC0415 - only where something listens

    from reviewer.models.client import client_for  # noqa: PLC0415

    try:
        with client_for(url, offline=offline).stream(
            "GET" if send is None else "POST",
            url,
            json=None if send is None else dict(send),
            timeout=httpx.Timeout(ANSWER_SECONDS),
        ) as response:
            if response.status_code != 200:
                return None
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > BODY_LIMIT:
                    return None
        value: object = json.loads(body)
    except (httpx.HTTPError, EgressRefused, ValueError, RecursionError):
        return None
    return value


def _names(row: Mapping[str, Any]) -> tuple[str, ...]:
    names = [_text(row.get("name")), _text(row.get("model"))]
    return (*names, *(name.removesuffix(":latest") for name in names))


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
