"""The set-up of a run: which providers it could ask, so that a replay without keys routes as the run did."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

from reviewer.errors import ConfigurationError
from reviewer.settings import Secret, Settings

# In place of a key: nobody is asked in a replay.
NO_KEY: Final = "replayed"


def write_set_up(file: Path, settings: Settings) -> None:
    """Write the names of the providers and of the model of one's own; no key and no address."""
    row = {
        "providers": sorted(settings.provider_keys),
        "model": settings.model_name,
        "own": bool(settings.model_url),
    }
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")


def read_set_up(file: Path, settings: Settings) -> Settings:
    """Return settings that can ask what the run could ask; ConfigurationError where there is no run to replay."""
    try:
        row = json.loads(file.read_text("utf-8"))
        keys = {str(name): Secret(NO_KEY) for name in row["providers"]}
        own = "http://127.0.0.1:9/v1" if row["own"] else ""
        return replace(settings, provider_keys=keys, model_name=str(row["model"]), model_url=own)
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigurationError(
            f"{file.parent} holds no run to replay", remedy="Run it once without --replay, with the same --out."
        ) from None
