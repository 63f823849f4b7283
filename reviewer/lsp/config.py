"""What an editor configures under `kilo.review`. It is the user's own, and still read like any input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

DEBOUNCE_MS: Final = 400
MOST_DEBOUNCE_MS: Final = 60_000


class OnSave(StrEnum):
    """What a save starts."""

    ANALYSERS = "analysers"
    MODEL = "model"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class EditorConfig:
    """`max_cost` is the most that one run of a model may cost in US dollars, "" for policy's limit.

    `asks_reason` is True for a client that asks its user why a finding is dismissed.
    """

    on_save: OnSave = OnSave.ANALYSERS
    debounce_ms: int = DEBOUNCE_MS
    max_cost: str = ""
    asks_reason: bool = False


def read_config(given: Any, before: EditorConfig) -> tuple[EditorConfig, tuple[str, ...]]:
    """Return the configuration with what is given, and a sentence for each value that cannot be used.

    `given` is the section itself or an object that holds it as `kilo.review` or as `{"kilo": {"review": …}}`.
    """
    section = _section(given)
    config, wrong = before, []
    for key, value in section.items():
        if value is None:
            continue
        if key == "onSave" and isinstance(value, str) and value in list(OnSave):
            config = replace(config, on_save=OnSave(value))
        elif key == "debounceMs" and type(value) is int and 0 <= value <= MOST_DEBOUNCE_MS:
            config = replace(config, debounce_ms=value)
        elif key == "maxCost" and type(value) in (str, int, float):
            config = replace(config, max_cost=str(value))
        elif key == "asksReason" and isinstance(value, bool):
            config = replace(config, asks_reason=value)
        elif key in _KNOWN:
            wrong.append(f"kilo.review.{key} cannot be {value!r}: {_KNOWN[key]}")
    return config, tuple(wrong)


_KNOWN: Final = {
    "onSave": "write analysers, model or off",
    "debounceMs": f"write milliseconds, 0 to {MOST_DEBOUNCE_MS:,}",
    "maxCost": "write US dollars, such as 0.05",
    "asksReason": "write true or false",
}


def _section(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        return {}
    for key in ("kilo.review", "kilo", "review"):
        if isinstance(given.get(key), Mapping):
            return _section(given[key])
    return {str(key): value for key, value in given.items()}
