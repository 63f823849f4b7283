"""Local model servers on their usual ports: which answer, and with which models."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import urlsplit

from reviewer.models.address import refused_url
from reviewer.models.native import Served, fetch_json, parameters_of, served
from reviewer.models.table import LocalRow

# A server on this machine accepts at once or is not there.
CONNECT_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that a local server offers; `context_window` and `parameters` are 0 where it does not say."""

    provider: str
    base_url: str
    model: str
    context_window: int = 0
    parameters: int = 0


def discover(servers: Mapping[str, str], rules: LocalRow, *, offline: bool) -> tuple[LocalModel, ...]:
    """Return the preferred model of every server that answers; `servers` is provider id → base URL.

    Another service on the port is told apart by the shape of its answer and costs at most a second.
    """
    found = []
    for provider, base_url in servers.items():
        if refused_url(base_url, offline=offline) or not _listens(base_url):
            continue
        offered = [entry for entry in list_models(base_url, offline=offline) if _plausible(provider, entry)]
        chosen = prefer([str(entry["id"]) for entry in offered], rules)
        if chosen is not None:
            entry = next(entry for entry in offered if entry["id"] == chosen)
            known = _served(base_url, entry, offline=offline)
            found.append(LocalModel(provider, base_url, chosen, known.context_window, known.parameters))
    return tuple(found)


def served_model(base_url: str, model: str, *, offline: bool) -> Served:
    """Return how a local server serves a model; what it does not say is 0."""
    if refused_url(base_url, offline=offline) or not _listens(base_url):
        return Served(0, parameters_of(model))
    rows = list_models(base_url, offline=offline)
    return _served(base_url, next((row for row in rows if row["id"] == model), {"id": model}), offline=offline)


def _served(base_url: str, entry: Mapping[str, Any], *, offline: bool) -> Served:
    """Return what the server's own API says of a model, else what its entry in the list says."""
    meta = entry.get("meta")
    size = meta.get("n_params") if isinstance(meta, dict) else None
    listed = Served(_context(entry), size if isinstance(size, int) else 0)
    own = Served() if listed.context_window else served(base_url, str(entry["id"]), offline=offline)
    return Served(
        listed.context_window or own.context_window,
        listed.parameters or own.parameters or parameters_of(str(entry["id"])),
    )


def prefer(models: list[str], rules: LocalRow) -> str | None:
    """Return the model that the globs like best, None where there is none that can review."""
    able = [name for name in models if not any(fnmatchcase(name.lower(), glob) for glob in rules.never)]
    return next((name for glob in rules.prefer for name in able if fnmatchcase(name.lower(), glob)), None)


def list_models(base_url: str, *, offline: bool) -> list[Mapping[str, Any]]:
    """Return the entries of GET /models, none where the answer is anything else."""
    data = fetch_json(base_url.rstrip("/") + "/models", offline=offline)
    rows = data.get("data") if isinstance(data, dict) else None
    return [
        row
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and isinstance(row.get("id"), str)
    ]


def _listens(base_url: str) -> bool:
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _plausible(provider: str, entry: Mapping[str, Any]) -> bool:
    # 8080 is everybody's port: only what calls itself llama.cpp is taken for llama.cpp.
    return provider != "llamacpp" or entry.get("owned_by") == "llamacpp"


def _context(entry: Mapping[str, Any]) -> int:
    meta = entry.get("meta")
    sizes = (meta if isinstance(meta, dict) else {}, entry)
    for size in (sizes[0].get("n_ctx"), sizes[1].get("max_context_length"), sizes[1].get("max_model_len")):
        if isinstance(size, int) and size > 0:
            return size
    return 0
